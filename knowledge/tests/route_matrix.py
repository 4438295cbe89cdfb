"""The table of every route and every role, as `docs/security.md` shows it."""

from collections.abc import Iterator
from pathlib import Path

from knowledge.tests.conftest import ROLES
from knowledge.tests.test_admin_routes import PAGES
from knowledge.tests.test_admin_routes import ROWS as ADMIN_ROWS
from knowledge.tests.test_routes import PUBLIC, ROWS
from knowledge.tests.urlconf import routes

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "security.md"
BEGIN, END = "<!-- routes: begin -->\n", "<!-- routes: end -->\n"


def written() -> str:
    """Return what the document shows now."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return text.split(BEGIN, 1)[1].split(END, 1)[0]


def write() -> None:
    """Put the table as it must be into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, after = text.split(BEGIN, 1)[0], text.split(END, 1)[1]
    DOCUMENT.write_text(before + BEGIN + rendered() + END + after, encoding="utf-8")


def rendered() -> str:
    """Return the table as it must be."""
    return "\n".join([*_of_objects(), *_of_admin(), *_others()]) + "\n"


def _of_objects() -> Iterator[str]:
    yield "### Addresses of an object\n"
    yield _line("", "Address", *(role.replace("_", " ") for role in ROLES))
    yield _line(*["---"] * (len(ROLES) + 2))
    for method, address, expected in ROWS:
        yield _line(method, f"`{address}`", *(expected[role] for role in ROLES))
    yield ""


def _of_admin() -> Iterator[str]:
    yield "### Rows in Django admin, for an organization's administrator\n"
    yield _line("Row", *PAGES)
    yield _line(*["---"] * (len(PAGES) + 1))
    for label, expected in ADMIN_ROWS.items():
        yield _line(f"`{label}`", *(expected[page] for page in PAGES))
    yield ""


def _others() -> Iterator[str]:
    yield "### All other addresses\n"
    yield _line("Address", "Asks for a sign-in")
    yield _line("---", "---")
    others = {route.pattern: route for route in routes() if not route.names_an_object}
    for pattern, route in sorted(others.items()):
        shown = pattern.replace("|", "\\|")
        yield _line(f"`/{shown}`", "no" if route.example in PUBLIC else "yes")


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
