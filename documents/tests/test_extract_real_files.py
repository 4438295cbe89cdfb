"""Real, broken and hostile files all end in pages or in a sentence for the user."""

import json
import re
import shutil
from pathlib import Path

import pytest
from django.conf import settings

from documents.exceptions import DocumentFailure
from documents.extraction.base import ExtractedDocument
from documents.extraction.registry import accepted_extensions, detect_type
from documents.extraction.runner import extract_file
from documents.tests.made_files import REAL_FILES
from knowledge.lib.errors import UnsupportedType

DOCUMENTS = REAL_FILES / "documents"
needs_files = pytest.mark.skipif(
    not DOCUMENTS.exists(), reason="the real files (../shared/data/documents) are not here"
)
pytestmark = needs_files

FILES = sorted(
    path
    for path in DOCUMENTS.glob("*/*")
    if path.suffix[1:].lower() in accepted_extensions() and path.name != "nul_bytes.txt"
)  # fmt: skip
ALL_FILES = sorted(DOCUMENTS.glob("*/*"))
NEEDS_OCR = {
    "good/single_table.pdf",
    "scanned/docling_ocr_test.pdf",
    "scanned/docling_ocr_test_rotated_90.pdf",
    "scanned/docling_2206.01062.tif",
    "image/DA-1p.png",
    "image/example.jpg",
    "image/table-multi-row-column-cells.png",
}
OLDER_OFFICE = {".doc", ".xls", ".ppt"}
# What cannot give text, and why.
FAILURES = {
    "image/example.jpg": "no_text",
    "bad/empty.txt": "empty",
    "bad/empty.xlsx": "empty",
    "bad/fake-text-all-whitespace.txt": "empty",
    "encrypted/fake-encrypted.eml": "encrypted",
    "encrypted/fake-encrypted.msg": "encrypted",
    "encrypted/password.pdf": "encrypted",
    "encrypted/password_protected.xlsx": "encrypted",
    "hostile/billion_laughs.docx": "damaged",
    "hostile/bomb_many_paras.docx": "unpacks_too_large",
    "hostile/flate_bomb.pdf": "crashed",
    "hostile/loop_pages.pdf": "damaged",
    "hostile/truncated.docx": "damaged",
    "hostile/xxe.docx": "unsafe",
}
HAS_TESSERACT = shutil.which("tesseract") is not None
HAS_LIBREOFFICE = shutil.which("soffice") is not None
REFUSED = {
    "bad/file_we_dont_want_imported",
    "encrypted/docling_pages_password_protected.pages",
    "good/simple.zip",
    "hostile/gzip_bomb.txt.gz",
    "hostile/nested_zip_bomb.zip",
    "hostile/nul_bytes.txt",
}


def failure_of(path: Path) -> str | None:
    """Return the code that a file is to fail with here, None if it is to be read."""
    name = f"{path.parent.name}/{path.name}"
    if name in NEEDS_OCR and not HAS_TESSERACT:
        return "no_text"
    if path.suffix in OLDER_OFFICE and not HAS_LIBREOFFICE:
        return "needs_converter"
    return FAILURES.get(name)


def read(name: str) -> ExtractedDocument:
    path = DOCUMENTS / name
    with path.open("rb") as file:
        stored = detect_type(path.name, file.read(65_536), file)
    return extract_file(path, extension=stored.extension)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_ends_in_pages_or_in_a_sentence(path: Path) -> None:
    name = f"{path.parent.name}/{path.name}"
    if (code := failure_of(path)) is not None:
        with pytest.raises(DocumentFailure) as raised:
            read(name)
        assert raised.value.code == code
        assert raised.value.message.endswith(".")
        assert raised.value.may_pass is False
        return
    document = read(name)
    assert 0 < len(document.pages) <= settings.MAX_PAGES
    assert any(page.text.strip() for page in document.pages)
    for page in document.pages:
        assert not set(page.text) & {"\0", "\r", "\t", "\u00ad", "\ufeff", "\ufffe", "\u202e"}
        assert all(page.text[h.offset :].startswith(h.title[:20]) for h in page.headings)


@pytest.mark.parametrize("path", ALL_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_is_accepted_as_what_it_is_or_refused_with_the_list(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(65_536)
        if f"{path.parent.name}/{path.name}" in REFUSED:
            with pytest.raises(UnsupportedType, match="Accepted are"):
                detect_type(path.name, head, file)
            return
        stored = detect_type(path.name, head, file)
    named = {"asciidoc": "adoc", "tsv": "csv", "xlsm": "xlsx"}
    extension = path.suffix[1:].lower()
    assert stored.extension == named.get(extension, extension)


@pytest.mark.parametrize(
    ("name", "page", "sentence"),
    [
        ("good/docling_multi_page.pdf", 2, "Google Docs enabled real-time editing and sharing"),
        ("good/list-item-example.pdf", 1, "It then introduces the four steps of successful"),
        ("good/fr_olap.pdf", 1, "repose sur l’exploitation et la fouille de fichiers logs"),
        ("good/docling_amt_handbook_sample.pdf", 1, "attached to the structure in a positive"),
        ("good/page-breaks.docx", 2, "Text on second page."),
        ("good/handbook-1p.docx", 1, "The United States Trustee appoints and supervises"),
        ("good/docling_unit_test_headers_numbered.docx", 1, "1.2.1. Section 1.2.3"),
        ("good/docling_wiki_duck.html", 1, "Duck is the common name for numerous species of"),
        ("good/fake-html-cp1252.html", 1, "Der Preis betrug 15,50 €."),
        ("good/example-steelJIS-datasheet-utf-16.html", 1, "Bars | 890 | 1000 | 12 | 40"),
        ("good/fake-text-utf-32.txt", 1, "This is a test"),
        ("good/UDHR_first_article_all.txt", 1, "是人都生而自由，在尊严和权利上一律平等。"),
        ("good/stanley-cups.csv", 1, "Team: Maple Leafs; Location: TOR; Stanley Cups: 13"),
        ("good/README.md", 1, "- factbook.xml/factbook.xsl - Example XML/XLS files"),
        ("good/docling_docx_comments.docx", 1, "Comment: Another comment by a different reviewer."),
        ("good/docling_powerpoint_comments.pptx", 3, "- Export a parsed document to formats that"),
        ("good/docling_powerpoint_comments.pptx", 1, "Comment: This is a sample response"),
        ("good/docling_pptx_chart.pptx", 1, "2021 | 150 | 110"),
        ("good/fake-power-point-table.pptx", 1, "Tangerine | Pink | Aqua"),
        ("good/science-exploration-1p.pptx", 1, "  - Code 605: Science Proposal Support Office"),
        ("bad/docling_powerpoint_bad_text.pptx", 1, "X-Library The fully customisable"),
        ("bad/fake-power-point-malformed.pptx", 1, "Test Slide"),
        ("good/stanley-cups.xlsx", 2, "Team: Maple Leafs; Location: TOR; Stanley Cups: 0"),
        ("good/2023-half-year-analyses-by-segment.xlsx", 1, "Zone NA; Sales (a): 12,553"),
        ("good/2023-half-year-analyses-by-segment.xlsx", 1, "Trading operating profit: 2,632"),
        ("good/docling_xlsx_02_sample_sales_data.xlsm", 1, "Widget B; Date: 2024-01-02"),
        ("good/docling_xlsx_03_chartsheet.xlsx", 2, "2023 | 160 | 120"),
        ("good/docling_odf_table_with_title_01.ods", 1, "Year: 2024; Freshwater Ducks: 180"),
        ("good/docling_odf_presentation_01.odp", 2, "Notes: Some notes on the second slide."),
        ("good/docling_text_document_01.odt", 1, "    - bullet list 2.2.1"),
        ("good/eng_spa_mult.rtf", 1, "dotados como están de razón y conciencia"),
        ("good/family-day.eml", 1, "From: Mallori Harrell <mallori@unstructured.io>"),
        ("good/fake-email-attachment.eml", 1, "Attachments: fake-attachment.txt"),
        ("good/fake-email-attachment.msg", 1, "Here's the attachments!"),
        ("bad/email-replace-mime-encodings-error-3.eml", 1, "Last chance to sign up."),
        ("bad/fake-email-malformed-encoding.eml", 1, "- Roses are red"),
        ("good/docling_epub_purvis_poetry.epub", 1, "By Sarah Louisa Forten Purvis."),
        ("good/simple.json", 1, "[1].text: Parrots"),
        ("good/simple.yaml", 1, "xmas-fifth-day.partridges.location: a pear tree"),
        ("good/factbook.xml", 1, "country[1]: name: Canada; capital: Ottawa"),
        ("good/README.org", 1, "factbook.xml / factbook.xsl - Example XML/XLS"),
        ("good/README.rst", 1, "- layout-parser-paper.pdf - A PDF copy of the layout parser paper"),
        ("good/docling_asciidoc_02.asciidoc", 1, "Cell 10 | Cell 11 | Cell 12"),
        ("good/docling_main.tex", 1, "we presented the Transformer, the first"),
        ("good/docling_webvtt_example_01.vtt", 1, "Neil deGrasse Tyson: Didn’t we talk about"),
        ("bad/umlauts-non-utf8.md", 1, "äöüß"),
        ("bad/docling_invisible_text_layer.pdf", 1, "Visible heading line"),
        ("bad/failure-after-repair.pdf", 2, "First published May 2006."),
        ("encrypted/copy-protected.pdf", 2, "difficulties for taking advantages of recent"),
        ("hostile/fake_page_count.pdf", 1, "one page really"),
    ],
)  # fmt: skip
def test_sentences_of_real_files_can_be_quoted(name: str, page: int, sentence: str) -> None:
    assert sentence in read(name).pages[page - 1].text


@pytest.mark.skipif(not HAS_TESSERACT, reason="Tesseract (tesseract-ocr) is not installed")
@pytest.mark.parametrize(
    ("name", "page", "phrase"),
    [
        ("scanned/docling_ocr_test.pdf", 1, "Docling bundles PDF document conversion"),
        ("scanned/docling_ocr_test_rotated_90.pdf", 1, "Docling bundles PDF document conversion"),
        (
            "scanned/docling_2206.01062.tif",
            1,
            "Accurate document layout analysis is a key requirement",
        ),
        ("image/DA-1p.png", 1, "We had been tracking the maleficar for days"),
        ("image/table-multi-row-column-cells.png", 1, "Mobility | 95.4%, n=3"),
        ("good/single_table.pdf", 1, "Base 256 | 32,051 | 400.64 (242.04)"),
    ],
)
def test_words_of_real_scans_are_recognized(name: str, page: int, phrase: str) -> None:
    assert phrase in read(name).pages[page - 1].text


def test_the_handbooks_answers_stand_in_its_text() -> None:
    questions = (REAL_FILES / "handbook" / "qa.jsonl").read_text().splitlines()
    for question in map(json.loads, questions):
        if not question["answerable"]:
            continue
        texts = [
            " ".join(page.text for page in extract_file(path, extension="md").pages)
            for path in (REAL_FILES / "handbook" / gold for gold in question["gold"])
        ]
        quote = re.sub(r"[*\[\]]", "", question["quote"])
        assert any(quote.lower() in text.lower() for text in texts), question["id"]
