"""Several commands run as one: a stop ends all, and so does the end of any."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# Prints what happens to stdout; the runner stands in a process of its own, as signals need one.
RUNNER = """
import sys
from knowledge.lib.processes import run_together
commands = {{{commands}}}
sys.exit(run_together(commands, report=lambda line: print(line, flush=True), grace_s=2))
"""
WAITS = "import signal, pathlib, sys; pathlib.Path(sys.argv[1]).write_text('up'); signal.pause()"
STUBBORN = (
    "import signal, os, pathlib, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))\n"
    "time.sleep(600)"
)
# Leaves a child behind that holds its output open, as a killed queue does.
PARENT = (
    "import os, pathlib, signal, subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "pathlib.Path(sys.argv[1]).write_text(str(child.pid))\n"
    "os.kill(os.getpid(), signal.SIGKILL)"
)


def start(**commands: tuple[str, Path]) -> subprocess.Popen[str]:
    listed = ", ".join(
        f"{name!r}: {[sys.executable, '-c', code, str(path)]!r}"
        for name, (code, path) in commands.items()
    )
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER.format(commands=listed)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 20
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, f"{path.name} did not start"
        os.sched_yield()
    return path.read_text()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_all_and_is_no_failure(tmp_path: Path, number: signal.Signals) -> None:
    runner = start(web=(WAITS, tmp_path / "web"), worker=(WAITS, tmp_path / "worker"))
    wait_for(tmp_path / "web")
    wait_for(tmp_path / "worker")
    runner.send_signal(number)
    assert runner.communicate(timeout=20)[0] == ""
    assert runner.returncode == 0


def test_one_that_fails_ends_the_rest_and_gives_its_code(tmp_path: Path) -> None:
    runner = start(web=("import sys; sys.exit(7)", tmp_path), worker=(WAITS, tmp_path / "worker"))
    output = runner.communicate(timeout=20)[0]
    assert output == "The web ended by itself (exit code 7); stopping the rest.\n"
    assert runner.returncode == 7


def test_one_that_ends_without_an_error_is_a_failure_too(tmp_path: Path) -> None:
    runner = start(web=("pass", tmp_path), worker=(WAITS, tmp_path / "worker"))
    runner.communicate(timeout=20)
    assert runner.returncode == 1


def test_a_killed_one_takes_its_children_with_it(tmp_path: Path) -> None:
    runner = start(worker=(PARENT, tmp_path / "child"), web=(WAITS, tmp_path / "web"))
    output = runner.communicate(timeout=20)[0]
    assert "signal SIGKILL" in output
    assert runner.returncode == 1
    assert not is_alive(int(wait_for(tmp_path / "child")))


def test_one_that_ignores_the_request_is_ended_by_force(tmp_path: Path) -> None:
    runner = start(web=(STUBBORN, tmp_path / "web"))
    pid = int(wait_for(tmp_path / "web"))
    runner.send_signal(signal.SIGTERM)
    runner.communicate(timeout=20)
    assert not is_alive(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells a child of this")
def test_none_outlives_a_killed_runner(tmp_path: Path) -> None:
    said_pid = (
        "import os, pathlib, signal, sys; "
        "pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); signal.pause()"
    )
    runner = start(web=(said_pid, tmp_path / "web"))
    pid = int(wait_for(tmp_path / "web"))
    runner.kill()
    runner.communicate(timeout=20)
    deadline = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < deadline
        os.sched_yield()
