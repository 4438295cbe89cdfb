"""A document has the date that it gives itself, else that of its file, else of its upload."""

import datetime
import io
import zipfile

import pytest

from documents.document_dates import date_document
from documents.extraction.base import ExtractedDocument, ExtractedPage
from documents.extraction.runner import extract_file
from documents.models import Document
from knowledge.tests.test_house import ROOT


def dated(text: str, of_file: datetime.date | None = None) -> tuple[str, datetime.date | None]:
    document = Document(filename="a.txt")
    pages = (ExtractedPage(1, text),)
    date_document(document, ExtractedDocument(pages, dated_on=of_file))
    return document.dated_by, document.dated_on


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Leave\n\nLast updated 20 January 2026. Owner: People.", (2026, 1, 20)),
        ("Version 3.1, 10 December 2025. Owner: DPO", (2025, 12, 10)),
        ("In force since 1 April 2025.", (2025, 4, 1)),
        ("Effective date: 2024-05-06", (2024, 5, 6)),
        ("Date: Mon, 3 Mar 2025 10:00:00 +0100", (2025, 3, 3)),
        ("Approved by the board on September 3, 2025", (2025, 9, 3)),
        ("Version 3.0, in force since 1 February 2026. Next review: February 2027.", (2026, 2, 1)),
        ("Status: March 2024", (2024, 3, 1)),
    ],
)
def test_the_text_says_how_old_it_is(text, date):
    assert dated(text, datetime.date(2020, 1, 1)) == ("text", datetime.date(*date))


@pytest.mark.parametrize(
    "text",
    [
        "The office was opened on 3 May 2019.",
        "Valid until 31 December 2025.",
        "Next review: February 2027.",
        "Updated 31 June 2025.",
        "The allowance rises for invoices dated 1 July 2026 or later.",
        "Benefit: Lunch; Amount: 8 euros; Valid since: 2024-01-01; Owner: People",
    ],
)
def test_other_dates_say_nothing_of_it(text):
    assert dated(text) == ("upload", None)


def test_a_file_that_comes_from_the_future_has_no_date():
    assert dated("Hello.", datetime.date(2999, 1, 1)) == ("upload", None)
    assert dated("Hello.", datetime.date(2024, 1, 1)) == ("file", datetime.date(2024, 1, 1))


def test_without_a_date_of_its_own_it_is_dated_by_its_upload():
    document = Document(created_at=datetime.datetime(2026, 3, 4, tzinfo=datetime.UTC))
    assert (document.date, document.dated_by) == (datetime.date(2026, 3, 4), "upload")


@pytest.mark.parametrize(
    "name", ["leave-policy.docx", "information-security-policy.pdf", "on-call.md"]
)
def test_the_samples_are_dated(name):
    file = ROOT / "samples" / name
    document = Document(filename=name)
    date_document(document, extract_file(file, extension=file.suffix[1:]))
    assert document.dated_by == "text"


def test_office_files_and_front_matter_are_read(tmp_path):
    docx = (ROOT / "samples" / "leave-policy.docx").read_bytes()
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(docx)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = (
                    b'<c xmlns:t="http://purl.org/dc/terms/">'
                    b"<t:modified>2021-02-03T04:05:06Z</t:modified></c>"
                )
            new.writestr(name, content)
    (tmp_path / "a.docx").write_bytes(changed.getvalue())
    (tmp_path / "a.md").write_text("---\ntitle: A\nlastUpdated: 2022-03-04\n---\nHello world.\n")
    assert extract_file(tmp_path / "a.docx", extension="docx").dated_on == datetime.date(2021, 2, 3)
    assert extract_file(tmp_path / "a.md", extension="md").dated_on == datetime.date(2022, 3, 4)
