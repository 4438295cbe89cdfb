"""Older Office files are read through LibreOffice where it is installed, and refused elsewhere."""

from pathlib import Path

import psutil
import pytest

from documents.exceptions import DocumentFailure
from documents.extraction import conversion
from documents.extraction.runner import extract_file
from documents.tests.made_files import docx

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "letter"
    path.write_bytes(OLE)
    return path


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def soffice(tmp_path: Path, monkeypatch):
    """Put a program of this name on the path that does what the script says."""

    def soffice(script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        path = folder / "soffice"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return soffice


def converts(tmp_path: Path, before: str = "") -> str:
    """Return a script that gives a Word document where LibreOffice would."""
    made = tmp_path / "made.docx"
    made.write_bytes(docx(lambda document: document.add_paragraph("Book early.")))
    return f"""{before}
while [ $# -gt 1 ]; do [ "$1" = --outdir ] && out=$2; shift; done
/bin/mkdir -p "$out" && /bin/cp {made} "$out/in.docx"
"""


def gone(number: int) -> bool:
    """Tell whether a process ends within some seconds."""
    running = [psutil.Process(number)] if psutil.pid_exists(number) else []
    return psutil.wait_procs(running, timeout=10)[1] == []


@pytest.mark.parametrize(
    ("extension", "target"), [("doc", "docx"), ("xls", "xlsx"), ("ppt", "pptx")]
)
def test_without_libreoffice_the_user_is_told_what_to_do(
    old_file: Path, monkeypatch, extension: str, target: str
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DocumentFailure, match=rf"save it as \.{target}") as raised:
        extract_file(old_file, extension=extension)
    assert (raised.value.code, raised.value.may_pass) == ("needs_converter", False)


def test_what_libreoffice_makes_of_the_file_is_read(
    old_file: Path, tmp_path: Path, temporary: Path, soffice
) -> None:
    soffice(converts(tmp_path))
    assert extract_file(old_file, extension="doc").pages[0].text == "Book early."
    assert list(temporary.iterdir()) == []


def test_libreoffice_gets_a_profile_of_its_own_and_nothing_of_our_environment(
    old_file: Path, tmp_path: Path, temporary: Path, soffice, monkeypatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "not for it")
    said = tmp_path / "said"
    soffice(converts(tmp_path, f'(/usr/bin/env; echo "$@"; cat profile/user/*.xcu) > {said}'))
    extract_file(old_file, extension="doc")
    words = said.read_text()
    assert "not for it" not in words
    assert f"HOME={temporary}" in words
    assert f"-env:UserInstallation=file://{temporary}" in words
    assert "letter" not in words
    assert "DisableMacrosExecution" in words


def test_a_file_that_libreoffice_cannot_open_is_damaged(
    old_file: Path, temporary: Path, soffice
) -> None:
    soffice("exit 1")
    with pytest.raises(DocumentFailure) as raised:
        extract_file(old_file, extension="doc")
    assert raised.value.code == "damaged"
    assert list(temporary.iterdir()) == []


def test_a_result_that_points_elsewhere_is_not_read(
    old_file: Path, tmp_path: Path, soffice
) -> None:
    script = converts(tmp_path).replace("/bin/cp", "/bin/ln -s")
    soffice(script)
    with pytest.raises(DocumentFailure) as raised:
        extract_file(old_file, extension="doc")
    assert raised.value.code == "damaged"


def test_a_conversion_that_does_not_end_is_ended_with_all_it_started(
    old_file: Path, tmp_path: Path, temporary: Path, soffice, settings
) -> None:
    settings.EXTRACTION_TIMEOUT_S = 1
    started = tmp_path / "started"
    soffice(f"/bin/sleep 600 & echo $! > {started}; wait")
    with pytest.raises(DocumentFailure) as raised:
        extract_file(old_file, extension="doc")
    assert (raised.value.code, raised.value.may_pass) == ("timeout", True)
    assert gone(int(started.read_text()))
    assert list(temporary.iterdir()) == []


def test_what_a_conversion_leaves_running_is_ended_too(
    old_file: Path, tmp_path: Path, temporary: Path, soffice
) -> None:
    started = tmp_path / "started"
    soffice(converts(tmp_path, f"/bin/sleep 600 >/dev/null 2>&1 & echo $! > {started}"))
    assert extract_file(old_file, extension="doc").pages
    assert gone(int(started.read_text()))


def test_conversions_are_asked_for_by_the_registry_alone() -> None:
    targets = {e: conversion.conversion_target(e) for e in ("doc", "xls", "ppt", "docx", "pdf")}
    assert targets == {"doc": "docx", "xls": "xlsx", "ppt": "pptx", "docx": "", "pdf": ""}
