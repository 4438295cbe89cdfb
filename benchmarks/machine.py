"""Describes the machine that figures come from."""

import os
import platform
from pathlib import Path


def describe() -> dict[str, object]:
    """Return processor, cores, memory and versions."""
    import torch

    return {
        "processor": _processor(),
        "bfloat16": "bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8"),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3, 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()
