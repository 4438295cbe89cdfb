"""What data files become: lines that tell where they belong."""

from pathlib import Path

import pytest

from documents.extraction.base import ExtractedDocument, Limits
from documents.extraction.errors import ExtractionError
from documents.extraction.registry import load_extractor
from documents.tests.made_files import LIMITS


@pytest.fixture
def read(tmp_path: Path):
    def read(extension: str, data: str | bytes, limits: Limits = LIMITS) -> ExtractedDocument:
        path = tmp_path / f"file.{extension}"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return load_extractor(extension).extract(path, limits)

    return read


def code_of(read, extension: str, data: str | bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(ExtractionError) as raised:
        read(extension, data, limits)
    return raised.value.code


def test_values_come_with_the_names_that_lead_to_them(read) -> None:
    data = """{"name": "kb", "server": {"ports": [80, 443], "tls": {"on": true, "ca": null}},
        "rate": 0.10, "users": [{"name": "Ana", "city": "Lisboa"},
        {"name": "Bo", "tags": ["a"]}]}"""
    assert read("json", data).pages[0].text == (
        "name: kb\n\nserver.ports: 80, 443\nserver.tls.on: true\n\nrate: 0.10\n"
        "users[0]: name: Ana; city: Lisboa\n\nusers[1].name: Bo\nusers[1].tags: a"
    )


def test_yaml_reads_like_json_with_its_comments(read) -> None:
    data = """# Who may sign in.
# --------
defaults: &d {hours: 12}
web:
  <<: *d
  text: |
    two
    lines
---
second: yes
"""
    text = read("yaml", data).pages[0].text
    assert text.startswith("Who may sign in.\n\ndefaults.hours: 12\n")
    assert "web.text: two lines" in text
    assert text.endswith("second: yes")


def test_what_is_no_data_is_read_as_the_text_that_it_is(read) -> None:
    assert read("json", "// note\n{a: 1}").pages[0].text == "// note\n{a: 1}"
    assert read("yaml", "{{- if .x }}\na: {{ .y }}\n  b").pages[0].text.startswith("{{- if .x }}")


def test_xml_data_gives_lines_and_xml_text_paragraphs(read) -> None:
    data = """<?xml version="1.0" encoding="iso-8859-1"?><land size="9"><city><name>K\xf6ln</name>
        <rule>late</rule></city><city><name>Ulm</name></city><note>x</note></land>"""
    assert read("xml", data.encode("latin-1")).pages[0].text == (
        "size: 9\ncity[0]: name: Köln; rule: late\ncity[1]: name: Ulm\nnote: x"
    )
    text = "<doc><title>Travel</title><p>Book <b>early</b>, always.</p><p>End.</p></doc>"
    page = read("xml", text).pages[0]
    assert page.text == "Travel\n\nBook early, always.\n\nEnd."
    assert [h.title for h in page.headings] == ["Travel"]


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a [<!ENTITY x "lol"><!ENTITY y "&x;&x;&x;">]>',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://example.org/x"> %x;]>',
    ],
)
def test_entities_are_refused(read, declared: str) -> None:
    assert code_of(read, "xml", f"{declared}<a>&x;</a>") == "unsafe"
    assert code_of(read, "xml", f"{declared}<a>&x;</a>".encode("utf-16")) == "unsafe"


def test_a_reference_to_a_document_type_is_not_followed(read) -> None:
    data = '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a>text</a>'
    assert read("xml", data).pages[0].text == "a: text"


@pytest.mark.parametrize(
    ("extension", "data", "code"),
    [
        ("json", "[" * 100_000, "too_complex"),
        ("json", "[" * 500 + "1" + "]" * 500, "too_complex"),
        ("json", "{}", "empty"),
        ("yaml", "- " * 20_000 + "x", "too_complex"),
        ("yaml", "", "empty"),
        ("xml", "<a>" * 5_000, "damaged"),
        ("xml", "<a/>", "empty"),
        ("xml", "", "damaged"),
    ],
)
def test_what_gives_no_text_is_named(read, extension: str, data: str, code: str) -> None:
    assert code_of(read, extension, data) == code


def test_references_that_multiply_are_stopped(read) -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))
    data = f"a0: &a0 [x, x]\n{levels}"
    assert code_of(read, "yaml", data, Limits(9, 100_000)) == "too_long"


def test_a_tag_makes_no_object(read) -> None:
    text = read("yaml", "a: !!python/object/apply:os.system ['true']").pages[0].text
    assert text == "a: true"
