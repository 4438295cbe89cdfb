"""How the organization's index is, its check, repair and rebuild: for its admins."""

from typing import cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.permissions import IsOrganizationAdmin, caller_of
from accounts.models import Organization
from rag.api.index_serializers import IndexReportSerializer, IndexRunSerializer
from rag.models import IndexRun
from rag.services.index import newest_runs, read_health, request_run


class _ReportParameters(serializers.Serializer[object]):
    recorded = serializers.BooleanField(default=None, allow_null=True)


class IndexHealthView(APIView):
    """GET: figures and faults of the index, as this process has it in memory."""

    permission_classes = [IsAuthenticated, IsOrganizationAdmin]

    @extend_schema(
        operation_id="index_health",
        tags=["Index"],
        parameters=[
            OpenApiParameter(
                "recorded",
                bool,
                description="`true`: the latest check that was recorded, 404 when there is none."
                " `false`: check now, some 4 s for 100,000 chunks. When left out: check now up to"
                " 20,000 chunks. `checked_at` tells.",
            )
        ],
        responses=IndexReportSerializer,
    )
    def get(self, request: Request) -> Response:
        organization = _organization(request)
        parameters = _ReportParameters(data=request.query_params)
        parameters.is_valid(raise_exception=True)
        recorded = parameters.validated_data["recorded"]
        report = read_health(organization=organization, recorded=recorded)
        runs = IndexRunSerializer(newest_runs(organization=organization), many=True)
        return Response({**report, "runs": runs.data})


class IndexCheckView(APIView):
    """POST: check the index in a worker, and record what is found."""

    permission_classes = [IsAuthenticated, IsOrganizationAdmin]

    @extend_schema(
        operation_id="index_check",
        tags=["Index"],
        request=None,
        responses={202: IndexRunSerializer},
    )
    def post(self, request: Request) -> Response:
        return _queue(request, IndexRun.Action.CHECK)


class IndexRepairView(APIView):
    """POST: check the index in a worker, repair what is found, and record it."""

    permission_classes = [IsAuthenticated, IsOrganizationAdmin]

    @extend_schema(
        operation_id="index_repair",
        tags=["Index"],
        request=None,
        responses={202: IndexRunSerializer},
    )
    def post(self, request: Request) -> Response:
        return _queue(request, IndexRun.Action.REPAIR)


class IndexRebuildView(APIView):
    """POST: make both indexes anew from the database, in a worker; searches go on meanwhile."""

    permission_classes = [IsAuthenticated, IsOrganizationAdmin]

    @extend_schema(
        operation_id="index_rebuild",
        tags=["Index"],
        request=None,
        responses={202: IndexRunSerializer},
    )
    def post(self, request: Request) -> Response:
        return _queue(request, IndexRun.Action.REBUILD)


def _queue(request: Request, action: IndexRun.Action) -> Response:
    organization, actor = _organization(request), caller_of(request)
    run = request_run(organization=organization, action=action, actor=actor)
    return Response(IndexRunSerializer(run).data, status=status.HTTP_202_ACCEPTED)


def _organization(request: Request) -> Organization:
    """Return the admin's own organization; the permission class let nobody else in."""
    return cast("Organization", caller_of(request).organization)
