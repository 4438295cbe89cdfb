"""Text comes out right in whatever encoding it was saved."""

import pytest

from documents.extraction.encoding import decode

GERMAN = "Die schöne Frau hat Käse über dem Fluß gekauft. Das war für alle köstlich: 15 €."
FRENCH = "L'été était très chaud. Où est l'hôtel ? Ça coûte 20 €, d'après le garçon."
SPANISH = "El niño comió mañana. ¿Cuánto cuesta el año? ¡Qué rico!"
POLISH = "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw."
CZECH = "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv."
TURKISH = "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar."
RUSSIAN = "Все люди рождаются свободными и равными в своем достоинстве и правах."
GREEK = "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια."
HEBREW = "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם."
ARABIC = "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق."
JAPANESE = "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"
CHINESE = "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心。"
KOREAN = "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다."
ALL = [GERMAN, POLISH, RUSSIAN, GREEK, HEBREW, ARABIC, JAPANESE, CHINESE, KOREAN]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "cp1252"),
        (FRENCH, "cp1252"),
        (SPANISH, "latin-1"),
        (POLISH, "cp1250"),
        (POLISH, "iso-8859-2"),
        (CZECH, "cp1250"),
        (CZECH, "iso-8859-2"),
        (TURKISH, "cp1254"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "cp866"),
        (GREEK, "cp1253"),
        (HEBREW, "cp1255"),
        (ARABIC, "cp1256"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc-jp"),
        (JAPANESE, "iso2022-jp"),
        (CHINESE, "gb18030"),
        (KOREAN, "euc-kr"),
    ],
)
def test_an_old_encoding_is_recognised_by_its_letters(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_with_a_byte_order_mark_is_read(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, GREEK, ARABIC])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_unicode_without_a_mark_is_read(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_the_files_own_word_is_believed_unless_it_is_utf8_after_all() -> None:
    assert decode("Ñandú".encode("cp1252"), "ISO-8859-1") == "Ñandú"
    assert decode("Ñandú".encode(), "ISO-8859-1") == "Ñandú"


def test_a_word_that_names_no_encoding_is_passed_over() -> None:
    assert decode("café".encode("cp1252"), "no-such-thing") == "café"


def test_utf8_with_a_few_broken_bytes_stays_utf8() -> None:
    assert decode("naïve café ".encode() * 5 + b"\xff") == "naïve café " * 5 + "\ufffd"


def test_text_that_was_scrambled_before_it_was_saved_is_mended() -> None:
    for text in ("café, naïve: “quoted” — 1997–2004 …", "Ångström"):
        assert decode(text.encode().decode("latin-1").encode()) == text
    assert decode("it’s 5 € – café".encode().decode("cp1252").encode()) == "it’s 5 € – café"
    assert decode("NÃO É «ASSIM» Â".encode()) == "NÃO É «ASSIM» Â"


def test_surrogates_in_utf8_become_replacement_characters() -> None:
    assert decode(b"ok \xed\xa0\x80 bad") == "ok \ufffd bad"


def test_plain_ascii_with_an_escape_is_not_taken_for_japanese() -> None:
    assert decode(b"\x1b[31mred\x1b[0m $B and so on") == "\x1b[31mred\x1b[0m $B and so on"
