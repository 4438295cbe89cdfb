"""Questions that an organization keeps: made of its feedback, asked of its own documents."""

import hashlib
import json
from collections.abc import Iterable

from django.db import transaction

from accounts.models import Organization, User
from documents.models import Document
from knowledge.lib.errors import InvalidInput
from rag.evaluation.answer_runs import AnswerReport, ask_cases
from rag.evaluation.answer_sets import AnswerCase, Evidence
from rag.evaluation.workspace import Progress
from rag.models import EvaluationCase, Message


@transaction.atomic
def keep_feedback(*, messages: Iterable[Message], actor: User) -> list[EvaluationCase]:
    """Make a case of each rated answer that has none yet; return the new ones.

    Its question is left empty: what people ask is not shown to administrators, who write their own
    words or let the question be asked again unseen.

    Args:
        messages: answers that the actor may administer.
    """
    made = []
    for message in messages:
        owner = message.conversation.user
        if message.question_id is None or owner.organization is None:
            continue
        case, is_new = EvaluationCase.objects.get_or_create(
            message=message,
            defaults={"organization": owner.organization, "created_by": actor},
        )
        if is_new:
            made.append(case)
    return made


def evaluate_cases(
    *, organization: Organization, user: User, limit: int | None, progress: Progress
) -> tuple[AnswerReport, str]:
    """Ask an organization's kept cases as one of its people, of the documents they may read.

    SECURITY: a case without words of its own is asked only as the person who asked it first: for a
    moment it stands in their history.

    Returns:
        The report, without the words of answers and of questions that others asked, and a digest
        of the cases.

    Raises:
        InvalidInput: the person is not of the organization, or no case is ready.
    """
    if user.organization_id != organization.pk or not user.is_active:
        raise InvalidInput(f"{organization} has no active user {user.email}.")
    rows = EvaluationCase.objects.filter(organization=organization).decided().order_by("pk")
    ready = [
        case
        for case in rows.select_related("message__question", "message__conversation", "document")
        if case.is_ready and (case.question or _is_of(case, user))
    ][:limit]
    if not ready:
        raise InvalidInput(f"{organization} keeps no case that can be asked as {user.email}.")
    keys = [case.document_id for case in ready if case.document_id is not None]
    readable = Document.objects.visible_to(user).completed().filter(pk__in=keys)
    documents = {str(key): [key] for key in readable.values_list("pk", flat=True)}
    cases = [_as_asked(case) for case in ready]
    report = ask_cases(cases, user, documents, progress)
    written = {str(case.pk): case.question for case in ready}
    report["outcomes"] = [
        outcome.without_words(written[outcome.id]) for outcome in report["outcomes"]
    ]
    return AnswerReport(**report, failures={}, documents=len(documents)), _digest(ready)


def _is_of(case: EvaluationCase, user: User) -> bool:
    return case.message is not None and case.message.conversation.user_id == user.pk


def _as_asked(case: EvaluationCase) -> AnswerCase:
    asked = case.message.question if case.message is not None else None
    return AnswerCase(
        id=str(case.pk),
        question=case.question or (asked.content if asked is not None else ""),
        answers=(case.expected_answer,) if case.expected_answer else (),
        evidence=(Evidence((str(case.document_id),)),) if case.document_id is not None else (),
        is_answerable=case.answerable == EvaluationCase.Answerable.YES,
        kind="kept",
    )


def _digest(cases: Iterable[EvaluationCase]) -> str:
    rows = [
        [case.pk, case.question, case.answerable, case.expected_answer, str(case.document_id)]
        for case in cases
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
