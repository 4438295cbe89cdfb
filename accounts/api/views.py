"""People, teams and the audit trail over the API."""

import uuid
from typing import Any

from django.db.models import Count, QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.api.permissions import IsOrganizationAdmin, caller_of
from accounts.api.serializers import (
    AuditEventSerializer,
    AuditExportSerializer,
    AuditFilterSerializer,
    CreatedUserSerializer,
    TeamSerializer,
    UserCreateSerializer,
    UserSerializer,
    UserUpdateSerializer,
)
from accounts.audit_answers import export_answer, matching
from accounts.models import AuditEvent, Team, User
from accounts.querysets import AuditEventQuerySet


class UserViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[User]):
    """People of the admin's organization."""

    permission_classes = [IsOrganizationAdmin]
    serializer_class = UserSerializer
    queryset = User.objects.none()  # names the model to the OpenAPI document
    lookup_url_kwarg = "id"

    def get_queryset(self) -> QuerySet[User]:
        people = User.objects.visible_to(caller_of(self.request))
        return people.select_related("organization").order_by("email")

    @extend_schema(operation_id="users_list", tags=["Users"], summary="List the people")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the people of the organization, by email."""
        return super().list(request, *args, **kwargs)

    @extend_schema(operation_id="users_retrieve", tags=["Users"], summary="Read a person")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one person of the organization."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(
        operation_id="users_create",
        tags=["Users"],
        summary="Create a person",
        request=UserCreateSerializer,
        responses={201: CreatedUserSerializer},
    )
    def create(self, request: Request) -> Response:
        """Create a person in the organization, with the given or a generated password."""
        serializer = UserCreateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        account = services.create_user(actor=caller_of(request), **serializer.validated_data)
        body = {
            **UserSerializer(account.user).data,
            "generated_password": account.generated_password,
        }
        return Response(body, status=201, headers={"Cache-Control": "no-store"})

    @extend_schema(
        operation_id="users_update",
        tags=["Users"],
        summary="Change a person",
        request=UserUpdateSerializer,
        responses={200: UserSerializer},
    )
    def partial_update(self, request: Request, id: uuid.UUID) -> Response:
        """Change name, role, standing or password; with a wrong value nothing is changed.

        Deactivating ends the person's sessions and tokens at once. The last active admin of an
        organization stays one (409).
        """
        user = self.get_object()
        serializer = UserUpdateSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        services.update_user(user=user, actor=caller_of(request), **serializer.validated_data)
        return Response(UserSerializer(user).data)


class TeamViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Team]):
    """Teams that the caller may share documents with."""

    serializer_class = TeamSerializer
    queryset = Team.objects.none()  # names the model to the OpenAPI document

    def get_queryset(self) -> QuerySet[Team]:
        teams = Team.objects.visible_to(caller_of(self.request))
        return teams.annotate(member_count=Count("memberships", distinct=True)).order_by("name")

    @extend_schema(operation_id="teams_list", tags=["Teams"], summary="List the teams")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the caller's teams; for an admin, all of the organization."""
        return super().list(request, *args, **kwargs)


class AuditViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[AuditEvent]):
    """The organization's audit trail."""

    permission_classes = [IsOrganizationAdmin]
    serializer_class = AuditEventSerializer
    queryset = AuditEvent.objects.none()  # names the model to the OpenAPI document

    def get_queryset(self) -> AuditEventQuerySet:
        # SECURITY: the one place that decides what this whole viewset can find.
        events = AuditEvent.objects.visible_to(caller_of(self.request))
        return events.with_actors().latest_first()

    @extend_schema(
        operation_id="audit_list",
        tags=["Audit"],
        summary="Read the audit trail",
        parameters=[AuditFilterSerializer],
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return what was done in the organization, the latest first."""
        return super().list(request, *args, **kwargs)

    def filter_queryset(self, queryset: AuditEventQuerySet) -> AuditEventQuerySet:  # type: ignore[override]
        asked = AuditFilterSerializer(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        return matching(queryset, caller_of(self.request), **asked.validated_data)

    @extend_schema(
        operation_id="audit_export",
        tags=["Audit"],
        summary="Export the audit trail",
        parameters=[AuditExportSerializer],
        responses={(200, "application/jsonl"): str, (200, "text/csv"): str},
    )
    def export(self, request: Request) -> HttpResponseBase:
        """Return events in order as a file: JSON Lines, which can be verified, or CSV."""
        asked = AuditExportSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        chosen = dict(asked.validated_data)
        kind = chosen.pop("type")
        events = matching(self.get_queryset(), caller_of(request), **chosen)
        return export_answer(caller_of(request), kind, events, chosen)
