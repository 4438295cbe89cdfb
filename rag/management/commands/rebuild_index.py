"""`manage.py rebuild_index [ORGANIZATION]`: make the indexes anew from the database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Organization
from rag.services.index import index_health, rebuild_index


class Command(BaseCommand):
    help = "Rebuild the vector and word indexes from the rows, without the embedding model."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", nargs="?", help="its name; all when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        organizations = Organization.objects.all()
        if options["organization"]:
            organizations = organizations.filter(name__iexact=options["organization"])
            if not organizations:
                raise CommandError(f"There is no organization called {options['organization']!r}.")
        for organization in organizations:
            rebuild_index(str(organization.pk))
            health = index_health(organization_id=organization.pk)
            self.stdout.write(
                f"{organization.name}: {health.vector.present} vectors, "
                f"{health.lexical.present} chunks by words, version {health.version}"
            )
