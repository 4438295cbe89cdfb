"""What a PowerPoint file becomes: a page for each slide, in the order in which it is read."""

import io
from pathlib import Path

import pytest
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from documents.extraction.base import ExtractedDocument, Limits
from documents.extraction.errors import ExtractionError
from documents.extraction.pptx import PptxExtractor
from documents.tests.made_files import LIMITS, archive

TITLE_ONLY, TITLE_AND_CONTENT, BLANK = 5, 1, 6


@pytest.fixture
def read(tmp_path: Path):
    def read(made, limits: Limits = LIMITS) -> ExtractedDocument:
        path = tmp_path / "file.pptx"
        if isinstance(made, bytes):
            path.write_bytes(made)
        else:
            made.save(path)
        return PptxExtractor().extract(path, limits)

    return read


def slide(presentation, layout: int = TITLE_ONLY, title: str = ""):
    made = presentation.slides.add_slide(presentation.slide_layouts[layout])
    if title:
        made.shapes.title.text = title
    return made


def box(made, left: float, top: float, text: str):
    shape = made.shapes.add_textbox(Inches(left), Inches(top), Inches(2), Inches(1))
    shape.text_frame.text = text
    return shape


def test_slides_are_pages_with_titles_lists_and_notes(read) -> None:
    presentation = Presentation()
    presentation.core_properties.title = "Travel rules"
    first = slide(presentation, TITLE_AND_CONTENT, "Travel")
    body = first.placeholders[1].text_frame
    body.text = "Trains first"
    body.add_paragraph().text = "Second class"
    body.paragraphs[1].level = 1
    first.notes_slide.notes_text_frame.text = "Say why."
    slide(presentation, BLANK)
    slide(presentation, TITLE_ONLY, "Hotels")
    document = read(presentation)
    assert document.title == "Travel rules"
    assert [page.text for page in document.pages] == [
        "Travel\n\n- Trains first\n  - Second class\n\nNotes: Say why.",
        "",
        "Hotels",
    ]
    assert [(h.offset, h.level, h.title) for h in document.pages[2].headings] == [(0, 1, "Hotels")]


def test_tables_charts_and_groups_are_read_where_they_stand(read) -> None:
    presentation = Presentation()
    made = slide(presentation, TITLE_ONLY, "Cups")
    box(made, 1, 6, "below")
    box(made, 4, 2, "right")
    box(made, 1, 2, "left")
    group = made.shapes.add_group_shape()
    inner = group.shapes.add_textbox(Inches(1), Inches(3), Inches(2), Inches(1))
    inner.text_frame.text = "grouped"
    table = made.shapes.add_table(2, 2, Inches(1), Inches(4), Inches(4), Inches(1)).table
    for cell, text in zip(table.iter_cells(), ["Team", "Cups", "Blues", "1"], strict=True):
        cell.text = text
    data = CategoryChartData()
    data.categories = ["2021", "2022"]
    data.add_series("Ducks", (150, 175.5))
    made.shapes.add_chart(
        XL_CHART_TYPE.BAR_CLUSTERED, Inches(1), Inches(5), Inches(3), Inches(1), data
    )
    assert read(presentation).pages[0].text == (
        "Cups\n\nleft\n\nright\n\ngrouped\n\nTeam | Cups\nBlues | 1\n\n"
        "- | Ducks\n2021 | 150\n2022 | 175.5\n\nbelow"
    )


def test_what_comes_back_on_every_slide_is_dropped(read) -> None:
    presentation = Presentation()
    for layout in (TITLE_ONLY, TITLE_ONLY):
        made = slide(presentation, layout, "Same rules")
        for placeholder in presentation.slide_layouts[layout].placeholders:
            if placeholder.placeholder_format.type in (13, 15, 16):  # number, footer, date
                made.shapes.clone_placeholder(placeholder)
        for shape in list(made.placeholders)[1:]:
            shape.text_frame.text = "Acme confidential"
    assert [page.text for page in read(presentation).pages] == ["Same rules", "Same rules"]


def test_more_slides_than_allowed_is_a_failure_that_names_the_limit(read) -> None:
    presentation = Presentation()
    for _ in range(3):
        slide(presentation, BLANK)
    with pytest.raises(ExtractionError, match="more than 2 pages") as raised:
        read(presentation, Limits(2, 100))
    assert raised.value.code == "too_long"


def test_a_reference_out_of_the_file_is_not_followed(read) -> None:
    relations = (
        '<Relationships xmlns="r"><Relationship Id="rId1" Type="x/slide" TargetMode="External" '
        'Target="file:///etc/passwd"/></Relationships>'
    )
    main = (
        '<p:presentation xmlns:p="p" xmlns:r="r"><p:sldIdLst><p:sldId id="256" r:id="rId1"/>'
        "</p:sldIdLst></p:presentation>"
    )
    data = archive(
        {
            "ppt/presentation.xml": main.encode(),
            "ppt/_rels/presentation.xml.rels": relations.encode(),
        }
    )
    with pytest.raises(ExtractionError) as raised:
        read(data)
    assert raised.value.code == "empty"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04 and then nothing", "damaged"),
        (archive({"other.xml": b"<x/>"}), "damaged"),
        (archive({"ppt/presentation.xml": b"<p"}), "damaged"),
        (archive({"ppt/presentation.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><p>&a;</p>'}), "unsafe"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "encrypted"),
        (archive({"ppt/presentation.xml": b"<p/>"}), "empty"),
    ],
)
def test_what_cannot_be_read_is_named(read, data: bytes, code: str) -> None:
    with pytest.raises(ExtractionError) as raised:
        read(data)
    assert raised.value.code == code


def test_two_hundred_slides_are_read(read) -> None:
    presentation = Presentation()
    for number in range(200):
        slide(presentation, TITLE_AND_CONTENT, f"Rule {number}").placeholders[1].text = "x " * 200
    out = io.BytesIO()
    presentation.save(out)
    assert len(read(out.getvalue(), Limits(200, 1_000_000)).pages) == 200
