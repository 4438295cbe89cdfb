"""What a table of values becomes: lines that can be understood alone."""

from pathlib import Path

import pytest

from documents.extraction.delimited import DelimitedExtractor
from documents.tests.made_files import LIMITS


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str) -> list[str]:
        path = tmp_path / "file.csv"
        path.write_text(text, encoding="utf-8", newline="")
        (page,) = DelimitedExtractor().extract(path, LIMITS).pages
        return page.text.split("\n")

    return read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_row_names_its_values(read, delimiter: str) -> None:
    rows = [["Name", "City", "Limit"], ["Ann", "Paris", "150"], ["Bob", "", "90"]]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    assert read(text) == [
        "Name | City | Limit",
        "Name: Ann; City: Paris; Limit: 150",
        "Name: Bob; Limit: 90",
    ]


def test_without_names_the_values_are_joined(read) -> None:
    assert read("1,2,3\n4,,6\n") == ["1 | 2 | 3", "4 | - | 6"]


def test_a_title_above_the_table_is_not_its_header(read) -> None:
    assert read("Cups,,\nTeam,Town,Cups won\nBlues,STL,1\n") == [
        "Cups",
        "Team | Town | Cups won",
        "Team: Blues; Town: STL; Cups won: 1",
    ]


def test_quoted_cells_keep_delimiters_and_lose_line_ends(read) -> None:
    assert read('Item,Note\nDesk,"wide,\nwhite"\n')[1] == "Item: Desk; Note: wide, white"


def test_a_quotation_mark_too_many_does_not_swallow_the_rest(read) -> None:
    lines = read('Item,Size\n"Screen 24,24\n' + "".join(f"Desk {n},{n}\n" for n in range(300)))
    assert len(lines) == 302
    assert lines[-1] == "Item: Desk 299; Size: 299"


def test_rows_of_other_lengths_are_read(read) -> None:
    assert read("a,b\n1\n1,2,3\n") == ["a | b", "a: 1", "a: 1; b: 2; 3"]
