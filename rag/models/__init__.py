"""The index as rows, conversations, and what the model calls cost."""

from rag.models.answer_settings import AnswerSettings
from rag.models.budgets import Budget, Reservation
from rag.models.conversations import Conversation, Message, MessageSource
from rag.models.evaluation import (
    EvaluationCase,
    EvaluationOutcome,
    EvaluationRun,
    EvaluationWorkspace,
)
from rag.models.index import ChunkEmbedding, IndexChange, OrganizationIndex
from rag.models.index_runs import IndexRun
from rag.models.model_changes import ModelChange
from rag.models.unanswered import HandledQuestion, QuestionPrivacy
from rag.models.usage import DailyUsage, ModelPrice, UsageRecord

__all__ = [
    "AnswerSettings",
    "Budget",
    "ChunkEmbedding",
    "Conversation",
    "DailyUsage",
    "EvaluationCase",
    "EvaluationOutcome",
    "EvaluationRun",
    "EvaluationWorkspace",
    "HandledQuestion",
    "IndexChange",
    "IndexRun",
    "Message",
    "MessageSource",
    "ModelChange",
    "ModelPrice",
    "OrganizationIndex",
    "QuestionPrivacy",
    "Reservation",
    "UsageRecord",
]
