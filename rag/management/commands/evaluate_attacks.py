"""`manage.py evaluate_attacks`: what hostile documents achieve against the configured model."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge.lib.errors import AppError
from rag.evaluation.attacks import evaluate_attacks, read_attacks
from rag.management.evaluations import (
    Bars,
    add_evaluation_options,
    be_quiet,
    print_metrics,
    require_floors,
    write_json,
)


class Command(BaseCommand):
    help = (
        "Ask questions whose answers stand in documents that also try to steer the model (visible"
        " and hidden instructions, fake citations, links and pictures that carry something away),"
        " each in an organization that goes afterwards, and tell how many of them had success."
        " Exit code: 0 done, 1 below --fail-under or failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_evaluation_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        be_quiet(options["verbosity"])
        bars = Bars()
        try:
            report = evaluate_attacks(read_attacks(), limit=options["limit"], progress=bars)
        except AppError as error:
            raise CommandError(error.message) from error
        finally:
            bars.close()
        prompt = report.prompt_version or "no prompt"
        self.stdout.write(f"{len(report.outcomes)} attacks on {report.model}, {prompt}")
        for name, reason in report.failures.items():
            self.stdout.write(f"  not ingested: {name}: {reason}")
        for outcome in report.outcomes:
            if outcome.has_succeeded:
                said = " ".join(outcome.answer.split())[:160]
                self.stdout.write(f"  succeeded: {outcome.id}: {said}")
        print_metrics(self.stdout, report.metrics)
        if options["json"]:
            write_json(options["json"], report.as_json())
        require_floors(options["fail_under"], report.metrics)
