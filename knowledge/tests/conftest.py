"""One organization with something of everything, and a client for each role that may ask for it."""

import io
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import models
from django.test import Client
from django_q.models import Failure, OrmQ, Schedule, Success

from accounts.models import AuditEvent, Membership, Team, User
from accounts.services import invite
from conftest import PASSWORD
from documents.announced_files import Announced
from documents.models import Document, FileDeletion, UploadBatch
from documents.services import upload_document
from documents.uploads import expect_files, open_batch
from rag.models import (
    AnswerSettings,
    Budget,
    ChunkEmbedding,
    Conversation,
    EvaluationCase,
    EvaluationRun,
    IndexChange,
    Message,
    MessageSource,
    ModelChange,
    ModelPrice,
    OrganizationIndex,
    QuestionPrivacy,
    UsageRecord,
)
from rag.tests.library import publish_texts

# The document and the conversation are the owner's, and the document is shared with the team that
# only the teammate is in; the person is one more of the organization. The rivals are a user, an
# administrator and an operator of the platform who belong to another organization.
ROLES = (
    *("nobody", "owner", "colleague", "teammate", "admin"),
    *("rival", "rival_admin", "operator"),
)
RIVALS = ROLES[-3:]


@dataclass
class World:
    """Objects of one organization, and a client for each role."""

    ids: dict[str, object]
    rows: dict[type[models.Model], models.Model]
    clients: dict[str, Client]


@pytest.fixture
def world(
    settings: Any,
    tmp_path: Any,
    owner: User,
    colleague: User,
    teammate: User,
    admin: User,
    outsider: User,
    outside_admin: User,
    team: Team,
) -> World:
    settings.MEDIA_ROOT, settings.VECTOR_STORE_DIR = tmp_path / "media", tmp_path / "vectors"
    operator = User.objects.create_superuser(
        "operator@rival.test", PASSWORD, organization=outsider.organization
    )
    person = User.objects.create_user("person@acme.test", PASSWORD, organization=owner.organization)
    document = upload_document(
        owner=owner,
        file=io.BytesIO(b"The secret plan."),
        filename="plan.txt",
        visibility="teams",
        teams=_with_member(team, owner),
    )
    publish_texts(document, "The secret plan.")
    Membership.objects.filter(user=owner).delete()  # who needed it for sharing alone
    conversation, answer = _conversation(owner)
    people = (None, owner, colleague, teammate, admin, outsider, outside_admin, operator)
    rows = _rows(document, conversation, answer, team)
    invited = invite(actor=admin, email="invited@acme.test")
    return World(
        ids={
            "budget": rows[Budget].pk,
            "invitation": invited.invitation.pk,
            "token": invited.token,
            "document": document.pk,
            "batch": _batch(owner).pk,
            "conversation": conversation.pk,
            "answer": answer.pk,
            "person": person.pk,
            "team": team.pk,
            "teammate": teammate.pk,
        },
        rows=rows,
        clients={role: _client(user) for role, user in zip(ROLES, people, strict=True)},
    )


def _with_member(team: Team, user: User) -> list[Team]:
    Membership.objects.create(team=team, user=user)
    return [team]


def _batch(owner: User) -> UploadBatch:
    batch = open_batch(owner=owner, name="Secret plans", visibility="private")
    expect_files(batch=batch, actor=owner, files=[Announced("Secret plans/plan.txt", 3, 0)])
    return batch


def _conversation(owner: User) -> tuple[Conversation, Message]:
    conversation = Conversation.objects.create(user=owner, title="Secret plans")
    question = conversation.messages.create(role="user", content="What is the secret plan?")
    answer = conversation.messages.create(role="assistant", content="Secret.", question=question)
    return conversation, answer


def _client(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def _rows(
    document: Document, conversation: Conversation, answer: Message, team: Team
) -> dict[type[models.Model], models.Model]:
    """Return one row of every model in Django admin."""
    home, chunk = document.organization, document.chunks.get()
    source = MessageSource.objects.create(
        message=answer, number=1, document=document, chunk=chunk, page=1, start=0, end=3, score=1
    )
    usage = UsageRecord.objects.create(
        organization=home, feature="chat", model="m", outcome="completed"
    )
    task = {"name": "t", "func": "f", "started": document.created_at}
    task["stopped"] = document.created_at
    made = [
        *(home, document.uploaded_by, team, document, document.pages.get(), chunk),
        *(conversation, answer, source, usage),
        AuditEvent.objects.filter(organization=home).first(),
        FileDeletion.objects.create(path="secret.txt"),
        OrganizationIndex.objects.get(organization=home),
        IndexChange.objects.filter(organization=home).first(),
        ChunkEmbedding.objects.filter(organization=home).first(),
        AnswerSettings.objects.create(organization=home),
        ModelChange.objects.create(organization=home, model="new", previous_model="old"),
        Schedule.objects.create(func="f"),
        Success.objects.create(id="1" * 32, success=True, **task),
        Failure.objects.create(id="2" * 32, success=False, **task),
        Budget.objects.create(
            organization=home, applies_to="organization", period="day", warn_tokens=1
        ),
        ModelPrice.objects.create(pattern="m"),
        QuestionPrivacy.objects.create(organization=home),
        EvaluationRun.objects.create(organization=home, kind="answers", data_set="Kept cases"),
        EvaluationCase.objects.create(organization=home, message=answer, document=document),
        OrmQ.objects.create(key="k", payload="p"),
    ]
    return {type(row): row for row in made if row is not None}
