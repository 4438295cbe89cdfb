"""The table of every route and every role, as `docs/security.md` shows it."""

from collections.abc import Iterator
from pathlib import Path

from knowledge.tests.conftest import ROLES
from knowledge.tests.test_admin_routes import PAGES, WHO
from knowledge.tests.test_admin_routes import ROWS as ADMIN_ROWS
from knowledge.tests.test_other_routes import Line
from knowledge.tests.test_routes import ROWS

Acts = tuple[str, list[str]]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "security.md"
BEGIN, END = "<!-- routes: begin -->\n", "<!-- routes: end -->\n"


def written() -> str:
    """Return what the document shows now."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return text.split(BEGIN, 1)[1].split(END, 1)[0]


def write(others: list[Line], acts: list[Acts]) -> None:
    """Put the tables as they must be into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, after = text.split(BEGIN, 1)[0], text.split(END, 1)[1]
    DOCUMENT.write_text(before + BEGIN + rendered(others, acts) + END + after, encoding="utf-8")


def rendered(others: list[Line], acts: list[Acts]) -> str:
    """Return the tables as they must be: what the tests hold, and what was just measured."""
    parts = [
        *("### Addresses of an object\n", *_by_role(ROWS), ""),
        *_of_admin(acts),
        *("### All other addresses\n", *_by_role(others)),
    ]
    return "\n".join(parts) + "\n"


def _by_role(lines: list[Line]) -> Iterator[str]:
    yield _line("", "Address", *(role.replace("_", " ") for role in ROLES))
    yield _line(*["---"] * (len(ROLES) + 2))
    for method, address, expected in lines:
        shown = address.replace("|", "\\|")
        yield _line(method, f"`{shown}`", *(expected[role] for role in ROLES))


def _of_admin(acts: list[Acts]) -> Iterator[str]:
    yield "### Rows in Django admin, for an organization's administrator / an operator\n"
    yield _line("Row", *(_page(*PAGES[page][:2]) for page in PAGES))
    yield _line(*["---"] * (len(PAGES) + 1))
    for label, expected in ADMIN_ROWS.items():
        cells = (" / ".join(expected[who][page] for who in WHO) for page in PAGES)
        yield _line(f"`{label}`", *cells)
    yield ""
    yield "### What they may do with the rows they choose in a list\n"
    yield _line("Rows", *WHO)
    yield _line("---", "---", "---")
    for label, offered in acts:
        yield _line(f"`{label}`", *offered)
    yield ""


def _page(method: str, end: str) -> str:
    return f"{method} {end}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
