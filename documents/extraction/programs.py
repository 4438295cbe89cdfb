"""Becomes one of the few programs that read files for us, in a child that is bounded already."""

import os
import shutil
from collections.abc import Sequence
from typing import NoReturn

_NOT_FOUND = 127


def find_program(*names: str) -> str:
    """Return the path of the first program that is installed, "" where none is."""
    return next(filter(None, map(shutil.which, names)), "")


def become_program(arguments: Sequence[str], folder: str, *, source: int, answer: int) -> NoReturn:
    """Replace this process by a program, with the file as its input and the answer as its output.

    Args:
        arguments: the program's path, then its arguments; no shell reads them.
        folder: where it works and what it takes for its home.
        source: descriptor of the file.
        answer: descriptor that its standard output goes to.
    """
    try:
        os.setpgid(0, 0)  # so that what it starts can be ended with it
        os.chdir(folder)
        os.dup2(source, 0)
        os.dup2(answer, 1)
        os.closerange(3, 16)
        # SECURITY: it gets no variable but these.
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": folder,
            "TMPDIR": folder,
            "LC_ALL": "C.UTF-8",
            "OMP_THREAD_LIMIT": "1",
        }
        os.execve(arguments[0], list(arguments), environment)  # noqa: S606  # no shell is wanted  # nosec B606
    finally:
        os._exit(_NOT_FOUND)
