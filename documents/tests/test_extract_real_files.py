"""Real, broken and hostile files all end in pages or in a sentence for the user."""

import json
import re
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
    if path.suffix[1:].lower() in accepted_extensions()
)  # fmt: skip
# What cannot give text, and why.
FAILURES = {
    "good/single_table.pdf": "no_text",
    "bad/empty.txt": "empty",
    "bad/fake-text-all-whitespace.txt": "empty",
    "encrypted/password.pdf": "encrypted",
    "scanned/docling_ocr_test.pdf": "no_text",
    "scanned/docling_ocr_test_rotated_90.pdf": "no_text",
    "hostile/billion_laughs.docx": "damaged",
    "hostile/bomb_many_paras.docx": "unpacks_too_large",
    "hostile/flate_bomb.pdf": "crashed",
    "hostile/loop_pages.pdf": "damaged",
    "hostile/truncated.docx": "damaged",
    "hostile/xxe.docx": "unsafe",
}


def read(name: str) -> ExtractedDocument:
    path = DOCUMENTS / name
    return extract_file(path, extension=path.suffix[1:].lower())


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_ends_in_pages_or_in_a_sentence(path: Path) -> None:
    name = f"{path.parent.name}/{path.name}"
    if name in FAILURES:
        with pytest.raises(DocumentFailure) as raised:
            read(name)
        assert raised.value.code == FAILURES[name]
        assert raised.value.message.endswith(".")
        assert raised.value.may_pass is False
        return
    document = read(name)
    assert 0 < len(document.pages) <= settings.MAX_PAGES
    assert any(page.text.strip() for page in document.pages)
    for page in document.pages:
        assert not set(page.text) & {"\0", "\r", "\t", "\u00ad", "\ufeff", "\ufffe", "\u202e"}
        assert all(page.text[h.offset :].startswith(h.title[:20]) for h in page.headings)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_is_known_by_its_head_but_for_binary_text(path: Path) -> None:
    head = path.read_bytes()[:65_536]
    if path.name == "nul_bytes.txt":
        with pytest.raises(UnsupportedType):
            detect_type(path.name, head)
        return
    assert detect_type(path.name, head).content_type


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
        ("bad/umlauts-non-utf8.md", 1, "äöüß"),
        ("bad/failure-after-repair.pdf", 2, "First published May 2006."),
        ("encrypted/copy-protected.pdf", 2, "difficulties for taking advantages of recent"),
        ("hostile/fake_page_count.pdf", 1, "one page really"),
    ],
)  # fmt: skip
def test_sentences_of_real_files_can_be_quoted(name: str, page: int, sentence: str) -> None:
    assert sentence in read(name).pages[page - 1].text


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
