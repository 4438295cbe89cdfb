"""The diagnostics page: the operator's of everything, an administrator's of their organization."""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from documents.models import Document
from documents.retries import retry_documents
from knowledge.lib.diagnostics import Audience, State, examine, worst
from knowledge.lib.errors import NotAllowed
from rag.views.requests import PageRequest

View = Callable[[PageRequest], HttpResponse]


def _for_administrators(view: View) -> View:
    """Refuse (403) whoever administers neither the platform nor an organization."""

    @wraps(view)
    def guarded(request: PageRequest) -> HttpResponse:
        user = request.user
        if not (user.is_organization_admin or (user.is_superuser and user.is_in_service)):
            raise NotAllowed("Only administrators can open this page.")
        return view(request)

    return guarded


@_for_administrators
@never_cache
@require_GET
def diagnostics(request: PageRequest) -> HttpResponse:
    """Show how everything is; the model server is asked when the button says so."""
    audience = _audience(request.user, asks_servers="ask" in request.GET)
    sections = examine(audience)
    lines = [(section, line) for section in sections for line in section.lines]
    context = {
        "sections": sections,
        "troubles": [(section, line) for section, line in lines if line.state != State.OK],
        "state": worst(section.state for section in sections),
        "is_operator": audience.is_operator,
        "now": timezone.now(),
    }
    return render(request, "rag/diagnostics.html", context)


@_for_administrators
@require_POST
def retry(request: PageRequest) -> HttpResponse:
    """Have the documents that failed for one cause read again."""
    code = request.POST.get("code", "")
    failed = Document.objects.filter(error_code=code)
    count = retry_documents(documents=failed, actor=request.user)
    if count:
        messages.success(
            request, f"{count} document{'' if count == 1 else 's'} will be read again."
        )
    else:
        messages.info(request, "No document could be retried.")
    return redirect("reports:diagnostics")


def _audience(user: User, *, asks_servers: bool) -> Audience:
    # SECURITY: the right to see all is the operator's alone; whose admin the person is, is not
    # asked then.
    if user.is_superuser:
        return Audience(home_id=user.organization_id, asks_servers=asks_servers)
    return Audience(organization_id=user.organization_id, asks_servers=asks_servers)
