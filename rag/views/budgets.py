"""The budgets page: what the organization and its people may spend, set by its admins."""

import uuid
from decimal import Decimal

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.views.guards import organization_admin_required
from knowledge.lib.errors import NotFound
from rag.forms import BudgetForm
from rag.models import Budget
from rag.services.budgets import delete_budget, save_budget
from rag.standing import money_text
from rag.views.requests import PageRequest


@organization_admin_required
@require_http_methods(["GET", "POST"])
def budgets(request: PageRequest) -> HttpResponse:
    """List the budgets, and set one more."""
    return _edited(request, Budget(organization=request.user.organization), is_new=True)


@organization_admin_required
@require_http_methods(["GET", "POST"])
def change(request: PageRequest, budget_id: uuid.UUID) -> HttpResponse:
    """Change the amounts of a budget."""
    return _edited(request, _own(request, budget_id), is_new=False)


@organization_admin_required
@require_POST
def delete(request: PageRequest, budget_id: uuid.UUID) -> HttpResponse:
    """Delete a budget."""
    delete_budget(budget=_own(request, budget_id), actor=request.user)
    messages.success(request, "The budget is deleted.")
    return redirect("reports:budgets")


def _own(request: PageRequest, budget_id: uuid.UUID) -> Budget:
    found = Budget.objects.visible_to(request.user).filter(pk=budget_id).first()
    if found is None:
        raise NotFound
    return found


def _edited(request: PageRequest, budget: Budget, *, is_new: bool) -> HttpResponse:
    form = BudgetForm(request.POST or None, instance=budget, admin=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            save_budget(budget=form.instance, actor=request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "The budget is saved. It holds from the next question on.")
            return redirect("reports:budgets")
    listed = Budget.objects.visible_to(request.user).select_related("user")
    context = {
        "form": form,
        "budget": None if is_new else budget,
        "budgets": [(item, *_amounts(item)) for item in listed],
        "currency": settings.CURRENCY,
        "time_zone": settings.TIME_ZONE,
    }
    return render(request, "rag/budgets.html", context, status=422 if form.errors else 200)


def _amounts(budget: Budget) -> tuple[list[str], list[str]]:
    """Return what is warned at and what is refused over, tokens and money, as people read it."""

    def texts(tokens: int | None, cost: Decimal | None) -> list[str]:
        found = [] if tokens is None else [f"{tokens:,} tokens"]
        return found if cost is None else [*found, money_text(cost)]

    return (
        texts(budget.tokens_to_warn_at, budget.cost_to_warn_at),
        texts(budget.limit_tokens, budget.limit_cost),
    )
