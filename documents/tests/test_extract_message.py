"""What an e-mail message becomes: who wrote what to whom, and the files that came with it."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from documents.extraction.base import Attachment, ExtractedDocument, Limits
from documents.extraction.eml import EmlExtractor
from documents.extraction.errors import ExtractionError
from documents.extraction.message import unflowed

LIMITS = Limits(pages=9, characters=100_000, attachments=3, attachment_bytes=1_000)
HEAD = """Subject: Rules
To: bo@example.org
From: Ana <ana@example.org>
Date: Fri, 01 Mar 2024 10:00:00 +0000
"""
SHOWN = """Rules

From: Ana <ana@example.org>
To: bo@example.org
Date: Fri, 01 Mar 2024 10:00:00 +0000"""


@pytest.fixture
def read(tmp_path: Path):
    def read(data: bytes | str | EmailMessage, limits: Limits = LIMITS) -> ExtractedDocument:
        path = tmp_path / "file.eml"
        if isinstance(data, EmailMessage):
            data = data.as_bytes()
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return EmlExtractor().extract(path, limits)

    return read


def message(**more) -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = "Rules", "Ana <ana@example.org>", "bo@example.org"
    made["Date"] = "Fri, 01 Mar 2024 10:00:00 +0000"
    made.set_content("Book early.\n")
    return made


def test_the_fields_stand_above_the_text(read) -> None:
    document = read(f"{HEAD}\nBook early.\n\nAna\n")
    assert document.title == "Rules"
    assert document.pages[0].text == f"{SHOWN}\n\nBook early.\n\nAna"
    assert [h.title for h in document.pages[0].headings] == ["Rules"]


def test_plain_text_is_preferred_and_html_read_where_there_is_no_other(read) -> None:
    both = message()
    both.add_alternative("<p>From HTML</p>", subtype="html")
    assert read(both).pages[0].text == f"{SHOWN}\n\nBook early."
    html = "<style>x</style><ul><li>Book <b>early</b></ul><img src='https://t.example/x.gif'>"
    only = f"{HEAD}Content-Type: text/html; charset=utf-8\n\n{html}"
    assert read(only).pages[0].text == f"{SHOWN}\n\n- Book early"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ('charset="koi8-r"', "Привет, коллеги.".encode("koi8-r")),
        ("charset=iso-2022-jp", "会議は明日です。".encode("iso2022_jp")),
        ("charset=no-such-thing", "Größe zählt.".encode()),
        ("charset=utf-8\nContent-Transfer-Encoding: base64", b"R3LDvMOfZQ=="),
        ("charset=latin-1\nContent-Transfer-Encoding: quoted-printable", b"Gr=FC=DFe"),
        ("charset=utf-8\nContent-Transfer-Encoding: 9bit", "Grüße".encode()),
    ],
)
def test_the_text_is_read_in_the_encoding_of_its_part(read, kind: str, body: bytes) -> None:
    data = f"{HEAD}Content-Type: text/plain; {kind}\n\n".encode() + body
    text = read(data).pages[0].text.rpartition("\n\n")[2]
    assert text in ("Привет, коллеги.", "会議は明日です。", "Größe zählt.", "Grüße")


def test_encoded_words_of_fields_are_read(read) -> None:
    head = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= =?koi8-r?B?8NLJ18XU?=\nFrom: =?x?x?x?= <a@b.c>\n"
    document = read(f"{head}\nHi.")
    assert document.title == "GrüßeПривет"


def test_attachments_are_named_and_handed_on(read) -> None:
    made = message()
    made.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="a/../ü.pdf")
    inner = EmailMessage()
    inner["Subject"] = "Older"
    inner.set_content("old text")
    made.add_attachment(inner)
    made.add_attachment(b"x", maintype="image", subtype="png", cid="<logo>", disposition="inline")
    document = read(made)
    assert [a.name for a in document.attachments] == ["ü.pdf", "Older.eml"]
    assert document.attachments[0] == Attachment("ü.pdf", b"%PDF-1.7")
    assert b"old text" in document.attachments[1].content
    assert document.pages[0].text == f"{SHOWN}\nAttachments: ü.pdf, Older.eml\n\nBook early."
    assert document.warnings == ()


def test_attachments_beyond_the_limits_are_named_in_a_warning(read) -> None:
    made = message()
    for number in range(5):
        made.add_attachment(b"x" * 300, maintype="a", subtype="b", filename=f"{number}.bin")
    for limits in (LIMITS, Limits(9, 100_000, attachments=99, attachment_bytes=900)):
        document = read(made, limits)
        assert [a.name for a in document.attachments] == ["0.bin", "1.bin", "2.bin"]
        assert "3.bin, 4.bin" in document.warnings[0]


def test_a_warning_about_many_attachments_stays_short(read) -> None:
    made = message()
    for number in range(100):
        made.add_attachment(b"x", maintype="a", subtype="b", filename=f"{number}{'long' * 50}.bin")
    (warning,) = read(made, Limits(9, 100_000)).warnings
    assert len(warning) <= 500
    assert warning.endswith("upload them by themselves.")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (f'{HEAD}Content-Type: multipart/encrypted; boundary="x"\n\n--x\n\na\n--x--', "encrypted"),
        (f"{HEAD}Content-Type: application/pkcs7-mime\n\nMIIB", "encrypted"),
        (f"{HEAD}\n-----BEGIN PGP MESSAGE-----\nabc", "encrypted"),
        ("no message at all", "damaged"),
        ("", "damaged"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(read, data: str, code: str) -> None:
    with pytest.raises(ExtractionError) as raised:
        read(data)
    assert raised.value.code == code


def test_a_message_nested_beyond_reason_ends(read) -> None:
    parts = "".join(f'Content-Type: multipart/mixed; boundary="{n}"\n\n--{n}\n' for n in range(500))
    assert read(f"{HEAD}{parts}\ntext").title == "Rules"


def test_flowed_lines_are_joined() -> None:
    assert unflowed("one \ntwo\n\n-- \nAna") == "one two\n\n-- \nAna\n"
