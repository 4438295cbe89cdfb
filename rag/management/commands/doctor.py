"""`manage.py doctor`: how the installation is, and what to do about it.

Exit codes: 0 nothing fails, 1 something does (with --strict: or is to be looked at), 2 usage.
"""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from knowledge.lib.diagnostics import Audience, Line, Section, State, examine, worst

_WIDTH = 30


class Command(BaseCommand):
    help = (
        "Look at everything that the diagnostics page shows, ask the model server too, and say"
        " what to do. Exit code: 0 nothing fails, 1 something does, 2 usage."
    )
    # It is wanted most when something is wrong.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--strict", action="store_true", help="warnings give exit code 1 too")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        sections = examine(Audience(asks_servers=True))
        state = worst(section.state for section in sections)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(state, sections), indent=2, ensure_ascii=False))
        else:
            for section in sections:
                self.stdout.write(self.style.MIGRATE_HEADING(section.title))
                for line in section.lines:
                    self._print(line)
                self.stdout.write("")
            self.stdout.write(_conclusion(sections))
        if state == State.FAIL or (options["strict"] and state == State.WARN):
            raise SystemExit(1)

    def _print(self, line: Line) -> None:
        style = {
            State.OK: self.style.SUCCESS,
            State.WARN: self.style.WARNING,
            State.FAIL: self.style.ERROR,
        }[line.state]
        self.stdout.write(f"  {style(f'{line.state:<5}')}{line.name:<{_WIDTH}} {line.value}")
        for detail in line.details:
            self.stdout.write(f"       {detail}")
        if line.advice:
            self.stdout.write(f"       -> {line.advice}")


def _conclusion(sections: list[Section]) -> str:
    states = [line.state for section in sections for line in section.lines]
    failing, warned = states.count(State.FAIL), states.count(State.WARN)
    if not failing and not warned:
        return "Everything is well."
    return f"{failing} of {len(states)} fail, {warned} are to be looked at."


def _as_json(state: State, sections: list[Section]) -> dict[str, Any]:
    return {
        "state": state,
        "sections": [
            {
                "title": section.title,
                "state": section.state,
                "lines": [_line(line) for line in section.lines],
            }
            for section in sections
        ],
    }


def _line(line: Line) -> dict[str, Any]:
    return {name: asdict(line)[name] for name in ("name", "state", "value", "advice", "details")}
