"""A row of a table is quoted with the names of its columns, and cited where it stands."""

from dataclasses import replace

import pytest

from documents.chunking import chunk_pages
from documents.extraction.runner import extract_file
from documents.tests.made_files import docx
from rag.answering import format_passages
from rag.citations import cited_numbers
from rag.llm.extractive import extract_answer
from rag.passage_sentences import passage_units
from rag.passages import with_leads
from rag.support.checking import check_answer
from rag.table_rows import lead_of, may_begin_inside
from rag.tests.library import published
from rag.tests.passages import passage

ROWS = [
    ("Level", "Days of leave", "Notice"),
    *((f"L{n}", str(22 + n), f"{2 * n} weeks") for n in range(1, 9)),
]
MARKDOWN = "# Leave\n\nLeave by level.\n\n" + "\n".join(
    ["| " + " | ".join(row) + " |" for row in (ROWS[0], ("---",) * 3, *ROWS[1:])]
)
HTML = (
    "<h1>Leave</h1><table>"
    + "".join("<tr>" + "".join(f"<td>{cell}" for cell in row) + "</tr>" for row in ROWS)
    + "</table>"
)
CSV = "\n".join(",".join(row) for row in ROWS)


def word_file() -> bytes:
    def write(document):
        document.add_heading("Leave", 1)
        table = document.add_table(len(ROWS), 3)
        for y, row in enumerate(ROWS):
            for x, cell in enumerate(row):
                table.cell(y, x).text = cell

    return docx(write)


@pytest.mark.parametrize(
    ("extension", "data"),
    [
        ("md", MARKDOWN.encode()),
        ("html", HTML.encode()),
        ("csv", CSV.encode()),
        ("docx", word_file),
    ],
)
@pytest.mark.parametrize("size", [60, 500])
def test_a_quoted_row_can_be_read_alone_and_is_cited_where_it_stands(
    tmp_path, extension, data, size
):
    path = tmp_path / f"leave.{extension}"
    path.write_bytes(data() if callable(data) else data)
    [page] = extract_file(path, extension=extension).pages
    chunks = chunk_pages([page], size=size, overlap=size // 5)
    chunk = next(chunk for chunk in chunks if "L5" in chunk.text)
    assert (chunk.start > 0) == (size == 60), "then the table's head is in another passage"
    found = replace(
        passage(chunk.text, heading="Leave"),
        start=chunk.start,
        end=chunk.end,
        lead=lead_of(page.text, chunk.start),
    )
    answer = "".join(extract_answer("How many days of leave has level L5?", [found]).pieces())
    assert "| " not in answer
    [mine] = [s for s in check_answer(answer, [found]) if "L5" in answer[s.start : s.end]]
    told = answer[mine.start : mine.end]
    assert "Level: L5" in told and "Days of leave: 27" in told and "L4" not in told
    assert (mine.status, cited_numbers(answer)) == ("supported", (1,))
    [quote] = mine.quotes
    row = page.text[quote.start : quote.end]
    assert "L5" in row and "27" in row and "L4" not in row and "L6" not in row
    assert row == page.text[page.text.rfind("\n", 0, quote.start) + 1 :].partition("\n")[0]


def said(text: str, lead: str = "") -> list[str]:
    return [unit.said for unit in passage_units(text, lead) if unit.is_row and not unit.is_head]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("- | Day | Night\nStandby | 80 | 140", ["Standby / Day: 80 / Night: 140"]),
        ("Name | Ada\nBorn | 1815\nJob | Writer", ["Born: 1815", "Job: Writer"]),
        (
            "Event | Days\nWedding | 2\nMoving | 1",
            ["Event: Wedding / Days: 2", "Event: Moving / Days: 1"],
        ),
        # As it is printed: the corner is empty, and a row's name stands above it.
        (
            "Lunch | Dinner\n\nAt home\n\n14 euros | 24 euros\n\nAbroad | 18 euros | 32 euros",
            [
                "At home / Lunch: 14 euros / Dinner: 24 euros",
                "Abroad / Lunch: 18 euros / Dinner: 32 euros",
            ],
        ),
        # Another table below has its own names.
        (
            "Site | Desks | Rooms\nGhent | 4 | 2\n\nCity | Trams | Buses\nPorto | 7 | 9",
            [
                "Site: Ghent / Desks: 4 / Rooms: 2",
                "City: Porto / Trams: 7 / Buses: 9",
            ],
        ),
        ("30 days | 40 days | 50 days\n1 | 2 | 3", ["30 days / 40 days / 50 days", "1 / 2 / 3"]),
        (
            "A | B | C\nMore | than | three | cells | here 5",
            ["More / than / three / cells / here 5"],
        ),
    ],
)
def test_a_row_is_told_with_what_is_known_of_its_columns(text, rows):
    assert said(text) == [row.replace(" / ", " \u00b7 ") for row in rows]


def test_a_row_that_is_cut_is_told_whole_and_cited_as_far_as_it_stands_there():
    text = "Event | Days\nOwn wedding | 2\nMoving | 1"
    start = text.index("wedding")
    [unit, _] = passage_units(text[start:], lead_of(text, start))
    assert unit.said == "Event: Own wedding \u00b7 Days: 2"
    assert text[start:][unit.start : unit.end] == "wedding | 2"


def test_a_long_row_is_told_sentence_by_sentence_under_its_name():
    long = "Keep the receipt of everything that you buy there. " * 12
    [first, *others] = said(f"Trip | What to do | Days\nAbroad | {long.strip()} | 3")
    assert first.startswith("Trip: Abroad \u00b7 What to do: Keep the receipt")
    assert {other.partition(" \u00b7 ")[0] for other in others} == {"Trip: Abroad"}


def test_the_last_line_of_a_passage_may_name_the_columns_of_what_follows():
    assert [u.is_head for u in passage_units("Rules.\n\nAmount | Approved by")] == [False, True]


@pytest.mark.django_db
def test_what_a_passage_lacks_of_its_table_is_read_by_permission(owner, outsider):
    text = "Leave\n\nLevel | Days\nL1 | 25\nL2 | 26"
    document = published(owner, text)
    start = text.index("L2")
    found = replace(
        passage(text[start:]), document_id=document.pk, page=1, start=start, end=len(text)
    )
    [mine] = with_leads([found], owner)
    [theirs] = with_leads([found], outsider)
    assert (mine.lead, theirs.lead) == ("Level | Days\n", "")
    assert format_passages([mine]).endswith("\nLevel | Days\nL2 | 26")


RECORDS = (
    "Perk | Amount | From\n"
    "Perk: Gym; Amount: 30 euros; From: Day one\n"
    "Perk: Lease; Amount: up to 90 euros; paid monthly; From: Day two\n"
    "Perk: Gift; Amount: 150 euros; From: Day one"
)


def test_a_row_that_names_its_cells_is_told_cell_by_cell():
    assert said(RECORDS) == [
        "Perk: Gym \u00b7 Amount: 30 euros \u00b7 From: Day one",
        "Perk: Lease \u00b7 Amount: up to 90 euros; paid monthly \u00b7 From: Day two",
        "Perk: Gift \u00b7 Amount: 150 euros \u00b7 From: Day one",
    ]


def test_such_a_row_that_is_cut_is_told_whole_too():
    start = RECORDS.index("Day two")
    lead = lead_of(RECORDS, start)
    assert lead == "Perk: Lease; Amount: up to 90 euros; paid monthly; From: "
    first, *_ = passage_units(RECORDS[start:], lead)
    assert first.said.startswith("Perk: Lease \u00b7 Amount")
    assert RECORDS[start:][first.start : first.end] == "Day two"


@pytest.mark.parametrize(
    "text", ["Note: take care; Warning: it is hot.", "Monday: closed; else: open.\nTuesday: open."]
)
def test_a_sentence_with_colons_is_no_row(text):
    assert said(text) == []


def test_the_name_of_a_row_above_it_is_no_beginning_of_the_table():
    text = (
        "Meals\n\nLunch | Dinner\n\nAt home\n\n14 euros | 24 euros\n\nAbroad | 18 euros | 32 euros"
    )
    start = text.index("At home")
    assert lead_of(text, start) == "Lunch | Dinner\n"
    assert may_begin_inside(text[start:])
    assert passage_units(text[start:], lead_of(text, start))[1].said.endswith("Dinner: 24 euros")
