"""Django admin of budgets and of the price table."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.views.guards import user_of
from knowledge.lib.admin import OrganizationScopedAdmin
from rag.models import Budget, ModelPrice
from rag.services.budgets import delete_budget, delete_price, save_budget, save_price


@admin.register(Budget)
class BudgetAdmin(OrganizationScopedAdmin):
    """What organizations and people may spend."""

    list_display = [
        "applies_to",
        "user",
        "period",
        "warn_tokens",
        "limit_tokens",
        "warn_cost",
        "limit_cost",
        "organization",
    ]
    list_filter = ["applies_to", "period", "organization"]
    list_select_related = ["user", "organization"]
    actions: Any = None

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        home = user_of(request).organization_id
        return {**super().get_changeform_initial_data(request), "organization": home}

    def save_model(self, request: HttpRequest, obj: Budget, form: Any, change: bool) -> None:
        save_budget(budget=obj, actor=user_of(request))

    def delete_model(self, request: HttpRequest, obj: Budget) -> None:
        delete_budget(budget=obj, actor=user_of(request))


@admin.register(ModelPrice)
class ModelPriceAdmin(OrganizationScopedAdmin):
    """What models cost; of the whole installation, so the operator's alone."""

    list_display = [
        "pattern",
        "valid_from",
        "prompt_price",
        "completion_price",
        "embedding_price",
    ]
    actions: Any = None

    def may_administer(self, request: HttpRequest) -> bool:
        user = user_of(request)
        return user.is_in_service and user.is_superuser

    def save_model(self, request: HttpRequest, obj: ModelPrice, form: Any, change: bool) -> None:
        save_price(price=obj, actor=user_of(request))

    def delete_model(self, request: HttpRequest, obj: ModelPrice) -> None:
        delete_price(price=obj, actor=user_of(request))
