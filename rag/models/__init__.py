"""The index as rows, conversations, and what the model calls cost."""

from rag.models.answer_settings import AnswerSettings
from rag.models.conversations import Conversation, Message, MessageSource
from rag.models.evaluation import EvaluationWorkspace
from rag.models.index import ChunkEmbedding, IndexChange, OrganizationIndex
from rag.models.index_runs import IndexRun
from rag.models.model_changes import ModelChange
from rag.models.usage import UsageRecord

__all__ = [
    "AnswerSettings",
    "ChunkEmbedding",
    "Conversation",
    "EvaluationWorkspace",
    "IndexChange",
    "IndexRun",
    "Message",
    "MessageSource",
    "ModelChange",
    "OrganizationIndex",
    "UsageRecord",
]
