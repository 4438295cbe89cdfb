"""What models that compute in this process share: checked weights, turns, and precision."""

import hashlib
from collections.abc import Callable
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from knowledge.lib.overload import Gate, Limits
from rag.embedding.base import Vectors

if TYPE_CHECKING:
    from torch.nn import Module

logger = getLogger("knowledge.embedding")

M = TypeVar("M", bound="Module")

# Below this cosine with float32, bfloat16 is not used.
LEAST_COSINE = 0.999
# Long and short, plain and odd: what the two precisions are compared on.
PROBES = (
    "How many days of annual leave does a new employee have?",
    "Invoices above 5,000 EUR need two signatures.",
    "zażółć gęślą jaźń 数据保护 42",
    "Report a lost laptop to the service desk within one hour. " * 8,
)


def check_weights(path: Path, sha256: str) -> None:
    """Refuse a file that is not the published one: its vectors would not fit those stored.

    Raises:
        ImproperlyConfigured: it is another file.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ImproperlyConfigured(f"{path.name} is not the published model: sha256 {found}.")


def one_at_a_time() -> Gate:
    """Return a gate for one call: two encoding threads on two cores take six times as long each."""
    return Gate(
        "embedder", lambda: Limits(1, settings.EMBEDDING_QUEUE, settings.EMBEDDING_TIMEOUT_S)
    )


def load_in_precision(load: Callable[[], M], encode: Callable[[M], Vectors]) -> tuple[M, str]:
    """Return the model in the wanted precision, and which that is.

    Half precision is wanted where the processor is faster with it, and used where it gives the same
    vectors.

    Args:
        load: makes the model in float32.
        encode: gives a model's vectors of PROBES.
    """
    import torch

    model = load()

    wanted = settings.EMBEDDING_PRECISION
    if not (wanted == "bfloat16" or (wanted == "auto" and _computes_bfloat16())):
        return model, "float32"
    exact = encode(model)
    model = model.to(torch.bfloat16)
    cosine = _least_cosine(exact, encode(model))
    if cosine >= LEAST_COSINE:
        return model, "bfloat16"
    logger.warning("bfloat16 refused", extra={"cosine": round(cosine, 5)})
    return load(), "float32"


def _computes_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 by itself; emulated, it is slower."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "AVX512" in capability and ("avx512_bf16" in flags or "amx_bf16" in flags)


def _least_cosine(exact: Vectors, other: Vectors) -> float:
    dots = (exact * other).sum(axis=1)
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(other, axis=1)
    return float((dots / norms).min())
