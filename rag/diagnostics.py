"""What is looked at of documents, indexes and the model server."""

import datetime
from collections.abc import Iterator
from http import HTTPStatus

from django.conf import settings
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from documents.fair_order import next_documents
from documents.models import Document
from documents.querysets import DocumentQuerySet
from knowledge.lib import circuit_breaker
from knowledge.lib.diagnostics import Action, Audience, Line, Link, State, register
from rag.integrity.history import read_history
from rag.llm import openai_probe
from rag.models import IndexRun, OrganizationIndex
from rag.services.index import latest_run, newest_runs

# So many are shown one by one; of more, those with trouble.
_SHOWN = 20
_LINKED = 5
_LOOKED_AHEAD = 100
_LONG_WAIT = datetime.timedelta(minutes=30)
_CAUSES = {
    "damaged": "Open and save these files again, then upload them anew.",
    "unreadable": "Open and save these files again, then upload them anew.",
    "empty": "They hold no text. Scans need Tesseract on the server: install it, then retry.",
    "too_long": "Divide them, or raise the limit that their reason names, then retry.",
    "too_complex": "Divide them, then upload the parts.",
    "too_much_memory": "Divide them, or raise EXTRACTION_MEMORY_BYTES, then retry.",
    "unexpected": "The worker's log has the exception, under the request id. Then retry.",
    "busy": "The database was locked for long. Retry.",
}
_REPAIR = "Open it and press “Repair”, or run manage.py check_index --repair."
_ANY_CAUSE = "Open one and read its reason. Once it is mended, retry."


def probe_documents(audience: Audience) -> Iterator[Line]:
    """Tell how many wait, which were left behind, and why some failed."""
    documents = _documents(audience)
    found = dict(documents.order_by().values_list("status").annotate(count=Count("pk")))
    counts = [f"{found.get(value, 0):,} {label.lower()}" for value, label in _STATUSES]
    yield Line("Documents", ", ".join(counts))
    yield from _waiting(documents, audience)
    yield from _failures(documents, audience)


_STATUSES = [(status.value, status.label) for status in Document.Status]


def _documents(audience: Audience) -> DocumentQuerySet:
    if audience.organization_id is None:
        return Document.objects.all()
    return Document.objects.filter(organization_id=audience.organization_id)


def _waiting(documents: DocumentQuerySet, audience: Audience) -> Iterator[Line]:
    now = timezone.now()
    held, left = documents.in_work(now).count(), documents.left_behind(now).count()
    if left:
        found = f"{held:,} with a worker, {left:,} left behind"
        advice = "Their worker died or hangs; the next one takes them. Is a worker running?"
        yield Line("In work", found, State.WARN, advice)
    else:
        yield Line("In work", f"{held:,} with a worker")
    oldest = documents.waiting(now).order_by("created_at").first()
    if oldest is None:
        yield Line("Oldest that waits", "none waits")
        return
    # A retry waits from when it may be taken, not from when it was uploaded.
    age = now - (oldest.next_attempt_at or oldest.version_at or oldest.created_at)
    found = f"for {int(age.total_seconds() // 60):,} minutes{_place(audience, now)}"
    if age > _LONG_WAIT:
        advice = "If background work is alive, many wait: they take turns. More WORKERS help."
        yield Line("Oldest that waits", found, State.WARN, advice)
    else:
        yield Line("Oldest that waits", found)


def _place(audience: Audience, now: datetime.datetime) -> str:
    """Say which turn the organization's next document has; how much others have is theirs."""
    if audience.is_operator:
        return ""
    upcoming = next_documents(now, limit=_LOOKED_AHEAD)
    for place, document in enumerate(upcoming, start=1):
        if document.organization_id == audience.organization_id:
            return f"; your next document is number {place} in the queue"
    return ""


def _failures(documents: DocumentQuerySet, audience: Audience) -> Iterator[Line]:
    failed = documents.failed().order_by()
    causes = failed.values_list("error_code").annotate(count=Count("pk")).order_by("-count")
    for code, count in causes:
        these = failed.filter(error_code=code)
        yield Line(
            f"Failed: {code.replace('_', ' ') or 'unknown'}",
            f"{count:,} document{'' if count == 1 else 's'}",
            State.WARN,
            _CAUSES.get(code, _ANY_CAUSE),
            details=_uploads(these),
            links=_links(these, count, audience),
            actions=_retry(these, code, audience),
        )
    if not causes:
        yield Line("Failed", "none")


def _links(failed: DocumentQuerySet, count: int, audience: Audience) -> tuple[Link, ...]:
    page = "admin:documents_document_change" if audience.is_operator else "documents:detail"
    links = []
    for document in failed.select_related("version_of").order_by("-created_at")[:_LINKED]:
        # A draft is no document to anybody: its own document tells what became of it.
        shown = document.version_of or document
        links.append(Link(document.filename, reverse(page, args=[shown.pk])))
    if count > _LINKED:
        listed = "admin:documents_document_changelist" if audience.is_operator else "documents:list"
        status = "status__exact" if audience.is_operator else "status"
        links.append(Link("All that failed", f"{reverse(listed)}?{status}=failed"))
    return tuple(links)


def _uploads(failed: DocumentQuerySet) -> tuple[str, ...]:
    """Return the requests that brought the newest, under which the worker logs too."""
    newest = failed.exclude(request_id="").order_by("-created_at")[:_LINKED]
    return tuple(f"{document.filename}: request {document.request_id}" for document in newest)


def _retry(failed: DocumentQuerySet, code: str, audience: Audience) -> tuple[Action, ...]:
    """Offer what the person may retry: of the operator, what is of their own organization."""
    home = audience.organization_id or audience.home_id
    count = failed.filter(organization_id=home).count() if home else 0
    if not count:
        return ()
    whose = " of your organization" if audience.is_operator else ""
    label = f"Retry {'this one' if count == 1 else f'these {count:,}'}{whose}"
    return (Action(label, reverse("reports:diagnostics_retry"), (("code", code),)),)


def probe_indexes(audience: Audience) -> Iterator[Line]:
    """Tell of each index its version, whether it is consistent, and when that was checked."""
    indexes = OrganizationIndex.objects.select_related("organization").order_by("organization")
    if audience.organization_id is not None:
        indexes = indexes.filter(organization_id=audience.organization_id)
    lines = [_index(index, audience) for index in indexes]
    if len(lines) <= _SHOWN:
        yield from lines
        return
    troubled = [line for line in lines if line.state != State.OK]
    yield from troubled
    yield Line("Other indexes", f"{len(lines) - len(troubled):,} are well")


def _index(index: OrganizationIndex, audience: Audience) -> Line:
    name = f"Index of {index.organization}" if audience.is_operator else "Index"
    state, found, advice = _judged(index)
    page = reverse("admin:rag_organizationindex_change", args=[index.pk])
    links = (Link("Check, repair, rebuild", page),)
    open_runs = [run for run in newest_runs(organization=index.organization) if run.is_open]
    details = tuple(f"{run.get_action_display()}: {run.status_label}" for run in open_runs)
    said = f"version {index.version:,}, {index.model}; {found}"
    return Line(name, said, state, advice, details, links)


def _judged(index: OrganizationIndex) -> tuple[State, str, str]:
    """Return how it is, what was found and what to do."""
    if index.model not in settings.EMBEDDERS:
        advice = "Configure or install this model again, or change to another one."
        return State.FAIL, "its model is not there", advice
    if read_history(index.organization_id).is_broken:
        return State.FAIL, "its steps have a hole", _REPAIR
    newest = newest_runs(organization=index.organization)
    if newest and max(newest, key=lambda run: run.pk).status == IndexRun.Status.FAILED:
        return State.FAIL, "the latest check or repair stopped", "The worker's log has the reason."
    return _checked(index, latest_run(organization=index.organization))


def _checked(index: OrganizationIndex, run: IndexRun | None) -> tuple[State, str, str]:
    if run is None or run.finished_at is None:
        if not index.version:
            return State.OK, "empty", ""
        return State.WARN, "not checked yet", "Open it and press “Check now”."
    age = timezone.now() - run.finished_at
    checked = f"checked {_hours(age)} ago"
    if not run.consistent:
        return State.FAIL, f"faults found, {checked}", _REPAIR
    if age > 2 * datetime.timedelta(hours=settings.INDEX_CHECK_INTERVAL_HOURS):
        return State.WARN, f"consistent, {checked}", "Is a worker running? It checks by itself."
    return State.OK, f"consistent, {checked}", ""


def _hours(age: datetime.timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60:,} hours"


def probe_answers(audience: Audience) -> Iterator[Line]:
    """Tell what answers, and whether the model server does."""
    if settings.LLM_PROVIDER != "openai":
        yield Line("Model server", "none is configured: answers are made of the passages")
        return
    answer = openai_probe.ask() if audience.asks_servers else openai_probe.latest()
    line = _server(answer)
    if line.advice and not audience.is_operator:
        advice = "Questions meanwhile show the passages found. Tell whoever operates the platform."
        line = Line(line.name, line.value, line.state, advice)
    yield line
    for number, (name, state) in enumerate(sorted(circuit_breaker.states().items()), start=1):
        # SECURITY: the name of a circuit has the host in it.
        shown = f"Circuit of {name}" if audience.is_operator else f"Model {number}"
        if state == "closed":
            yield Line(shown, "answers, as this process knows it")
        else:
            found = "left alone after failures, as this process knows it"
            advice = "It is asked again by itself. See the log of the model server."
            yield Line(shown, found, State.WARN, advice)


def _server(answer: openai_probe.Answer | None) -> Line:
    if answer is None:
        return Line("Model server", "not asked within the last minute")
    asked = f", asked {answer.age_s} s ago" if answer.age_s else ""
    if answer.ms is None:
        advice = "Start it, or mend LLM_BASE_URL. Questions meanwhile show the passages found."
        return Line("Model server", f"cannot be reached{asked}", State.FAIL, advice)
    found = f"answers in {answer.ms:,.0f} ms{asked}"
    if answer.status in (401, 403):
        return Line("Model server", "refuses the key", State.FAIL, "Check OPENAI_API_KEY.")
    if answer.status >= 500 and answer.status != HTTPStatus.NOT_IMPLEMENTED:
        advice = "See the log of the model server."
        return Line("Model server", f"has a fault ({answer.status})", State.FAIL, advice)
    if answer.models and settings.LLM_MODEL not in answer.models:
        advice = "Load that model there, or set LLM_MODEL to one that it has."
        found = f"{found}, but does not list {settings.LLM_MODEL}"
        return Line("Model server", found, State.WARN, advice)
    return Line("Model server", found)


register("Documents", probe_documents, place=30)
register("Indexes", probe_indexes, place=35)
register("Answers", probe_answers, place=40)
