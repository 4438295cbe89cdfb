"""Looks up known vulnerabilities of the installed packages, as far as a service can be reached.

Without a network there is nothing to compare with: that is said, and is no failure. A known
vulnerability is one, and so is a pip-audit that breaks for any other reason.
"""

import json
import re
import subprocess
import sys

AUDIT = [
    *(sys.executable, "-m", "pip_audit", "--local", "--skip-editable"),
    *("--format", "json", "--progress-spinner", "off", "--timeout", "10"),
]
LIMIT_S = 120
_UNREACHABLE = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|NameResolutionError|Max retries exceeded"
    r"|ProxyError|SSLError|Could not connect|HTTPError: (403|407|429|5\d\d)"
)
_SILENCE = "Known vulnerabilities: no service could be reached, so nothing was checked."


def verdict(report: str, complaint: str) -> tuple[int, str]:
    """Return the exit code, and what to say.

    Args:
        report: pip-audit's JSON; empty when it gave none.
        complaint: what it wrote beside that.
    """
    if not report.strip():
        if _UNREACHABLE.search(complaint):
            return 0, _SILENCE
        return 2, f"pip-audit did not work:\n{complaint[-2_000:]}"
    packages = json.loads(report)["dependencies"]
    checked = [package for package in packages if "skip_reason" not in package]
    found = [
        f"  {package['name']} {package['version']}: {fault['id']}, "
        f"fixed in {', '.join(fault['fix_versions']) or 'no version yet'}"
        for package in checked
        for fault in package["vulns"]
    ]
    if found:
        return 1, "\n".join(["Known vulnerabilities:", *found])
    if not checked:
        return 0, _SILENCE
    said = f"Known vulnerabilities: none in {len(checked)} packages."
    unknown = len(packages) - len(checked)
    return 0, said + (f" {unknown} could not be looked up." if unknown else "")


def main() -> int:
    """Run pip-audit, within bounds of time, and tell what it found."""
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter
            AUDIT, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        print(_SILENCE)
        return 0
    code, said = verdict(done.stdout, done.stderr)
    print(said, file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
