"""What spreadsheets become: a page for each visible sheet, rows that can be understood alone."""

import datetime
import io
from pathlib import Path

import openpyxl
import pytest
from openpyxl.comments import Comment

from documents.extraction.base import ExtractedDocument, Limits
from documents.extraction.errors import ExtractionError
from documents.extraction.number_formats import shown
from documents.extraction.ods import OdsExtractor
from documents.extraction.xlsx import XlsxExtractor
from documents.tests.made_files import LIMITS, archive, odf

CUPS = [["Team", "Cups"], ["Blues", 1], ["Flyers", 2]]
CUPS_READ = "Team | Cups\nTeam: Blues; Cups: 1\nTeam: Flyers; Cups: 2"


def workbook(**sheets) -> openpyxl.Workbook:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return made


@pytest.fixture
def read(tmp_path: Path):
    def read(made, limits: Limits = LIMITS) -> ExtractedDocument:
        path = tmp_path / "file.xlsx"
        if isinstance(made, bytes):
            path.write_bytes(made)
        else:
            made.save(path)
        return XlsxExtractor().extract(path, limits)

    return read


@pytest.fixture
def read_ods(tmp_path: Path):
    def read(body: str, **more: str) -> ExtractedDocument:
        path = tmp_path / "file.ods"
        path.write_bytes(odf("spreadsheet", body, **more))
        return OdsExtractor().extract(path, LIMITS)

    return read


def test_sheets_are_pages_and_each_row_tells_its_columns(read) -> None:
    document = read(workbook(Cups=CUPS, Empty=[], Notes=[["Only a note."]]))
    assert [page.text for page in document.pages] == [
        f"Cups\n\n{CUPS_READ}",
        "",
        "Notes\n\nOnly a note.",
    ]
    assert [h.title for h in document.pages[0].headings] == ["Cups"]


def test_titles_and_units_above_the_names_are_captions(read) -> None:
    rows = [
        ["Stanley Cups"],
        ["in all", None, "since 1967"],
        ["Team", "Town", "Cups"],
        ["Blues", "STL", 1],
    ]
    assert read(workbook(S=rows)).pages[0].text == (
        "S\n\nStanley Cups\n\nin all | since 1967\nTeam | Town | Cups\n"
        "Team: Blues; Town: STL; Cups: 1"
    )


def test_years_name_columns_of_numbers_and_an_empty_corner_is_no_matter(read) -> None:
    rows = [[None, 2022, 2023], ["Sales", 100, 120], ["Costs", 90, 95]]
    assert (
        read(workbook(S=rows))
        .pages[0]
        .text.endswith("2022 | 2023\nSales; 2022: 100; 2023: 120\nCosts; 2022: 90; 2023: 95")
    )


def test_tables_below_and_beside_each_other_keep_their_own_names(read) -> None:
    rows = [
        ["Team", "Cups", None, "City", "Hotel"],
        ["Blues", 1, None, "Paris", 150],
        [],
        ["Name", "Age"],
        ["Ana", 30],
    ]
    assert read(workbook(S=rows)).pages[0].text == (
        "S\n\nTeam | Cups\nTeam: Blues; Cups: 1\n\nCity | Hotel\nCity: Paris; Hotel: 150\n\n"
        "Name | Age\nName: Ana; Age: 30"
    )


def test_names_hold_below_an_empty_row(read) -> None:
    rows = [["Team", "Cups"], [], ["Blues", 1], [], ["Flyers", 2]]
    text = read(workbook(S=rows)).pages[0].text
    assert "Team: Blues; Cups: 1" in text
    assert "Team: Flyers; Cups: 2" in text


def test_what_is_hidden_is_left_out_with_a_warning_for_sheets(read) -> None:
    made = workbook(
        Shown=[["Name", "Secret", "Age"], ["Ana", "x", 30], ["Bo", "y", 40]], Hidden=CUPS
    )
    made["Hidden"].sheet_state = "veryHidden"
    made["Shown"].column_dimensions["B"].hidden = True
    made["Shown"].row_dimensions[3].hidden = True
    document = read(made)
    assert [page.text for page in document.pages] == ["Shown\n\nName | Age\nName: Ana; Age: 30"]
    assert document.warnings == ("1 hidden sheet was not read.",)


def test_cells_read_as_they_are_shown(read) -> None:
    made = workbook(S=[["Kind", "Value"]])
    sheet = made["S"]
    for kind, value, code in [
        ("date", datetime.date(2024, 3, 9), "dd/mm/yyyy"),
        ("moment", datetime.datetime(2024, 3, 9, 14, 5), "yyyy-mm-dd hh:mm"),
        ("share", 0.125, "0.0%"),
        ("price", 1234567.5, '"€"#,##0.00'),
        ("loss", -5, "#,##0;(#,##0)"),
        ("truth", True, "General"),
        ("sum", 0.1 + 0.2, "General"),
        ("text", " two  words\n", "@"),
    ]:
        sheet.append([kind, value])
        sheet.cell(sheet.max_row, 2).number_format = code
    sheet["A2"].comment = Comment("Checked.", "Ana")
    lines = read(made).pages[0].text.split("\n")[3:]
    assert lines == [
        "Kind: date; Value: 09/03/2024",
        "Kind: moment; Value: 2024-03-09 14:05",
        "Kind: share; Value: 12.5%",
        "Kind: price; Value: €1,234,567.50",
        "Kind: loss; Value: (5)",
        "Kind: truth; Value: TRUE",
        "Kind: sum; Value: 0.3",
        "Kind: text; Value: two words",
        "",
        "Comment at A2: Checked.",
    ]


def test_a_formula_gives_the_value_that_it_had(read) -> None:
    sheet = (
        '<worksheet><sheetData><row r="1"><c r="A1" t="str"><f>A2</f><v>kept</v></c>'
        '<c r="C1"><f>1+1</f><v>2</v></c><c r="D1"><f>NOW()</f></c></row></sheetData></worksheet>'
    )
    assert read(bare_xlsx(sheet)).pages[0].text == "S\n\nkept | 2"


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (1234.5, "", "1234.5"),
        (1e20, "General", "1e+20"),
        (1234.5, "#,##0", "1,234"),
        (1234567, "#,##0,", "1,235"),
        (0.5, "0.00", "0.50"),
        (7, "000", "007"),
        (-7, "000", "-007"),
        (12345, "0.00E+00", "1.23E+04"),
        (0, '0;-0;"none"', "none"),
        (5, '[Red]0 "pcs"', "5 pcs"),
        (5, "[$€-407] #,##0.00", "€ 5.00"),
        (1.5, "[h]:mm", "36:00"),
        (45360.25, "d mmmm yyyy h:mm AM/PM", "9 March 2024 6:00 AM"),
        (45360, "yyyy-mm-dd h:mm:ss", "2024-03-09"),
        (1, "yyyy-mm-dd", "1900-01-01"),
        (-1, "yyyy-mm-dd", "-1"),
        (1e300, "yyyy-mm-dd", "1e+300"),
        (1e300, "0.00%", f"{1e300 * 100:.2f}%"),
        (3, '"unclosed', "unclosed"),
    ],
)
def test_numbers_are_shown_by_their_format(value: float, code: str, text: str) -> None:
    assert shown(value, code) == text


def test_a_long_sheet_goes_on_over_pages_and_names_its_columns_in_each_row(read) -> None:
    made = workbook(S=[["Name", "Number"], *(["somebody", n] for n in range(5_000))])
    pages = read(made, Limits(10, 1_000_000)).pages
    assert len(pages) == 2
    assert pages[1].text.startswith("Name: somebody; Number: ")
    assert pages[-1].text.endswith("Number: 4999")


@pytest.mark.parametrize(
    ("limits", "said"), [(Limits(1, 10**6), "1 pages"), (Limits(9, 999), "999")]
)
def test_a_sheet_over_a_limit_is_a_failure_that_names_it(read, limits: Limits, said: str) -> None:
    made = workbook(S=[["Name", "Number"], *(["somebody", n] for n in range(5_000))])
    with pytest.raises(ExtractionError, match=f"more than {said}") as raised:
        read(made, limits)
    assert raised.value.code == "too_long"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (archive({"xl/other.xml": b"<x/>"}), "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "encrypted"),
        (archive({"xl/workbook.xml": b"<x/>"}), "empty"),
    ],
)
def test_what_cannot_be_read_is_named(read, data: bytes, code: str) -> None:
    with pytest.raises(ExtractionError) as raised:
        read(data)
    assert raised.value.code == code


def test_a_sheet_with_a_document_type_is_not_read(read) -> None:
    sheet = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet><sheetData>' \
        '<row><c t="str"><v>&a;</v></c></row></sheetData></worksheet>'  # fmt: skip
    with pytest.raises(ExtractionError) as raised:
        read(bare_xlsx(sheet))
    assert raised.value.code == "unsafe"


def test_a_sheet_that_unpacks_beyond_reason_is_refused(read) -> None:
    row = "<row><c><v>1</v></c></row>"
    sheet = f"<worksheet><sheetData>{row * 1_000_000}</sheetData></worksheet>"
    with pytest.raises(ExtractionError) as raised:
        read(bare_xlsx(sheet))
    assert raised.value.code == "unpacks_too_large"


def bare_xlsx(sheet: str) -> bytes:
    """Return a workbook with one sheet, S, of this XML."""
    relation = (
        '<Relationships><Relationship Id="r1" Type="x/worksheet" Target="s.xml"/></Relationships>'
    )
    main = '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>'
    return archive(
        {
            "xl/workbook.xml": main.encode(),
            "xl/_rels/workbook.xml.rels": relation.encode(),
            "xl/s.xml": sheet.encode(),
        }
    )


def cell(text: str, **attributes: str) -> str:
    said = "".join(f' table:{name.replace("_", "-")}="{v}"' for name, v in attributes.items())
    return f"<table:table-cell{said}><text:p>{text}</text:p></table:table-cell>"


def test_open_document_sheets_are_pages_with_what_the_cells_show(read_ods) -> None:
    rows = f"""<table:table-row>{cell("Team")}{cell("Cups")}</table:table-row>
        <table:table-row>{cell("Blues")}{cell("1,5 %")}</table:table-row>
        <table:table-row table:number-rows-repeated="2">{cell("x")}{cell("y")}</table:table-row>
        <table:table-row table:visibility="collapse">{cell("not")}{cell("seen")}</table:table-row>
        <table:table-row table:number-rows-repeated="1048570">
        <table:table-cell table:number-columns-repeated="16384"/></table:table-row>"""
    hidden = """<style:style style:name="h"><style:table-properties table:display="false"/>
        </style:style>"""
    document = read_ods(
        f'<table:table table:name="S">{rows}</table:table>'
        f'<table:table table:name="H" table:style-name="h">{rows}</table:table>',
        styles=hidden,
    )
    line = "Team: x; Cups: y"
    assert [page.text for page in document.pages] == [
        f"S\n\nTeam | Cups\nTeam: Blues; Cups: 1,5 %\n{line}\n{line}"
    ]
    assert document.warnings == ("1 hidden sheet was not read.",)


def test_cells_repeated_beyond_reason_are_cut(read_ods) -> None:
    repeated = cell("x", number_columns_repeated="99999999")
    row = f'<table:table-row table:number-rows-repeated="9999999">{repeated}</table:table-row>'
    text = read_ods(f'<table:table table:name="S">{row}</table:table>').pages[0].text
    assert len(text) < 10_000_000


def test_a_workbook_written_by_a_library_is_read_from_memory(read) -> None:
    out = io.BytesIO()
    workbook(Cups=CUPS).save(out)
    assert CUPS_READ in read(out.getvalue()).pages[0].text
