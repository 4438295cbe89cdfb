"""Watches what pages do: nothing leaves for another origin, nothing breaks, nothing is blocked."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

# The browser says so itself for every answer of 400 and more, whoever expects it.
_STATUS = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
# Blocked content is told to the page's own console; this also names the directive.
_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} blocked ${event.blockedURI}`);
});
"""


@dataclass
class Watch:
    """What the pages of one test did that they should not.

    Attributes:
        expected: statuses of 400 and more that the test provokes.
    """

    origin: str
    also: set[str] = field(default_factory=set)
    expected: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    def expect(self, *statuses: int) -> None:
        """Say which refusals the test provokes."""
        self.expected.update(statuses)

    def follow(self, context: BrowserContext) -> None:
        """Watch every page of the context, from its first request on."""
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("request", self._requested)
        context.on("requestfailed", self._failed)
        context.on("console", self._said)
        context.on("weberror", self._threw)

    def _requested(self, request: Request) -> None:
        parts = urlsplit(request.url)
        self.requested.append(parts.path)
        if parts.scheme in ("data", "blob"):
            return
        if f"{parts.scheme}://{parts.netloc}" not in {self.origin, *self.also}:
            self.problems.append(f"asked another origin: {request.url}")

    def _failed(self, request: Request) -> None:
        # The page itself ends a stream whose last event has come, and is left with requests open.
        if request.failure != "net::ERR_ABORTED":
            path = urlsplit(request.url).path
            self.problems.append(f"failed request: {request.method} {path}: {request.failure}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        status = _STATUS.match(message.text)
        if status is None or int(status[1]) not in self.expected:
            self.problems.append(f"console: {message.text}")

    def _threw(self, error: WebError) -> None:
        self.problems.append(f"script: {error.error}")
