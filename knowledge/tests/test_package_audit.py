"""The look-up of known vulnerabilities fails for what it finds, and not for want of a network."""

import json
import runpy
from typing import Any

import pytest

from knowledge.tests.test_house import ROOT

verdict = runpy.run_path(str(ROOT / ".ci" / "audit_packages.py"))["verdict"]
SOUND = {"name": "sound", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found on PyPI"}
FAULTY = {
    "name": "faulty",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": [], "description": "Bad."}],
}


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ((report(SOUND), ""), 0, "none in 1 packages."),
        ((report(SOUND, UNKNOWN), ""), 0, "none in 1 packages. 1 could not be looked up."),
        ((report(UNKNOWN), ""), 0, "no service could be reached"),
        (("", "requests.exceptions.ConnectionError: no such host"), 0, "no service could be"),
        ((report(SOUND, FAULTY, UNKNOWN), ""), 1, "faulty 2.0: PYSEC-1, fixed in 2.1"),
        (("", "TypeError: broken"), 2, "TypeError: broken"),
    ],
)
def test_the_verdict(given: tuple[str, str], code: int, said: str) -> None:
    got, words = verdict(*given)
    assert got == code
    assert said in words
