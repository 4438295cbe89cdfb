"""`manage.py reembed`: change the embedding model while searches go on."""

import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Organization
from knowledge.lib.errors import AppError
from rag.index.versions import get_state
from rag.management.organizations import add_organization_option, chosen_organizations
from rag.models import ModelChange
from rag.services.model_change import cancel, prune, roll_back, start_change, switch
from rag.services.model_change_run import run_change

# Seconds between two looks at a change that another process works on.
POLL_S = 2.0


class Command(BaseCommand):
    help = (
        "Build the vectors of another embedding model beside those in use, and switch when they"
        " are complete. It can be stopped at any moment; the same command goes on with it. Exit"
        " code: 0 done, 1 a change failed or was refused, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        act = parser.add_mutually_exclusive_group(required=True)
        act.add_argument("--model", metavar="NAME", help="the model to change to")
        act.add_argument("--switch", action="store_true", help="switch to what --no-switch built")
        act.add_argument("--rollback", action="store_true", help="change back to the model before")
        act.add_argument("--cancel", action="store_true", help="give up the change under way")
        act.add_argument("--status", action="store_true", help="show models and changes")
        act.add_argument(
            "--prune", action="store_true", help="delete the vectors of models not in use"
        )
        parser.add_argument("--no-switch", action="store_true", help="build, and wait")
        parser.add_argument(
            "--force", action="store_true", help="switch even if the evaluation set says worse"
        )
        add_organization_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        organizations = chosen_organizations(options["organization"])
        act = self._act(options)
        failed = False
        for organization in organizations:
            self._label = f"{organization.name}: "
            try:
                failed |= act(organization) is False
            except AppError as error:
                if len(organizations) == 1:
                    raise CommandError(error.message) from error
                self._say(error.message)
        if failed:
            raise SystemExit(1)

    def _act(self, options: dict[str, Any]) -> Callable[[Organization], bool | None]:
        """Return what to do with each organization; it returns False when that failed."""
        force = options["force"]
        if options["model"]:
            return lambda organization: self._run(
                start_change(
                    organization=organization,
                    model=options["model"],
                    actor=None,
                    force=force,
                    switch_when_ready=not options["no_switch"],
                )
            )
        if options["switch"]:
            return lambda organization: self._run(
                switch(organization=organization, actor=None, force=force)
            )
        if options["rollback"]:
            return lambda organization: self._run(roll_back(organization=organization, actor=None))
        if options["cancel"]:
            return self._cancel
        return self._prune if options["prune"] else self._show

    def _run(self, change: ModelChange) -> bool:
        """Work on the change, or watch who does, until it has ended or waits to be switched."""
        self._say(f"{change.previous_model} to {change.model}, {_progress(change)}")
        while change.is_open and not _waits(change):
            change = run_change(change_id=change.pk, on_progress=self._show_progress)
            if change.is_open and not _waits(change):
                self._say(
                    f"another process works on it, or was ended just now; {_progress(change)}"
                )
                time.sleep(POLL_S)
        self._say(_outcome(change))
        for line in _figures(change):
            self.stdout.write(f"  {line}")
        return change.is_open or change.status == ModelChange.Status.SWITCHED

    def _show_progress(self, change: ModelChange) -> None:
        self._say(_progress(change))

    def _cancel(self, organization: Organization) -> None:
        change = cancel(organization=organization, actor=None)
        self._say(f"the change to {change.model} is cancelled; its vectors stay until --prune")

    def _prune(self, organization: Organization) -> None:
        deleted = prune(organization=organization, actor=None)
        self._say(f"{deleted:,} vectors of models not in use are deleted")

    def _show(self, organization: Organization) -> None:
        self._say(f"{get_state(organization.pk).model} is in use")
        for change in ModelChange.objects.filter(organization=organization)[:10]:
            began = f"{change.started_at:%Y-%m-%d %H:%M}"
            self.stdout.write(
                f"  {began}  {change.previous_model} to {change.model}: {_outcome(change)}"
            )

    def _say(self, text: str) -> None:
        self.stdout.write(self._label + text)
        self.stdout.flush()


def _waits(change: ModelChange) -> bool:
    return change.status == ModelChange.Status.READY and not change.switch_when_ready


def _progress(change: ModelChange) -> str:
    return f"{change.done:,} of {change.total:,} passages ({change.percent} %)"


def _outcome(change: ModelChange) -> str:
    if change.status == ModelChange.Status.SWITCHED:
        return f"queries use {change.model} since {change.switched_at:%Y-%m-%d %H:%M:%S}"
    if _waits(change):
        return "ready; --switch lets queries use it"
    if change.is_open:
        return f"under way, {_progress(change)}"
    return " ".join(filter(None, [f"{change.get_status_display().lower()}.", change.error]))


def _figures(change: ModelChange) -> list[str]:
    """Return what the evaluation found, where there was one."""
    found = change.evaluation
    if not found:
        return []
    lines = [f"{found['questions']} questions of the evaluation set"]
    for leg, words in (("vectors", "by meaning alone"), ("search", "as the product searches")):
        before, after = found[f"{leg}_before"], found[f"{leg}_after"]
        lines.append(
            f"{words}: MRR@10 {before['mrr']:.3f} to {after['mrr']:.3f}, "
            f"recall@10 {before['recall']:.3f} to {after['recall']:.3f}"
        )
    return lines
