"""Asking, searching, and what is kept of it: conversations, feedback."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.permissions import caller_of
from accounts.models import User
from documents.narrowing import Narrowing
from knowledge.lib.errors import NotFound, Unavailable
from knowledge.lib.streaming import EventStreamResponse
from rag import budgets
from rag.api.events import answer_events
from rag.api.presentation import present_answer, present_conversation
from rag.api.serializers import (
    AnswerSerializer,
    ConversationDetailSerializer,
    ConversationFilterSerializer,
    ConversationSerializer,
    FeedbackGivenSerializer,
    FeedbackSerializer,
    QuestionSerializer,
    RetrievalQuerySerializer,
    RetrievalSerializer,
)
from rag.models import Conversation, Message
from rag.querysets import ConversationQuerySet
from rag.services.conversations import delete_conversation, rename_conversation
from rag.services.feedback import give_feedback
from rag.services.search import search_passages
from rag.services.turns import TurnFailed, answer_question, start_turn

_NOT_FOUND = OpenApiResponse(description="There is no such thing of yours.")
_TOO_LONG = OpenApiResponse(description="The question is longer than the limit.")


class AnyAccept(DefaultContentNegotiation):
    """Answers JSON or events as the body asks, whatever the client says it accepts."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type


class Unanswered(Unavailable):
    """A question that is stored, with the passages that were found, but could not be answered."""

    def __init__(self, failure: TurnFailed, details: dict[str, Any]) -> None:
        super().__init__(failure.message, details=details)
        self.code, self.status = failure.code, failure.status
        self.retry_after_s = failure.retry_after_s


class ChatView(APIView):
    """Answers questions.

    The view itself is synchronous: it authenticates, checks and stores like every other. What it
    returns for a stream is an asynchronous iterator, which the ASGI server runs without a thread.
    """

    content_negotiation_class = AnyAccept

    @extend_schema(
        tags=["Chat"],
        summary="Ask a question",
        description=(
            "Answers from the documents you may read. With `stream: true` the answer is a stream "
            "of server-sent events: `sources` (`message_id`, `conversation_id`, `sources`), "
            "`token` (`text`) as often as needed, and `done` (the whole answer, which is the final "
            "one) or `error` (the error object). Closing the connection stops the model; what was "
            "produced is kept. Where a budget is nearly used up, `budget_warnings` and the header "
            "`X-Budget-Warning` say so."
        ),
        request=QuestionSerializer,
        responses={
            (200, "application/json"): AnswerSerializer,
            (200, "text/event-stream"): OpenApiTypes.STR,
            404: OpenApiResponse(description="You have no such conversation."),
            422: _TOO_LONG,
            429: OpenApiResponse(
                description=(
                    "`budget_exceeded`: a budget has no room for another answer; `details` says "
                    "which one, and when it starts anew."
                )
            ),
            503: OpenApiResponse(
                description=(
                    "`model_unavailable`: the model can't answer now, and `details` holds the ids "
                    "and the sources. `overloaded`, `busy`: come back after `Retry-After` seconds."
                )
            ),
        },
        examples=[
            OpenApiExample("A question", {"query": "How many days of leave do I have?"}),
            OpenApiExample(
                "Streamed",
                'event: token\ndata: {"text": "You have 30 days. [1]"}\n\n',
                media_type="text/event-stream",
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request) -> HttpResponseBase:
        response = self._answer(request)
        if said := budgets.warnings(user=caller_of(request)):
            response.headers["X-Budget-Warning"] = (
                " ".join(said).encode("ascii", "replace").decode()
            )
        return response

    def _answer(self, request: Request) -> HttpResponseBase:
        question = QuestionSerializer(data=request.data)
        question.is_valid(raise_exception=True)
        given, user = question.validated_data, caller_of(request)
        filters = given.get("filters")
        asked = {
            "query": given["query"],
            "conversation_id": given.get("conversation_id"),
            "narrowing": None if filters is None else Narrowing.of(**filters),
        }
        if given["stream"]:
            return _stream(user, start_turn(user=user, **asked))
        message, failure = answer_question(user=user, **asked)
        answer = present_answer(message_id=message.pk, user=user)
        if failure is not None:
            details = {key: answer[key] for key in ("message_id", "conversation_id", "sources")}
            raise Unanswered(failure, details)
        return Response(answer)


def _stream(user: User, message: Message) -> EventStreamResponse:
    return EventStreamResponse(
        answer_events(user=user, message_id=message.pk, conversation_id=message.conversation_id)
    )


class RetrievalView(APIView):
    """Searches without answering."""

    @extend_schema(
        tags=["Retrieval"],
        summary="Find the passages for a question",
        request=RetrievalQuerySerializer,
        responses={200: RetrievalSerializer, 422: _TOO_LONG},
    )
    def post(self, request: Request) -> Response:
        asked = RetrievalQuerySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        found = search_passages(
            user=caller_of(request),
            query=given["query"],
            top_k=given["top_k"],
            narrowing=Narrowing.of(**given.get("filters", {})),
        )
        return Response(RetrievalSerializer(found).data)  # type: ignore[arg-type]


@extend_schema(tags=["Conversations"])
@extend_schema_view(
    list=extend_schema(
        summary="List your conversations, the last used first",
        parameters=[ConversationFilterSerializer],
    ),
)
class ConversationViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Conversation]):
    """The caller's own conversations."""

    serializer_class = ConversationSerializer
    queryset = Conversation.objects.none()
    lookup_url_kwarg = "conversation_id"

    def get_queryset(self) -> ConversationQuerySet:
        # SECURITY: the one place that decides what this whole viewset can find.
        return Conversation.objects.visible_to(caller_of(self.request)).order_by(
            "-updated_at", "pk"
        )

    def filter_queryset(self, queryset: ConversationQuerySet) -> ConversationQuerySet:  # type: ignore[override]
        if self.action != "list":
            return queryset
        filters = ConversationFilterSerializer(data=self.request.query_params)
        filters.is_valid(raise_exception=True)
        return queryset.search(filters.validated_data.get("search", ""))

    @extend_schema(
        summary="Show a conversation with its messages and their sources",
        responses={200: ConversationDetailSerializer, 404: _NOT_FOUND},
    )
    def retrieve(self, request: Request, conversation_id: uuid.UUID) -> Response:
        return Response(
            present_conversation(conversation=self.get_object(), user=caller_of(request))
        )

    @extend_schema(
        summary="Rename a conversation",
        request=ConversationSerializer,
        responses={200: ConversationSerializer, 404: _NOT_FOUND},
    )
    def partial_update(self, request: Request, conversation_id: uuid.UUID) -> Response:
        conversation = self.get_object()
        change = self.get_serializer(data=request.data)
        change.is_valid(raise_exception=True)
        rename_conversation(
            conversation=conversation,
            actor=caller_of(request),
            title=change.validated_data["title"],
        )
        return Response(self.get_serializer(conversation).data)

    @extend_schema(summary="Delete a conversation", responses={204: None, 404: _NOT_FOUND})
    def destroy(self, request: Request, conversation_id: uuid.UUID) -> Response:
        delete_conversation(conversation=self.get_object(), actor=caller_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class FeedbackView(APIView):
    """Takes an opinion of an answer."""

    @extend_schema(
        tags=["Chat"],
        summary="Rate an answer",
        request=FeedbackSerializer,
        responses={
            200: FeedbackGivenSerializer,
            404: _NOT_FOUND,
            409: OpenApiResponse(description="The answer is not complete yet."),
        },
    )
    def post(self, request: Request, message_id: uuid.UUID) -> Response:
        user = caller_of(request)
        message = Message.objects.visible_to(user).answers().filter(pk=message_id).first()
        if message is None:
            raise NotFound
        opinion = FeedbackSerializer(data=request.data)
        opinion.is_valid(raise_exception=True)
        message = give_feedback(message=message, actor=user, **opinion.validated_data)
        return Response(FeedbackGivenSerializer(message).data)  # type: ignore[arg-type]
