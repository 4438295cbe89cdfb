"""What a process that reads a hostile file may use: memory, time, files, nothing outside."""

import contextlib
import ctypes
import os
import resource
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_OPEN_FILES = 32
_OPEN_FILES_OF_PROGRAMS = 512


def _find_prctl() -> Callable[..., int] | None:
    try:
        prctl: Callable[..., int] = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return None
    return prctl


_prctl = _find_prctl()  # once, before children are forked


def leave_network() -> bool:
    """Move this process and its children to a network of their own, which leads nowhere.

    Not every system allows it; what matters more is that no parser here is asked to fetch.
    """
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (OSError, AttributeError):
        return False
    return any(unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def die_with_parent(parent: int) -> None:
    """End this process when its parent ends, however that ends."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel was told
        os._exit(1)


def limit_resources(
    *, memory_bytes: int, cpu_s: int, written_bytes: int = 0, processes: bool = False
) -> None:
    """Bound this process; what goes over is refused memory or killed.

    Args:
        memory_bytes: address space, all that is mapped.
        cpu_s: seconds of processor time.
        written_bytes: of each file that it writes.
        processes: whether it may start others, each with the same limits.
    """
    limits = [
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, written_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES_OF_PROGRAMS if processes else _OPEN_FILES),
    ]
    if not processes:
        limits.append((resource.RLIMIT_NPROC, 0))
    for kind, most in limits:
        with contextlib.suppress(ValueError, OSError):  # the limit is lower already
            resource.setrlimit(kind, (most, most))
