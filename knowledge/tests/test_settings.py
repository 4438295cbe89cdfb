"""Settings come from the environment, are documented, and refuse what is wrong by its name."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from knowledge import env

ROOT = Path(__file__).resolve().parents[2]
GOOD_KEY = "".join(chr(33 + number % 90) for number in range(60)).replace("'", "a")
PRODUCTION = {"SECRET_KEY": GOOD_KEY, "ALLOWED_HOSTS": "kb.example.org"}
READS = re.compile(r"os\.(environ(?!\.setdefault)|getenv)")  # a default that is set reads nothing
READERS = {"text", "integer", "number", "amount", "boolean", "words", "choice", "folder"}


def load(module: str, data_dir: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Import a settings module in a fresh process, with these variables and no others."""
    code = f"import django; from django.conf import settings; django.setup(); print({module!r})"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(data_dir),
            "DJANGO_SETTINGS_MODULE": f"knowledge.settings.{module}",
            **variables,
        },
        check=False,
    )


def variables_read() -> set[str]:
    """Return the name of every variable that the settings read through `knowledge.env`."""
    names = set()
    for path in (ROOT / "knowledge" / "settings").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "env"
                and node.func.attr in READERS
            ):
                assert isinstance(node.args[0], ast.Constant)
                names.add(node.args[0].value)
    return names


# --- documented ---------------------------------------------------------------------------------


def test_the_example_file_names_every_variable_and_no_other() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    named = {m[1] for line in lines if (m := re.match(r"#?([A-Z][A-Z_]+)=.* # \S", line))}
    assert named == variables_read()


def test_the_readme_names_every_variable_and_no_other() -> None:
    section = (ROOT / "README.md").read_text().split("## Configuration", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"^\| `([A-Z][A-Z_]+)` \|", section, flags=re.MULTILINE))
    assert named == variables_read()


def test_no_other_module_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for app in ("knowledge", "accounts", "documents", "rag")
        for path in (ROOT / app).rglob("*.py")
        if "tests" not in path.parts and READS.search(path.read_text())
    ]
    # A test run chooses its own folder, whatever the environment says.
    assert set(readers) - {"knowledge/settings/test.py"} == {"knowledge/env.py"}


# --- readers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reader", "arguments", "value", "message"),
    [
        (env.integer, (1,), "many", "SOME_NAME must be a whole number, not 'many'."),
        (env.number, (1.0,), "1,5", "SOME_NAME must be a number, not '1,5'."),
        (env.boolean, (True,), "perhaps", "SOME_NAME must be 1 or 0, not 'perhaps'."),
        (env.choice, ("a", ["a", "b"]), "c", "SOME_NAME must be one of a, b, not 'c'."),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, reader, arguments, value: str, message: str
) -> None:
    monkeypatch.setenv("SOME_NAME", value)
    with pytest.raises(ImproperlyConfigured) as refused:
        reader("SOME_NAME", *arguments)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0", "SOME_NAME must be at least 1, not 0."),
        ("11", "SOME_NAME must be at most 10, not 11."),
    ],
)
def test_a_number_out_of_bounds_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    monkeypatch.setenv("SOME_NAME", value)
    with pytest.raises(ImproperlyConfigured, match=re.escape(message)):
        env.integer("SOME_NAME", 5, minimum=1, maximum=10)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_NAME", "  ")
    assert env.integer("SOME_NAME", 5) == 5
    assert env.boolean("SOME_NAME", True) is True
    assert env.words("SOME_NAME", ["a"]) == ["a"]


def test_a_folder_that_cannot_be_made_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SOME_NAME", str(tmp_path / "file" / "below"))
    with pytest.raises(ImproperlyConfigured, match=r"SOME_NAME names .*file/below, which cannot"):
        env.folder("SOME_NAME", tmp_path)


# --- the .env file ------------------------------------------------------------------------------


def test_the_file_gives_what_the_environment_leaves_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# a comment\n\nSOME_A=from the file  # and why\n"
        "export SOME_B='kept # whole'\nSOME_C=file\n"
    )
    for name in ("SOME_A", "SOME_B"):
        monkeypatch.setenv(name, "")  # so that the test's end takes it away again
        monkeypatch.delenv(name)
    monkeypatch.setenv("SOME_C", "environment")
    env.load_file(file)
    found = [os.environ[name] for name in ("SOME_A", "SOME_B", "SOME_C")]
    assert found == ["from the file", "kept # whole", "environment"]


def test_a_line_that_says_nothing_is_refused_by_its_number(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SOME_A=1\nnonsense\n")
    with pytest.raises(ImproperlyConfigured, match="line 2: expected NAME=value"):
        env.load_file(tmp_path / ".env")


def test_no_file_is_no_error(tmp_path: Path) -> None:
    env.load_file(tmp_path / ".env")


# --- database -----------------------------------------------------------------------------------


def test_a_postgresql_server_gets_time_outs(tmp_path: Path) -> None:
    code = "from knowledge.settings import base; print(base.DATABASES['default']['OPTIONS'])"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(tmp_path),
            "DATABASE_URL": "postgres://db.example.org/knowledge?sslmode=require",
            "DATABASE_BUSY_TIMEOUT_S": "7",
        },
        check=True,
    )
    assert ast.literal_eval(shown.stdout) == {
        "sslmode": "require",
        "connect_timeout": 5,
        "options": "-c lock_timeout=7s -c statement_timeout=60s",
    }


# --- production ---------------------------------------------------------------------------------


def test_production_starts_with_a_key_and_hosts(tmp_path: Path) -> None:
    loaded = load("production", tmp_path, **PRODUCTION)
    assert loaded.returncode == 0, loaded.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY must be set"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY must be set"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY must be set"),
        ({"SECRET_KEY": "django-insecure-" + GOOD_KEY}, "SECRET_KEY must be set"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS must list"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must list"),
        ({"DEBUG": "1"}, "DEBUG must not be set"),
    ],
)
def test_production_refuses_what_is_only_safe_at_home(
    tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    loaded = load("production", tmp_path, **{**PRODUCTION, **variables})
    assert loaded.returncode != 0
    assert message in loaded.stderr


def test_the_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    assert load("dev", tmp_path).returncode == 0
    file = tmp_path / ".secret_key"
    key = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert load("dev", tmp_path).returncode == 0
    assert file.read_text() == key and len(key) >= 50


def test_a_wrong_variable_ends_a_command_with_one_sentence(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "manage.py", "start"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "PORT": "eighty"},
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == "Configuration error: PORT must be a whole number, not 'eighty'.\n"
