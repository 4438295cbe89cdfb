"""How the product is, in lines that each say what to do; an app adds probes of its own.

One list for the page, the command and the tests. Whether a load balancer may send requests here is
another question, which `knowledge.lib.health` answers to anybody.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from logging import getLogger

logger = getLogger("knowledge.diagnostics")


class State(StrEnum):
    """How a line is, the worst last."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"

    @property
    def label(self) -> str:
        """The state in words."""
        return {State.OK: "OK", State.WARN: "Look at this", State.FAIL: "Fails"}[self]


@dataclass(frozen=True)
class Audience:
    """For whom it is looked.

    Attributes:
        organization_id: whose administrator asks; None: the operator, who is shown everything.
        home_id: the organization that the operator belongs to, if any.
        asks_servers: whether to ask servers of others now; else what they said lately is shown.
    """

    organization_id: uuid.UUID | None = None
    home_id: uuid.UUID | None = None
    asks_servers: bool = False

    @property
    def is_operator(self) -> bool:
        """Whether hosts, versions and other organizations may be shown."""
        return self.organization_id is None


@dataclass(frozen=True)
class Link:
    """Where to look further, as a path of this site."""

    label: str
    path: str


@dataclass(frozen=True)
class Action:
    """A button: what it is called, the path it posts to, and the fields it sends."""

    label: str
    path: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Line:
    """One thing that was looked at.

    Attributes:
        value: what was found. SECURITY: no key, password, question or text of a document.
        advice: what to do; a line that is not OK always has one.
        details: one a line, such as the latest errors.
    """

    name: str
    value: str
    state: State = State.OK
    advice: str = ""
    details: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True)
class Section:
    """The lines of one subject.

    Attributes:
        is_facts: whether they are there to be read: nothing of it is well or ill by itself.
    """

    title: str
    lines: Sequence[Line] = field(default_factory=list)
    is_facts: bool = False

    @property
    def state(self) -> State:
        """The worst of its lines."""
        return worst(line.state for line in self.lines)


Probe = Callable[[Audience], Iterable[Line]]


@dataclass(frozen=True)
class _Registered:
    title: str
    probe: Probe
    is_for_operator: bool
    is_facts: bool
    place: int


_probes: dict[str, _Registered] = {}
_UNKNOWN = "Mend what else fails first. With LOG_LEVEL=DEBUG the log has the exception."


def register(
    title: str,
    probe: Probe,
    *,
    place: int,
    is_for_operator: bool = False,
    is_facts: bool = False,
) -> None:
    """Add a section, or replace the one of this title.

    Args:
        probe: returns lines; whatever it raises becomes a line that fails.
        place: sections stand in this order.
        is_for_operator: whether it is of the installation, which an organization's administrator
            is not shown.
        is_facts: as of Section.
    """
    _probes[title] = _Registered(title, probe, is_for_operator, is_facts, place)


def examine(audience: Audience) -> list[Section]:
    """Look at everything that the audience may know of; sections without lines are left out."""
    chosen = sorted(_probes.values(), key=lambda registered: registered.place)
    sections = [
        Section(registered.title, _lines(registered, audience), registered.is_facts)
        for registered in chosen
        if audience.is_operator or not registered.is_for_operator
    ]
    return [section for section in sections if section.lines]


def worst(states: Iterable[State]) -> State:
    """Return the worst of them; of none, OK."""
    return max(states, key=list(State).index, default=State.OK)


def _lines(registered: _Registered, audience: Audience) -> list[Line]:
    try:
        return list(registered.probe(audience))
    except Exception as error:  # whatever it is, the others are still to be looked at
        fields = {"section": registered.title, "error": type(error).__name__}
        logger.error("probe failed", extra=fields)
        logger.debug("probe failed", exc_info=error)
        # SECURITY: only the kind of error, for its words may hold an address or a password.
        found = f"could not be looked at ({type(error).__name__})"
        return [Line(registered.title, found, State.FAIL, _UNKNOWN)]
