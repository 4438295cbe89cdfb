"""Invitations over the API: a script may hand the link over in its own way."""

import uuid
from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.api.permissions import IsOrganizationAdmin, caller_of
from accounts.invitation_mail import mail_invitation
from accounts.models import Invitation, Team, User


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """An invitation, without its link."""

    class Meta:
        model = Invitation
        fields: ClassVar[list[str]] = ["id", "email", "role", "teams", "created_at", "expires_at"]
        read_only_fields = fields


class InvitationCreateSerializer(serializers.Serializer[Any]):
    """Whom to invite."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=User.Role.choices, default=User.Role.USER)
    teams = serializers.PrimaryKeyRelatedField(
        queryset=Team.objects.none(), many=True, required=False
    )

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        request = self.context.get("request")
        if request is not None and request.user.is_authenticated:
            teams: Any = fields["teams"]
            teams.child_relation.queryset = Team.objects.visible_to(request.user)
        return fields


class NewInvitationSerializer(InvitationSerializer):
    """An invitation just written."""

    link = serializers.CharField(help_text="Told once: where the person joins.")
    mailed = serializers.BooleanField(help_text="Whether the link was mailed to them.")

    class Meta(InvitationSerializer.Meta):
        fields: ClassVar[list[str]] = [*InvitationSerializer.Meta.fields, "link", "mailed"]
        read_only_fields = fields


class InvitationViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Invitation]):
    """Open invitations of the admin's organization."""

    permission_classes = [IsOrganizationAdmin]
    serializer_class = InvitationSerializer
    queryset = Invitation.objects.none()  # names the model to the OpenAPI document
    lookup_url_kwarg = "id"

    def get_queryset(self) -> QuerySet[Invitation]:
        theirs = Invitation.objects.visible_to(cast("User", self.request.user))
        return theirs.open().prefetch_related("teams")

    @extend_schema(operation_id="invitations_list", tags=["Users"], summary="List the invitations")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the invitations that are open, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(
        operation_id="invitations_create",
        tags=["Users"],
        summary="Invite a person",
        request=InvitationCreateSerializer,
        responses={201: NewInvitationSerializer},
    )
    def create(self, request: Request) -> Response:
        """Write an invitation and tell its link, this once."""
        asked = InvitationCreateSerializer(data=request.data, context={"request": request})
        asked.is_valid(raise_exception=True)
        new = services.invite(actor=caller_of(request), **asked.validated_data)
        link = request.build_absolute_uri(reverse("accounts:join", args=[new.token]))
        body = {
            **InvitationSerializer(new.invitation).data,
            "link": link,
            "mailed": mail_invitation(new.invitation, link),
        }
        return Response(body, status=201, headers={"Cache-Control": "no-store"})

    @extend_schema(
        operation_id="invitations_revoke",
        tags=["Users"],
        summary="Take an invitation back",
        responses={204: None},
    )
    def destroy(self, request: Request, id: uuid.UUID) -> Response:
        """End the link of an invitation."""
        services.revoke_invitation(invitation=self.get_object(), actor=caller_of(request))
        return Response(status=204)
