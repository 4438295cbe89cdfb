"""The shape of the house: what may lie where, how large it may grow, what importing it costs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("knowledge", "accounts", "documents", "rag")
TOP_LEVEL = {
    *("manage.py", "knowledge", "accounts", "documents", "rag", "templates", "static"),
    *("media", "vector_store", "requirements.txt", "pytest.ini"),
    # files that tools look for at a root
    *("Makefile", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "conftest.py"),
    *("requirements-dev.txt", ".env.example", ".gitignore", ".ci"),
    *("docs", "samples", "benchmarks"),
}
MAX_FILE_LINES = 320
MAX_FUNCTION_LINES = 60
HEAVY = ("torch", "faiss", "openai", "sentence_transformers", "transformers", "pypdfium2", "docx")


def tracked_files() -> list[Path]:
    # New files count before they are added, ignored ones never.
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def sources() -> Iterator[Path]:
    """Return the product's own Python files, without tests and migrations."""
    for package in (*PACKAGES, "benchmarks"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if not {"tests", "migrations"} & set(path.parts):
                yield path


def test_the_top_level_holds_only_what_was_agreed() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked_files()} <= TOP_LEVEL


def test_there_is_no_drawer_for_everything() -> None:
    names = {path.stem for path in sources()}
    assert not names & {"utils", "util", "helpers", "misc", "common", "selectors"}


def test_every_module_says_what_it_owns() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_file_outgrows_a_reader() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources()
        if (lines := len(path.read_text().splitlines())) > MAX_FILE_LINES
        # the settings are a list, and are read by looking a name up
        and path.parent.name != "settings"
    }
    assert long == {}


def test_no_function_outgrows_a_screen() -> None:
    long = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert long == {}


def test_importing_every_address_loads_nothing_heavy() -> None:
    code = (
        "import sys, django; django.setup(); import knowledge.urls, knowledge.asgi; "
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"DJANGO_SETTINGS_MODULE": "knowledge.settings.test", "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert loaded.stdout.strip() == "[]", loaded.stderr


@pytest.mark.django_db
def test_the_migrations_hold_every_model() -> None:
    output = StringIO()
    call_command("makemigrations", check_changes=True, dry_run=True, stdout=output)
    assert "No changes detected" in output.getvalue()


def test_no_file_names_a_machine_or_a_package_index() -> None:
    private = ("/home" + "/", "/root" + "/", "--index" + "-url", "--extra-index" + "-url")
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in tracked_files()
        if path.suffix in {".py", ".toml", ".txt", ".md", ".ini", ".html", ".js", ".css", ""}
        and ROOT / "samples" not in path.parents
        for word in private
        if word in path.read_text(errors="ignore")
    ]
    assert found == []
