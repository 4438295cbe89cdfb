"""What was used, added up, and what budgets have left."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts.models import User
from rag.api.usage_serializers import StandingSerializer, UsageFilterSerializer, UsageSerializer
from rag.budgets import standings
from rag.services.usage_report import Filters, usage_by


@extend_schema(
    tags=["Usage"],
    summary="Show tokens and cost, by default by day, person and model",
    description="Your own; an administrator sees the organization's.",
    parameters=[UsageFilterSerializer],
)
class UsageView(generics.ListAPIView[Any]):
    """The ledger, added up."""

    serializer_class = UsageSerializer

    def get_queryset(self) -> Any:
        filters = UsageFilterSerializer(data=self.request.query_params)
        filters.is_valid(raise_exception=True)
        given = dict(filters.validated_data)
        groups = given.pop("group_by")
        user = cast(User, self.request.user)
        return usage_by(user=user, filters=Filters(**given), groups=groups)

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return UsageSerializer


class BudgetsView(APIView):
    """How the caller's budgets stand."""

    @extend_schema(
        tags=["Usage"],
        summary="Show what your budgets have left",
        description=(
            "Those that apply to you. What the organization has spent together is told its "
            "administrators alone; others see the share that is used."
        ),
        responses={200: StandingSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        user = cast(User, request.user)
        found: Any = standings(user=user)
        shown = StandingSerializer(found, many=True, context={"user": user})
        return Response(shown.data)
