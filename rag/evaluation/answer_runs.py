"""Measures answers: each question is asked as a person would ask it, and its answer compared."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Sum

from accounts.models import User
from documents.models import Page
from knowledge.lib.errors import AppError
from rag.answering import says_not_knowing
from rag.citations import cited_numbers
from rag.evaluation.answer_measures import (
    AnswerOutcome,
    Metrics,
    holds_answer,
    plain,
    summarize,
    word_f1,
)
from rag.evaluation.answer_sets import AnswerCase, AnswerSet
from rag.evaluation.embedding_cache import cached_embeddings
from rag.evaluation.located_quotes import Place, find_quote, is_any_held, places_of
from rag.evaluation.retrieval_runs import percentiles
from rag.evaluation.workspace import Progress, workspace
from rag.models import Conversation, Message, UsageRecord
from rag.passage_sentences import passage_units
from rag.services.conversations import delete_conversation
from rag.services.sources import message_sources
from rag.services.turns import run_turn, start_turn
from rag.table_rows import lead_of
from rag.turn_events import Source

Documents = Mapping[str, Sequence[uuid.UUID]]


@dataclass(frozen=True)
class AnswerReport:
    """The outcome of a run.

    Attributes:
        model, prompt_version: what answered; the version is empty for a model without prompts.
        failures: documents that were refused or could not be read, and why.
        unlocated: ids of questions whose quote stands in none of their documents.
    """

    metrics: Metrics
    outcomes: Sequence[AnswerOutcome]
    model: str
    prompt_version: str
    failures: Mapping[str, str]
    unlocated: Sequence[str]
    documents: int


def evaluate_answers(data: AnswerSet, *, limit: int | None, progress: Progress) -> AnswerReport:
    """Ingest the data set into a throw-away organization, and ask each of its questions.

    Raises:
        AlreadyRunning: another evaluation runs here.
    """
    with cached_embeddings(), workspace() as place:
        place.ingest(data.documents, progress)
        documents: dict[str, list[uuid.UUID]] = {}
        for key, names in place.sources.items():
            for name in names:
                documents.setdefault(name, []).append(key)
        report = ask_cases(data.cases[:limit], place.user, documents, progress)
        return AnswerReport(**report, failures=dict(place.failures), documents=len(data.documents))


def ask_cases(
    cases: Sequence[AnswerCase], user: User, documents: Documents, progress: Progress
) -> dict[str, Any]:
    """Ask each question as the user; return what an AnswerReport says of the answers.

    The conversations are deleted again; what the calls of a model cost stays in the ledger.
    """
    outcomes: list[AnswerOutcome] = []
    unlocated: list[str] = []
    models: Counter[tuple[str, str]] = Counter()
    for number, case in enumerate(cases, start=1):
        places = [places_of(item, documents) for item in case.evidence]
        if not all(places):
            unlocated.append(case.id)
        try:
            message = _ask(case, user)
        except AppError as error:
            outcomes.append(_failed(case, error.message))
        else:
            try:
                outcomes.append(judge(case, message, user, places))
                models[message.model, message.prompt_version] += bool(message.model)
            finally:
                delete_conversation(conversation=message.conversation, actor=user)
        progress("questions", number, len(cases))
    [((model, prompt_version), _)] = models.most_common(1) or [(("", ""), 0)]
    times = percentiles(outcome.ms for outcome in outcomes) if outcomes else {}
    return {
        "metrics": {**summarize(outcomes), **times},
        "outcomes": outcomes,
        "model": model,
        "prompt_version": prompt_version,
        "unlocated": unlocated,
    }


def judge(
    case: AnswerCase, message: Message, user: User, places: Sequence[Sequence[Place]]
) -> AnswerOutcome:
    """Compare a settled answer with what was expected.

    Args:
        places: where each piece of the evidence stands; empty where it was not located.
    """
    if message.current_status != Message.Status.COMPLETED:
        return _failed(case, message.error_message or "The answer was not completed.")
    text = plain(message.content)
    sources = message_sources(message=message, user=user)
    cited = [source for source in sources if source.cited]
    abstained = says_not_knowing(message.content)
    measures: dict[str, Any] = {}
    if case.is_answerable:
        quotes = [item.quote for item in case.evidence]
        if case.answers or any(quotes):
            measures["is_right"] = not abstained and holds_answer(text, case.answers, quotes)
        if case.answers:
            measures["f1"] = 0.0 if abstained else word_f1(text, case.answers)
        measures |= _compared(case, places, sources, cited, abstained)
    records = UsageRecord.objects.filter(message=message)
    return AnswerOutcome(
        id=case.id,
        question=case.question,
        kind=case.kind,
        is_answerable=case.is_answerable,
        answer=message.content,
        expected=case.answers or [item.quote for item in case.evidence],
        abstained=abstained,
        confidence=message.confidence,
        sentences=dict(Counter(sentence["status"] for sentence in message.sentences)),
        holds_sentence=_holds_sentence(message, {source.n: source for source in sources}),
        contradictions=len(message.conflicts),
        ms=message.total_ms,
        tokens=message.prompt_tokens + message.completion_tokens,
        cost=float(records.aggregate(sum=Sum("cost"))["sum"] or 0),
        **measures,
    )


def _compared(
    case: AnswerCase,
    places: Sequence[Sequence[Place]],
    sources: Sequence[Source],
    cited: Sequence[Source],
    abstained: bool,
) -> dict[str, Any]:
    """Return what is known of the citations, as far as the evidence was located."""
    located = [found for found in places if found]
    if not located:
        return {}
    everywhere = [place for found in located for place in found]
    measures: dict[str, Any] = {
        "evidence_found": sum(is_any_held(found, sources) for found in located) / len(located),
        "evidence_cited": sum(is_any_held(found, cited) for found in located) / len(located),
    }
    if not abstained:
        right = sum(is_any_held(everywhere, [source]) for source in cited)
        measures["cited_right"] = right / len(cited) if cited else 0.0
        pages = {(place.document_id, place.page) for place in everywhere if place.page is not None}
        if pages:
            measures["page_right"] = any((s.document_id, s.page) in pages for s in cited)
    return measures


def _holds_sentence(message: Message, sources: Mapping[int, Source]) -> float | None:
    """Return the share of citations whose passage holds the sentence before them, word for word.

    The row of a table counts as it is read out, with the names of its columns.
    """
    held = total = 0
    for sentence in message.sentences:
        said = message.content[sentence["start"] : sentence["end"]]
        for number in cited_numbers(said):
            if number in sources:
                total += 1
                held += _holds(sources[number], plain(said))
    return held / total if total else None


def _holds(source: Source, said: str) -> bool:
    if find_quote(said, source.content):
        return True
    page = Page.objects.filter(document=source.document_id, number=source.page).first()
    lead = lead_of(page.text, source.start) if page else ""
    return any(
        unit.is_row and find_quote(said, unit.said) for unit in passage_units(source.content, lead)
    )


def _ask(case: AnswerCase, user: User) -> Message:
    """Ask what was asked before, then the question, in one conversation; return the answer."""
    conversation_id: uuid.UUID | None = None
    try:
        for question in (*case.history, case.question):
            started = start_turn(user=user, query=question, conversation_id=conversation_id)
            conversation_id = started.conversation_id
            message = run_turn(user=user, message_id=started.pk)
    except AppError:
        if conversation_id is not None:
            begun = Conversation.objects.get(pk=conversation_id)
            delete_conversation(conversation=begun, actor=user)
        raise
    return message


def _failed(case: AnswerCase, error: str) -> AnswerOutcome:
    return AnswerOutcome(
        id=case.id,
        question=case.question,
        kind=case.kind,
        is_answerable=case.is_answerable,
        answer="",
        expected=case.answers,
        abstained=False,
        error=error,
        is_right=False if case.is_answerable else None,
    )
