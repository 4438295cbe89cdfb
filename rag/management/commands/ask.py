"""Asks a question on the terminal and streams the answer with its sources."""

import asyncio
import uuid
from argparse import ArgumentParser
from contextlib import aclosing
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from documents.narrowing import Narrowing
from knowledge.lib import context
from knowledge.lib.errors import AppError
from rag.models import Message
from rag.services.sources import answer_text, message_sources
from rag.services.turns import TokenArrived, TurnFailed, start_turn, stream_turn


class Command(BaseCommand):
    help = "Ask a question about the documents that a person may read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("question")
        parser.add_argument(
            "--user", metavar="EMAIL", help="who asks; by default the first administrator"
        )
        parser.add_argument(
            "--top-k", type=int, help=f"passages to answer from (1 to {settings.MAX_TOP_K})"
        )

        parser.add_argument(
            "--document",
            action="append",
            default=[],
            type=uuid.UUID,
            metavar="ID",
            help="ask this document alone; may be given several times",
        )
        parser.add_argument("--collection", default="", help="ask the documents of this one")
        parser.add_argument(
            "--tag",
            action="append",
            default=[],
            help="ask documents with this tag; given several times, with all of them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = _person(options["user"])
        top_k = options["top_k"]
        if top_k is not None and not 1 <= top_k <= settings.MAX_TOP_K:
            raise CommandError(f"--top-k must be between 1 and {settings.MAX_TOP_K}.")
        try:
            with context.bind(context.RequestContext(request_id=context.new_request_id())):
                context.set_user(user)
                message = start_turn(
                    user=user,
                    query=options["question"],
                    narrowing=Narrowing.of(
                        tags=options["tag"],
                        collection=options["collection"],
                        documents=options["document"],
                    ),
                )
                asyncio.run(self._stream(user, message, top_k))
        except AppError as error:
            raise CommandError(error.message) from error
        except KeyboardInterrupt:  # the turn has saved what there was
            self.stdout.write("\nStopped.")
            raise SystemExit(130) from None  # as shells report an interrupted command

    async def _stream(self, user: User, message: Message, top_k: int | None) -> None:
        shown = ""
        failure = None
        async with aclosing(stream_turn(user=user, message_id=message.pk, top_k=top_k)) as turn:
            async for event in turn:
                if isinstance(event, TokenArrived):
                    shown += event.text
                    self.stdout.write(event.text, ending="")
                    self.stdout.flush()
                elif isinstance(event, TurnFailed):
                    failure = event.message
        self.stdout.write("")
        await sync_to_async(self._conclude)(user, message, shown)
        if failure:
            raise CommandError(failure)

    def _conclude(self, user: User, message: Message, shown: str) -> None:
        """Print the checked answer where it differs from the streamed one, and the sources."""
        message.refresh_from_db()
        sources = message_sources(message=message, user=user)
        final = answer_text(message=message, sources=sources)
        if final != shown.strip():
            self.stdout.write(f"\n{final}")
        cited = [source for source in sources if source.cited and source.available]
        if cited:
            self.stdout.write("\nSources:")
        for source in cited:
            self.stdout.write(f"  [{source.n}] {source.filename}, page {source.page}")


def _person(email: str | None) -> User:
    people = User.objects.filter(is_active=True, organization__suspended_at__isnull=True)
    if email:
        person = people.filter(email=email.strip().lower()).first()
        if person is None:
            raise CommandError(f"There is no active user {email}.")
        return person
    administrators = people.filter(role=User.Role.ADMIN, organization__isnull=False)
    person = administrators.order_by("date_joined").first()
    if person is None:
        raise CommandError("There is no administrator yet; name somebody with --user.")
    return person
