"""The page of unanswered questions, for an organization's admins."""

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import audit
from accounts.views.guards import organization_admin_required
from knowledge.lib.errors import Unprocessable
from knowledge.lib.spreadsheets import csv_download
from rag.forms import UnansweredSettingsForm, first_error
from rag.models import QuestionPrivacy
from rag.services.unanswered import csv_lines, mark_handled, set_privacy, unanswered
from rag.views.requests import PageRequest


@organization_admin_required
@never_cache
@require_GET
def questions(request: PageRequest) -> HttpResponse:
    """Show what people asked and the documents could not answer."""
    context = {"found": unanswered(user=request.user), "modes": QuestionPrivacy.Mode.choices}
    return render(request, "rag/unanswered.html", context)


@organization_admin_required
@require_GET
def export(request: PageRequest) -> StreamingHttpResponse:
    """Send what the page shows as CSV."""
    found = unanswered(user=request.user)
    audit.record(action="unanswered.exported", actor=request.user, questions=len(found.groups))
    return csv_download(csv_lines(found), f"unanswered-{timezone.localdate()}.csv")


@organization_admin_required
@require_POST
def handled(request: PageRequest) -> HttpResponse:
    """Take a group of questions off the page."""
    mark_handled(user=request.user, digests=request.POST.getlist("digest"))
    messages.success(request, "Marked as handled. It comes back when somebody asks it again.")
    return redirect("reports:unanswered")


@organization_admin_required
@require_POST
def change_settings(request: PageRequest) -> HttpResponse:
    """Choose what administrators see."""
    form = UnansweredSettingsForm(request.POST)
    if not form.is_valid():
        raise Unprocessable(first_error(form))
    set_privacy(user=request.user, **form.cleaned_data)
    messages.success(request, "Saved. The chat page tells people.")
    return redirect("reports:unanswered")
