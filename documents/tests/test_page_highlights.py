"""A cited passage is found on the printed page, however its text was laid out when it was read."""

import io
import random
from pathlib import Path

import pytest
from PIL import Image

from documents import page_highlights
from documents.extraction.page_images import measure_page, render_page
from documents.extraction.page_layout import PageLayout, decode_layout, encode_layout
from documents.extraction.pdf import PdfExtractor
from documents.page_highlights import Rectangle, highlight
from documents.tests.made_files import LIMITS, column, pdf

WIDTH, HEIGHT = 600.0, 800.0
STEP, LEADING = 6.0, 14.0  # points


def printed(*lines: str, left: float = 50, top: float = 50) -> PageLayout:
    """Return a page with these lines in letters of one width, as pdfium gives it."""
    text, boxes = "", []
    for number, line in enumerate(lines):
        for place, character in enumerate(line):
            text += character
            x, y = left + STEP * place, top + LEADING * number
            boxes.append((x, y, x + STEP, y + 12))
        text += "\r\n"
        boxes += [(0.0, 0.0, 0.0, 0.0)] * 2
    return PageLayout(WIDTH, HEIGHT, text, tuple(boxes))


def found(layout: PageLayout, text: str, passage: str, *, nth: int = 0) -> str:
    """Return the printed characters inside the rectangles of a passage of the text."""
    start = -1
    for _ in range(nth + 1):
        start = text.index(passage, start + 1)
    return inside(layout, highlight(layout, text, start, start + len(passage)))


def inside(layout: PageLayout, rectangles: tuple[Rectangle, ...]) -> str:
    lines = []
    for box in rectangles:
        lines.append(
            "".join(
                character
                for character, (left, top, right, bottom) in zip(
                    layout.text, layout.boxes, strict=True
                )
                if right > left
                and box.x <= (left + right) / 2 <= box.x + box.width
                and box.y <= (top + bottom) / 2 <= box.y + box.height
            ).strip()
        )
    return "/".join(lines)


# --- letters ------------------------------------------------------------------------------------


def test_a_passage_has_a_rectangle_for_each_line():
    layout = printed("Staff book trains a", "week ahead. Hotels", "cost 180 euros.")
    text = "Staff book trains a week ahead. Hotels cost 180 euros."
    assert found(layout, text, "Staff book trains a week ahead.") == (
        "Staff book trains a/week ahead."
    )
    start = text.index("Hotels")
    assert highlight(layout, text, start, len(text)) == (
        Rectangle(50 + 12 * STEP, 50 + LEADING, 6 * STEP, 12),
        Rectangle(50, 50 + 2 * LEADING, 15 * STEP, 12),
    )


@pytest.mark.parametrize(
    ("lines", "text", "passage", "shown"),
    [
        (["The work-", "shop opens."], "The workshop opens.", "workshop", "work-/shop"),
        (["The work\ufffe", "shop opens."], "The workshop opens.", "workshop", "work/shop"),
        (["a well-", "known rule"], "a well-known rule", "well-known rule", "well-/known rule"),
        (["The oﬃce ﬁles it."], "The office files it.", "office files", "oﬃce ﬁles"),
        (["an e\ufffeicient way to go"], "an efficient way to go", "an efficient way to go",
         "an e\ufffeicient way to go"),
        (["re\u0301sume\u0301 du"], "résumé du", "résumé du", "re\u0301sume\u0301 du"),
        (["it is easy and e\ufffeicient"], "it is easy and efficient", "is easy and efficient",
         "is easy and e\ufffeicient"),
        (["Berlin       180"], "Berlin | 180", "Berlin | 180", "Berlin       180"),
        (["\uf0b7 Lock the door."], "• Lock the door.", "• Lock the door.", "Lock the door."),
        (["출장비는 월말에"], "출장비는 월말에", "월말에", "월말에"),
        (["출장비는", "월말에"], "출장비는 월말에", "출장비는 월말에", "출장비는/월말에"),
        (["price: 3.40"], "price: 3.40", "3.40", "3.40"),
    ],
    ids=["broken word", "joined hyphen", "compound", "ligature", "glyph without meaning",
         "combining accents", "glyph near the end", "cells", "bullet", "hangul",
         "hangul lines", "number"],
)  # fmt: skip
def test_what_extraction_rewrites_is_found(lines, text, passage, shown):
    layout = printed(*lines)
    shown = shown.replace("work/", "work\ufffe/") if "\ufffe" in lines[0] else shown
    assert found(layout, text, passage) == shown


def test_of_a_repeated_passage_the_right_one_is_found():
    rows = ["Header", "Berlin", "up to 180 euros", "Paris", "up to 180 euros", "Rome",
            "up to 180 euros"]  # fmt: skip
    layout = printed(*rows)
    text = "\n".join(rows[1:])  # the header comes back on every page and was dropped
    tops = []
    for nth in range(3):
        start = [i for i in range(len(text)) if text.startswith("up to", i)][nth]
        (box,) = highlight(layout, text, start, start + 15)
        tops.append(box.y)
    assert tops == [50 + LEADING * row for row in (2, 4, 6)]


def test_lines_that_were_put_in_another_order_are_found():
    layout = printed("Second column goes on here.", "First column begins here.")
    text = "First column begins here. Second column goes on here."
    assert found(layout, text, text) == "First column begins here./Second column goes on here."


def test_what_stands_between_two_lines_of_the_passage_is_left_out():
    layout = printed(
        "A passage that begins above", "CONFIDENTIAL - PAGE HEADER OF ALL", "and ends below it."
    )
    text = "A passage that begins above and ends below it."
    assert found(layout, text, text) == "A passage that begins above/and ends below it."


def test_columns_and_cells_far_apart_have_rectangles_of_their_own():
    left, right = printed("Name", "Berlin"), printed("Rate", "180", left=400)
    layout = PageLayout(WIDTH, HEIGHT, left.text + right.text, left.boxes + right.boxes)
    text = "Name Berlin Rate 180"
    assert found(layout, text, text) == "Name/Berlin/Rate/180"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("Trains are booked ahead.", 5, 5),
        ("Trains are booked ahead.", 6, 7),
        ("", 0, 0),
        ("Words of another page altogether, recognized on a scan.", 0, 40),
        ("x" * 200_000, 0, 40),
    ],
    ids=["empty span", "a blank", "no text", "other words", "too long"],
)
def test_what_is_not_printed_has_no_rectangle(text, start, end):
    assert highlight(printed("Trains are booked ahead."), text, start, end) == ()


def test_rectangles_end_at_the_edge_of_the_paper():
    layout = printed("A line that runs over the right edge", left=WIDTH - 30 * STEP)
    (box,) = highlight(layout, "A line that runs over the right edge", 0, 36)
    assert box.x + box.width == WIDTH


def test_a_page_made_to_be_slow_is_not(monkeypatch):
    compared = 0
    common = page_highlights._common

    def counted(one: str, other: str) -> int:
        nonlocal compared
        length = common(one, other)
        compared += length + 1
        return length

    monkeypatch.setattr(page_highlights, "_common", counted)
    generator = random.Random(1)
    for letters in ("a", "ab", "abc"):
        one, other = ("".join(generator.choices(letters, k=54_000)) for _ in range(2))
        layout = printed(*[one[i : i + 90] for i in range(0, len(one), 90)])
        highlight(layout, other + "!", 0, len(other) + 1)
        highlight(layout, other, 100, 2_000)
    assert compared < 200 * 54_000  # each place with each would be 54,000 times as many


# --- real pages ---------------------------------------------------------------------------------

PARAGRAPH = column(
    "Everybody wears a badge in the work-",
    "shop. The Kestrel workshop opens at",
    "07:15 on Tuesdays. The key is kept.",
)
QUOTE = "The Kestrel workshop opens at 07:15 on Tuesdays."


def on_page(tmp_path: Path, content: bytes, quote: str = QUOTE) -> tuple[Path, tuple, PageLayout]:
    path = tmp_path / "page.pdf"
    path.write_bytes(content)
    text = PdfExtractor().extract(path, LIMITS).pages[0].text
    layout = decode_layout(encode_layout(measure_page(path, 1)))
    start = text.index(quote)
    return path, highlight(layout, text, start, start + len(quote)), layout


def with_page(content: bytes, more: bytes) -> bytes:
    return content.replace(b"/MediaBox[0 0 612 792]", more)


def test_a_sentence_of_a_printed_paragraph(tmp_path):
    _, rectangles, layout = on_page(tmp_path, pdf([PARAGRAPH]))
    assert inside(layout, rectangles) == "The Kestrel workshop opens at/07:15 on Tuesdays."


def test_a_sentence_in_the_second_of_two_columns(tmp_path):
    other = column("Bicycles have a room of", "their own, with space for", "eighty-four of them.")
    moved = [(left + 290, baseline, size, line) for left, baseline, size, line in PARAGRAPH]
    _, rectangles, layout = on_page(tmp_path, pdf([[*other, *moved]]))
    assert inside(layout, rectangles) == "The Kestrel workshop opens at/07:15 on Tuesdays."


@pytest.mark.parametrize(
    "page",
    [
        b"/MediaBox[0 0 612 792]",
        b"/MediaBox[0 0 612 792]/Rotate 90",
        b"/MediaBox[0 0 612 792]/Rotate 180",
        b"/MediaBox[0 0 612 792]/Rotate 270",
        b"/MediaBox[0 0 612 792]/CropBox[50 600 400 750]",
        b"/MediaBox[-100 300 500 800]/CropBox[20 350 480 780]/Rotate 90",
        b"/MediaBox[0 0 612 792]/UserUnit 2",
    ],
    ids=["plain", "right", "head over", "left", "cropped", "cropped and turned", "large unit"],
)
def test_the_rectangles_lie_on_the_ink_of_the_picture(tmp_path, page):
    """The whole text is cited, so that no ink may lie outside and none of the boxes be empty."""
    content = with_page(pdf([column("One line.", "And another one.")]), page)
    path, rectangles, layout = on_page(tmp_path, content, quote="One line.")
    text = "One line.\nAnd another one."
    rectangles += highlight(layout, text, 10, len(text))
    picture = Image.open(io.BytesIO(render_page(path, 1, 1200))).convert("L")
    scale = picture.width / layout.width
    assert picture.height == pytest.approx(layout.height * scale, abs=2)
    assert len(rectangles) == 2
    for box in rectangles:
        edges = (box.x, box.y, box.x + box.width, box.y + box.height)
        patch = tuple(round(edge * scale) for edge in edges)
        assert ink(picture.crop(patch)) > 50
        picture.paste(255, patch)
    assert ink(picture) == 0


def test_of_a_page_that_was_cut_in_two_only_the_half_on_the_paper_is_searched(tmp_path):
    beside = [(left + 612, baseline, size, line) for left, baseline, size, line in PARAGRAPH]
    path = tmp_path / "page.pdf"
    path.write_bytes(pdf([[*beside, *column("The Kestrel workshop opens at eight.", top=300)]]))
    layout = measure_page(path, 1)
    assert layout.text.strip() == "The Kestrel workshop opens at eight."
    text = "The Kestrel workshop opens at 07:15 on Tuesdays. The Kestrel workshop opens at eight."
    assert inside(layout, highlight(layout, text, 49, len(text))) == (
        "The Kestrel workshop opens at eight."
    )


def ink(picture: Image.Image) -> int:
    return sum(picture.histogram()[:100])
