"""A file is read in a child process: bounded, disposable, and told from a broken one."""

import os
import signal
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from documents.exceptions import DocumentFailure
from documents.extraction import wire, zygote
from documents.extraction.base import (
    Attachment,
    ExtractedDocument,
    ExtractedPage,
    Heading,
    Limits,
)
from documents.extraction.children import check_end, zygote_pid
from documents.extraction.errors import ExtractionError
from documents.extraction.runner import extract_file
from documents.tests.made_files import column, pdf

SLOW = "- *a* [b](c) `d`\n\n| e | f |\n|---|---|\n| g | h |\n\n" * 40_000  # takes many seconds
ROOT = Path(__file__).resolve().parents[2]
PAGE = ExtractedPage(1, "Travel\n\nBook “early” 👩\u200d🚀.", (Heading(0, 1, "Travel"),))


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text("Hello there.\n\nGoodbye.")
    return path


def failure_of(path: Path, extension: str) -> DocumentFailure:
    with pytest.raises(DocumentFailure) as raised:
        extract_file(path, extension=extension)
    return raised.value


def zygote_of_this_process() -> psutil.Process:
    return psutil.Process(zygote_pid())


def test_the_text_comes_back(text_file: Path) -> None:
    assert extract_file(text_file, extension="txt") == ExtractedDocument(
        (ExtractedPage(1, "Hello there.\n\nGoodbye."),)
    )


def test_an_extractors_own_words_reach_the_user(tmp_path: Path) -> None:
    path = tmp_path / "blank.pdf"
    path.write_bytes(pdf([[]]))
    failure = failure_of(path, "pdf")
    assert (failure.code, failure.may_pass) == ("empty", False)
    assert "there is no text in it" in failure.message


def test_threads_read_at_the_same_time_and_get_their_own(tmp_path: Path) -> None:
    paths = []
    for number in range(40):
        paths.append(tmp_path / f"{number}.md")
        paths[-1].write_text(f"# Number {number}\n\n" + "text " * number)
    with ThreadPoolExecutor(8) as threads:
        titles = list(threads.map(lambda path: extract_file(path, extension="md").title, paths))
    assert titles == [f"Number {number}" for number in range(40)]


def test_nothing_of_our_environment_reaches_the_reader(text_file: Path) -> None:
    extract_file(text_file, extension="txt")
    assert set(zygote_of_this_process().environ()) <= {"LC_ALL", "MALLOC_ARENA_MAX", "LC_CTYPE"}


def test_the_reader_has_no_network(text_file: Path) -> None:
    probe = "from documents.extraction.sandbox import leave_network; print(leave_network())"
    said = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, check=True)
    if said.stdout.strip() != b"True":
        pytest.skip("this system gives no process a network of its own")
    extract_file(text_file, extension="txt")
    theirs = Path(f"/proc/{zygote_of_this_process().pid}/ns/net")
    assert theirs.readlink() != Path("/proc/self/ns/net").readlink()


def test_the_reader_loads_no_web_framework_and_no_model() -> None:
    listing = (
        "import sys, documents.extraction.zygote as zygote\n"
        "from documents.extraction.registry import FORMATS, load_extractor\n"
        "for format in FORMATS: load_extractor(format.extensions[0])\n"
        "print([m for m in ('django', 'torch', 'faiss', 'numpy') if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", listing], cwd=ROOT, capture_output=True, check=True
    )
    assert said.stdout.strip() == b"[]"


def test_too_much_memory_ends_the_child_alone(tmp_path: Path, text_file: Path, settings) -> None:
    settings.EXTRACTION_MEMORY_BYTES = 96 * 1024**2
    path = tmp_path / "large.txt"
    path.write_text("large and larger " * 4_000_000)
    failure = failure_of(path, "txt")
    assert (failure.code, failure.may_pass) == ("too_much_memory", False)
    assert extract_file(text_file, extension="txt").pages


def test_a_decompression_bomb_in_a_pdf_ends_the_child_alone(
    tmp_path: Path, text_file: Path, settings
) -> None:
    settings.EXTRACTION_MEMORY_BYTES = 128 * 1024**2
    content = zlib.compress(b"BT /F1 9 Tf (x) Tj ET " * 20_000_000, 1).decode("latin-1")
    plain = pdf([column("MARK")]).decode("latin-1")
    start, end = plain.index("<</Length"), plain.index("endstream")
    bomb = f"<</Filter/FlateDecode/Length {len(content)}>>\nstream\n{content}\n"
    path = tmp_path / "bomb.pdf"
    path.write_bytes((plain[:start] + bomb + plain[end:]).encode("latin-1"))
    assert failure_of(path, "pdf").may_pass is False
    assert extract_file(text_file, extension="txt").pages


def test_time_runs_out(tmp_path: Path, settings) -> None:
    settings.EXTRACTION_TIMEOUT_S = 1
    path = tmp_path / "slow.md"
    path.write_text(SLOW)
    failure = failure_of(path, "md")
    assert failure.code in ("timeout", "too_complex")
    assert failure.may_pass is (failure.code == "timeout")


def test_a_child_that_waits_for_ever_is_ended_and_may_be_tried_again(
    tmp_path: Path, text_file: Path, settings
) -> None:
    settings.EXTRACTION_TIMEOUT_S = 2
    path = tmp_path / "slow.md"
    path.write_text(SLOW)
    extract_file(text_file, extension="txt")
    parent = zygote_of_this_process()
    with ThreadPoolExecutor(1) as threads:
        failing = threads.submit(failure_of, path, "md")
        while not (children := parent.children()):
            assert not failing.done()
        children[0].suspend()  # it uses no processor time from here on
        failure = failing.result()
    assert (failure.code, failure.may_pass) == ("timeout", True)


@pytest.mark.parametrize(
    ("status", "killed", "code", "may_pass"),
    [
        (signal.SIGKILL, True, "timeout", True),
        (signal.SIGXCPU, False, "too_complex", False),
        (signal.SIGSEGV, False, "crashed", False),
        (signal.SIGABRT, False, "crashed", False),
    ],
)
def test_how_a_child_ended_decides_whether_to_try_again(
    status: int, killed: bool, code: str, may_pass: bool
) -> None:
    with pytest.raises(ExtractionError) as raised:
        check_end(status, killed, 120)
    assert (raised.value.code, raised.value.may_pass) == (code, may_pass)


def test_a_fault_of_a_parser_is_a_failure_with_a_sentence(monkeypatch) -> None:
    def broken(extension: str) -> None:
        raise KeyError("words of the document")

    monkeypatch.setattr(zygote, "load_extractor", broken)
    with pytest.raises(ExtractionError) as raised:
        request = {
            "do": "extract",
            "extension": "txt",
            "pages": 1,
            "characters": 1,
            "attachments": 0,
            "attachment_bytes": 0,
        }
        wire.decode(zygote._answer(request), Limits(1, 1))
    assert raised.value.code == "unreadable"
    (cause,) = raised.value.__notes__
    assert cause.startswith("KeyError in test_extract_runner.py:")


def test_more_pages_than_allowed_is_a_failure(text_file: Path, settings) -> None:
    settings.MAX_PAGES, settings.MAX_DOCUMENT_CHARACTERS = 1, 5
    failure = failure_of(text_file, "txt")
    assert failure.code == "too_long"


def test_a_dead_reader_is_started_again(text_file: Path) -> None:
    extract_file(text_file, extension="txt")
    first = zygote_of_this_process()
    first.kill()
    assert extract_file(text_file, extension="txt").pages
    assert zygote_of_this_process().pid != first.pid


def test_a_forked_process_gets_a_reader_of_its_own(text_file: Path) -> None:
    extract_file(text_file, extension="txt")
    ours = zygote_of_this_process()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        text = extract_file(text_file, extension="txt").pages[0].text
        os.write(write_end, f"{zygote_of_this_process().pid} {text[:5]}".encode())
        os._exit(0)
    os.close(write_end)
    os.waitpid(pid, 0)
    said = os.read(read_end, 100).decode().split()
    os.close(read_end)
    assert said[1] == "Hello"
    assert int(said[0]) != ours.pid
    assert ours.is_running()
    assert extract_file(text_file, extension="txt").pages


WORKER = """
import os, sys
from pathlib import Path
import django
django.setup()
from documents.extraction.children import zygote_pid
from documents.extraction.runner import extract_file
extract_file(Path(sys.argv[1]), extension="txt")
print(zygote_pid(), flush=True)
extract_file(Path(sys.argv[2]), extension="md")
"""


def test_no_reader_outlives_a_worker_that_was_killed(tmp_path: Path, text_file: Path) -> None:
    slow = tmp_path / "slow.md"
    slow.write_text(SLOW)
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(text_file), str(slow)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    parent = psutil.Process(int(worker.stdout.readline()))
    readers: list[psutil.Process] = []
    while not readers and worker.poll() is None:
        readers = parent.children()
    assert readers
    worker.kill()
    worker.wait()
    worker.stdout.close()
    _, alive = psutil.wait_procs([parent, *readers], timeout=10)
    assert alive == []


def test_what_a_child_says_is_carried_exactly() -> None:
    attached = (Attachment("ü.bin", b"\0\xff"), Attachment("empty", b""), Attachment("b", b"end"))
    document = ExtractedDocument(
        (PAGE, ExtractedPage(2, "")), "Title", ("Page 2 has no text.",), attached, (2,)
    )
    assert wire.decode(wire.encode_document(document), Limits(5, 1_000, 3, 10)) == document


def said(json: bytes, contents: bytes = b"") -> bytes:
    return wire.LENGTH.pack(len(json)) + json + contents


REST = b'"warnings":[],"attachments":[],"scans":[],"dated_on":""}'


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff",
        wire.LENGTH.pack(2**63),
        said(b"[]"),
        said(b"{}"),
        said(b"[" * 100_000),
        said(b'{"title":"","pages":[],' + REST),
        said(b'{"title":1,"pages":[[1,"a",[]]],' + REST),
        said(b'{"title":"","pages":[[2,"a",[]]],' + REST),
        said(b'{"title":"","pages":[[1,"a",[]],[2,"b",[]],[3,"c",[]]],' + REST),
        said(b'{"title":"","pages":[[1,"' + b"a" * 300 + b'",[]]],' + REST),
        said(b'{"title":"","pages":[[1,"\\u0000",[]]],' + REST),
        said(b'{"title":"","pages":[[1,"\\ud800",[]]],' + REST),
        said(b'{"title":"","pages":[[1,"a",[[9,1,"x"]]]],' + REST),
        said(b'{"title":"","pages":[[1,"a",[["0",1,"x"]]]],' + REST),
        said(b'{"title":"","pages":[[1,"a",[]]],' + REST, b"more"),
        said(b'{"title":"","pages":[[1,"a",[]]],' + REST.replace(b'scans":[', b'scans":[2')),
        said(b'{"title":"","pages":[[1,"a",[]]],' + REST.replace(b'nings":[', b'nings":[1')),
        said(b'{"title":"","pages":[[1,"a",[]]],' + REST.replace(b'ments":[', b'ments":[["",1]')),
        said(
            b'{"title":"","pages":[[1,"a",[]]],' + REST.replace(b'ments":[', b'ments":[["",4]'),
            b"more",
        ),
        said(b'{"error":{"message":"' + b"a" * 1000 + b'","code":"x","may_pass":false}}'),
        said(b'{"error":{}}'),
        said(b'{"error":{"message":"m","code":"x","may_pass":false,"cause":1}}'),
    ],
)
def test_a_child_that_says_anything_else_is_not_believed(answer: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(answer, Limits(pages=2, characters=100, attachments=1, attachment_bytes=3))


def test_the_unchanged_form_of_these_answers_is_believed() -> None:
    page = b'{"title":"","pages":[[1,"a",[]]],' + REST
    assert wire.decode(said(page), Limits(2, 100)) == ExtractedDocument((ExtractedPage(1, "a"),))
