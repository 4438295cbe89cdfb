"""Runs several commands as one: a stop ends all of them, and so does the end of any."""

import contextlib
import ctypes
import os
import signal
import subprocess  # nosec B404  # each use says why
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

_POLL_S = 0.1
_PR_SET_PDEATHSIG = 1  # prctl(2)


def run_together(
    commands: Mapping[str, Sequence[str]],
    *,
    report: Callable[[str], None],
    grace_s: float = 5.0,
) -> int:
    """Run the commands until one ends or a signal asks to stop, then end the others.

    Each command leads a process group, and it is the group that is ended. (honcho notices an end
    by the closed output, which the children of a killed worker keep open, and then waits forever.)

    Args:
        commands: a name for people, and the argument list.
        report: is told in one sentence when a command ends by itself.
        grace_s: seconds between asking to end and ending by force.

    Returns:
        0 after a stop that was asked for; otherwise what the first command ended with, never 0.
    """
    stopped: list[int] = []

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.append(signum)

    before = {
        number: signal.signal(number, stop)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            running[name] = _start(command)
        ended = None
        while not stopped and ended is None:
            time.sleep(_POLL_S)
            ended = next((n for n, p in running.items() if p.poll() is not None), None)
        if ended is None:
            return 0
        code = running[ended].returncode
        report(f"The {ended} ended by itself ({_describe(code)}); stopping the rest.")
        return code if code > 0 else 1
    finally:
        _end(list(running.values()), grace_s)
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    # Ctrl-C reaches this process alone, which then ends the groups in order.
    return subprocess.Popen(  # noqa: S603  # nosec B603  # a command of our own
        command,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_parent,  # noqa: PLW1509  no thread runs yet
    )


def _die_with_parent() -> None:
    """Ask Linux to end this process when its parent is killed, so that no port stays taken."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(processes: Sequence[subprocess.Popen[bytes]], grace_s: float) -> None:
    """Ask each process to end, and once it has, or the time is up, end what it left by force."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + grace_s
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=max(0.0, deadline - time.monotonic()))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _describe(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
