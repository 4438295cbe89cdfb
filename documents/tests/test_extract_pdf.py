"""What a PDF becomes: its own pages, with paragraphs that read as sentences."""

from pathlib import Path

import pytest

from documents.extraction.base import ExtractedDocument, Limits
from documents.extraction.errors import ExtractionError
from documents.extraction.pdf import PdfExtractor
from documents.tests.made_files import LIMITS, column, pdf, scanned_pdf


@pytest.fixture
def read(tmp_path: Path):
    def read(data: bytes, limits: Limits = LIMITS) -> ExtractedDocument:
        path = tmp_path / "file.pdf"
        path.write_bytes(data)
        return PdfExtractor().extract(path, limits)

    return read


WRAPPED = (
    "Employees may claim travel expenses for journeys that were",
    "approved beforehand. Receipts are kept for ten years by the",
    "department of finance.",
)


def test_pages_keep_the_files_numbers_though_one_is_empty(read) -> None:
    document = read(pdf([column("First page."), [], column("Third page.")], title="Rules"))
    assert [(p.number, p.text) for p in document.pages] == [
        (1, "First page."),
        (2, ""),
        (3, "Third page."),
    ]
    assert document.title == "Rules"


def test_lines_of_a_paragraph_are_joined_and_paragraphs_are_not(read) -> None:
    lines = [*column(*WRAPPED), *column(*WRAPPED, top=640)]
    assert read(pdf([lines])).pages[0].text == " ".join(WRAPPED) + "\n\n" + " ".join(WRAPPED)


def test_a_line_that_ends_early_ends_its_paragraph(read) -> None:
    lines = column("Short line.", *WRAPPED)
    assert read(pdf([lines])).pages[0].text == "Short line.\n" + " ".join(WRAPPED)


def test_broken_words_are_whole_again_and_compounds_keep_their_hyphen(read) -> None:
    text = read(
        pdf([column("All of the employees must record their reimburse-",
                    "ments, and a well-known rule is that long-",
                    "term contracts need two signatures. The long term counts.")])
    ).pages[0].text  # fmt: skip
    assert "reimbursements, and a well-known rule is that long-term contracts" in text


def test_list_items_stand_on_lines_of_their_own(read) -> None:
    lines = [
        *column("The following are covered by the policy of the firm:"),
        *column("• trains of the first class if the journey takes", left=90, top=686),
        *column("longer than three hours", left=100, top=672.8),
        *column("• hotels", left=90, top=659.6),
    ]
    assert read(pdf([lines])).pages[0].text == (
        "The following are covered by the policy of the firm:\n"
        "• trains of the first class if the journey takes longer than three hours\n• hotels"
    )


def test_cells_of_a_row_stay_on_one_line(read) -> None:
    lines = [
        *column("City", "Paris", "Lyon", top=700),
        *column("Limit", "150 euros", "90 euros", left=300, top=700),
    ]
    rows = [lines[i] for pair in zip(range(3), range(3, 6), strict=True) for i in pair]
    assert read(pdf([rows])).pages[0].text == "City | Limit\nParis | 150 euros\nLyon | 90 euros"


def test_larger_and_bold_lines_are_headings(read) -> None:
    lines = [
        *column("Travel policy", size=20),
        *column(*WRAPPED, top=660),
        *column("*Hotels", top=600),
        *column(*WRAPPED, top=580),
    ]
    page = read(pdf([lines])).pages[0]
    assert [(h.level, h.title, page.text[h.offset :][:6]) for h in page.headings] == [
        (1, "Travel policy", "Travel"),
        (2, "Hotels", "Hotels"),
    ]


def test_headers_and_footers_of_most_pages_are_dropped(read) -> None:
    pages = [
        [*column("Acme handbook", top=780), *column(f"Rule number {n} holds."), *column(
            f"Page {n} of 6", top=30
        )]
        for n in range(1, 7)
    ]  # fmt: skip
    assert [p.text for p in read(pdf(pages)).pages] == [
        f"Rule number {n} holds." for n in range(1, 7)
    ]


def test_a_pdf_of_blank_pages_is_empty(read) -> None:
    with pytest.raises(ExtractionError, match="no text in it") as raised:
        read(pdf([[], []]))
    assert (raised.value.code, raised.value.may_pass) == ("empty", False)


def test_pages_that_are_pictures_are_called_scans(read) -> None:
    document = read(scanned_pdf("one", "two"))
    assert [page.text for page in document.pages] == ["", ""]
    assert document.scans == (1, 2)


def test_a_pdf_with_a_password_says_what_to_do(read) -> None:
    with pytest.raises(ExtractionError, match="protected with a password") as raised:
        read(pdf([column("secret")], encrypted=True))
    assert raised.value.code == "encrypted"


@pytest.mark.parametrize("data", [b"%PDF-1.7\nnothing", b"", pdf([column("x")])[:200]])
def test_a_broken_pdf_is_called_damaged(read, data: bytes) -> None:
    with pytest.raises(ExtractionError) as raised:
        read(data)
    assert raised.value.code == "damaged"


def test_limits_hold(read) -> None:
    with pytest.raises(ExtractionError, match="more than 2 pages"):
        read(pdf([column("a")] * 3), Limits(pages=2, characters=100))
    with pytest.raises(ExtractionError, match="more than 5 characters"):
        read(pdf([column("abcdef")]), Limits(pages=2, characters=5))


def test_a_script_in_the_file_is_not_run_and_does_no_harm(read) -> None:
    script = "/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>"
    assert read(pdf([column("Text.")], extra=script)).pages[0].text == "Text."


def test_what_stands_outside_the_page_is_not_read(read) -> None:
    page = [
        *column("A page with words."),
        *column("cut off", left=650, top=600),
        *column("below", top=-40),
    ]
    assert read(pdf([page])).pages[0].text == "A page with words."


def test_text_without_ink_is_read_over_a_picture_and_nowhere_else(read) -> None:
    hidden = pdf([column("MARK", "seen")]).replace(
        b"/F1 11 Tf 1 0 0 1 72 700", b"/F1 11 Tf 3 Tr 1 0 0 1 72 700"
    )
    assert b"3 Tr" in hidden
    hidden = hidden.replace(b"(seen)", b"0 Tr (seen)")
    assert "MARK" not in read(hidden).pages[0].text
