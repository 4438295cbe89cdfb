"""How the organization's index is, and its rebuild: for its admins."""

from dataclasses import asdict
from typing import cast

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.permissions import IsOrganizationAdmin
from accounts.models import Organization, User
from rag.services.index import index_health, request_rebuild


class IndexPartSerializer(serializers.Serializer[object]):
    """What one index holds against what the rows say it should."""

    backend = serializers.CharField()
    in_memory_version = serializers.IntegerField(allow_null=True)
    expected = serializers.IntegerField()
    present = serializers.IntegerField()
    missing = serializers.IntegerField()
    extra = serializers.IntegerField()


class IndexHealthSerializer(serializers.Serializer[object]):
    """How the indexes of the organization stand against its rows."""

    organization_id = serializers.UUIDField()
    model = serializers.CharField()
    version = serializers.IntegerField()
    documents = serializers.IntegerField()
    chunks = serializers.IntegerField()
    unembedded = serializers.IntegerField()
    vector = IndexPartSerializer()
    lexical = IndexPartSerializer()
    consistent = serializers.BooleanField()


class IndexHealthView(APIView):
    """GET: counts, missing and extra entries, versions."""

    permission_classes = [IsAuthenticated, IsOrganizationAdmin]

    @extend_schema(operation_id="index_health", tags=["Index"], responses=IndexHealthSerializer)
    def get(self, request: Request) -> Response:
        health = index_health(organization_id=_organization(request).pk)
        return Response(IndexHealthSerializer(asdict(health)).data)


class IndexRebuildView(APIView):
    """POST: make both indexes anew from the database, in a worker."""

    permission_classes = [IsAuthenticated, IsOrganizationAdmin]

    @extend_schema(
        operation_id="index_rebuild",
        tags=["Index"],
        request=None,
        responses={202: OpenApiResponse(description="Queued; searches go on meanwhile.")},
    )
    def post(self, request: Request) -> Response:
        request_rebuild(organization=_organization(request), actor=cast("User", request.user))
        return Response(status=status.HTTP_202_ACCEPTED)


def _organization(request: Request) -> Organization:
    """Return the admin's own organization; the permission class let nobody else in."""
    return cast("Organization", cast("User", request.user).organization)
