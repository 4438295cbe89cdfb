"""JSON of questions, answers, conversations and retrieval."""

from django.conf import settings
from rest_framework import serializers

from documents.labels import MAX_COLLECTION_CHARACTERS, MAX_TAG_CHARACTERS, MAX_TAGS
from documents.models import Document
from documents.narrowing import MOST_DOCUMENTS
from rag.models import Conversation, Message
from rag.services.feedback import COMMENT_CHARACTERS


class FiltersSerializer(serializers.Serializer[None]):
    """Which of the documents that the caller may read are asked; each part narrows further."""

    tags = serializers.ListField(
        required=False,
        child=serializers.CharField(max_length=MAX_TAG_CHARACTERS),
        max_length=MAX_TAGS,
        help_text="Documents that have all of these.",
    )
    collection = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_COLLECTION_CHARACTERS
    )
    documents = serializers.ListField(
        required=False,
        child=serializers.UUIDField(),
        max_length=MOST_DOCUMENTS,
        help_text="Ids: one of these. An empty list is none given.",
    )


class QuestionSerializer(serializers.Serializer[None]):
    """A question."""

    query = serializers.CharField(
        allow_blank=True,  # the service says what is wrong, with the same words everywhere
        trim_whitespace=True,
        help_text=f"At most {settings.MAX_QUERY_CHARACTERS} characters.",
    )
    conversation_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="A conversation to go on with."
    )
    filters = FiltersSerializer(
        required=False,
        help_text="Asks only these, in this question and those that follow; `{}` asks all again.",
    )
    stream = serializers.BooleanField(
        default=False, help_text="Answer as `text/event-stream`, piece by piece."
    )


class SourceSerializer(serializers.Serializer[None]):
    """A passage behind an answer, as far as the caller may read it now."""

    n = serializers.IntegerField(help_text="The number in the citation `[n]`.")
    chunk_id = serializers.UUIDField(allow_null=True)
    document_id = serializers.UUIDField(allow_null=True)
    filename = serializers.CharField()
    page = serializers.IntegerField()
    start = serializers.IntegerField(
        help_text="Where the whole passage, `content`, begins: characters into the page's text."
    )
    end = serializers.IntegerField(help_text="Where the passage ends, exclusive.")
    content = serializers.CharField(help_text="The passage: `page text[start:end]`.")
    quote = serializers.CharField(
        help_text="The sentence of the passage, or the row of a table, that says what the answer "
        "says, as the document has it; empty where none is known."
    )
    quote_start = serializers.IntegerField(
        allow_null=True,
        help_text="Where the quote begins: characters into the page's text, within the passage.",
    )
    quote_end = serializers.IntegerField(
        allow_null=True, help_text="Where the quote ends, exclusive."
    )
    document_date = serializers.DateField(
        allow_null=True, help_text="The document's own date, or of its upload."
    )
    dated_by = serializers.ChoiceField(
        choices=[*Document.DatedBy.choices, ""],
        help_text="Where the date is from: the document's text, its file, or the upload.",
    )
    score = serializers.FloatField(help_text="Comparable inside one answer, higher is better.")
    cited = serializers.BooleanField(help_text="Whether the answer cites it.")
    url = serializers.CharField(
        help_text="The page of this server with the quote, or the passage, marked."
    )
    available = serializers.BooleanField(
        help_text="False when the document is gone or may no longer be read; "
        "ids are then null, texts empty."
    )
    version = serializers.IntegerField(help_text="Of the document, that the passage is of.")
    superseded = serializers.BooleanField(
        help_text="True when a newer version of the document is in force: the passage is not "
        "available, but `document_id`, `filename` and the `url` of the document are told."
    )


class QuoteSerializer(serializers.Serializer[None]):
    """Where a passage says what a sentence of the answer says."""

    n = serializers.IntegerField(help_text="The source's number.")
    start = serializers.IntegerField(help_text="Characters into the page's text.")
    end = serializers.IntegerField(help_text="Characters into the page's text, exclusive.")


class FlagSerializer(serializers.Serializer[None]):
    """Something about a sentence that its reader should look at."""

    kind = serializers.ChoiceField(
        choices=["number", "unit", "date", "name", "negation", "citation", "meaning"]
    )
    text = serializers.CharField(help_text="The number, date or name; empty for the sentence.")
    reason = serializers.CharField(help_text="A sentence for a person.")


class CheckedSentenceSerializer(serializers.Serializer[None]):
    """A sentence of an answer that claims something, and what the passages say to it."""

    start = serializers.IntegerField(help_text="Characters into the answer.")
    end = serializers.IntegerField(help_text="Characters into the answer, exclusive.")
    status = serializers.ChoiceField(choices=["supported", "weak", "unsupported"])
    citations = serializers.ListField(
        child=serializers.IntegerField(), help_text="The sources it names."
    )
    supported_by = serializers.ListField(
        child=serializers.IntegerField(), help_text="The sources that say it."
    )
    flags = FlagSerializer(many=True)
    quotes = QuoteSerializer(many=True)


class StatementSerializer(serializers.Serializer[None]):
    """What one document says to a question on which documents contradict each other."""

    n = serializers.IntegerField(help_text="The source's number.")
    text = serializers.CharField()
    start = serializers.IntegerField(help_text="Characters into the page's text.")
    end = serializers.IntegerField(help_text="Characters into the page's text, exclusive.")
    url = serializers.CharField(help_text="The page of this server with the statement marked.")
    document_id = serializers.UUIDField(source="source.document_id")
    filename = serializers.CharField(source="source.filename")
    page = serializers.IntegerField(source="source.page")
    document_date = serializers.DateField(source="source.document_date")
    dated_by = serializers.ChoiceField(source="source.dated_by", choices=Document.DatedBy.choices)


class ConflictSerializer(serializers.Serializer[None]):
    """Statements that can't all be in force, the newest document's first."""

    statements = StatementSerializer(many=True)


class AnswerUsageSerializer(serializers.Serializer[None]):
    """What an answer cost."""

    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    cost = serializers.FloatField()


class AnswerSerializer(serializers.Serializer[None]):
    """An answer with its sources."""

    answer = serializers.CharField(help_text="Markdown, with citations `[n]`.")
    grounded = serializers.BooleanField(help_text="Whether passages support it.")
    unsupported = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="Spans [start, end] of the answer: sentences that no passage supports.",
    )
    sentences = CheckedSentenceSerializer(many=True)
    sources = SourceSerializer(many=True)
    related = SourceSerializer(
        many=True, help_text="The nearest passages, when the documents hold no answer."
    )
    conflicts = ConflictSerializer(
        many=True, help_text="Where passages contradict each other on what was asked."
    )
    conversation_id = serializers.UUIDField()
    message_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Message.Status.choices)
    usage = AnswerUsageSerializer()
    model = serializers.CharField()
    prompt_version = serializers.CharField()
    budget_warnings = serializers.ListField(
        child=serializers.CharField(),
        help_text="A sentence for each budget that is nearly, or more than, used up.",
    )


class RetrievalQuerySerializer(serializers.Serializer[None]):
    """What to search."""

    query = serializers.CharField(allow_blank=True)
    top_k = serializers.IntegerField(
        default=settings.RETRIEVAL_TOP_K, min_value=1, max_value=settings.MAX_TOP_K
    )
    filters = FiltersSerializer(required=False)


class RetrievalResultSerializer(serializers.Serializer[None]):
    """A passage that was found."""

    chunk_id = serializers.UUIDField()
    document_id = serializers.UUIDField()
    filename = serializers.CharField()
    page = serializers.IntegerField()
    chunk_index = serializers.IntegerField()
    content = serializers.CharField()
    score = serializers.FloatField()
    rank = serializers.IntegerField()


class RetrievalSerializer(serializers.Serializer[None]):
    """The passages for a question, best first."""

    query = serializers.CharField()
    results = RetrievalResultSerializer(many=True, source="passages")
    took_ms = serializers.FloatField()


class MessageSerializer(serializers.Serializer[None]):
    """A question or an answer of a conversation."""

    id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=Message.Role.choices)
    status = serializers.ChoiceField(choices=Message.Status.choices)
    content = serializers.CharField()
    grounded = serializers.BooleanField()
    unsupported = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    )
    sentences = CheckedSentenceSerializer(many=True)
    error_message = serializers.CharField()
    model = serializers.CharField()
    prompt_version = serializers.CharField()
    rating = serializers.ChoiceField(choices=Message.Rating.choices)
    comment = serializers.CharField()
    created_at = serializers.DateTimeField()
    sources = SourceSerializer(many=True)
    related = SourceSerializer(many=True)
    conflicts = ConflictSerializer(many=True)


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    """A conversation."""

    filters = FiltersSerializer(read_only=True, help_text="What its next question asks.")

    class Meta:
        model = Conversation
        fields = ["id", "title", "filters", "created_at", "updated_at"]
        read_only_fields = ["id", "created_at", "updated_at"]
        extra_kwargs = {"title": {"required": True, "allow_blank": False}}


class ConversationDetailSerializer(ConversationSerializer):
    """A conversation with its messages, oldest first."""

    messages = MessageSerializer(many=True)

    class Meta(ConversationSerializer.Meta):
        fields = [*ConversationSerializer.Meta.fields, "messages"]


class ConversationFilterSerializer(serializers.Serializer[None]):
    """Which conversations to list."""

    search = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="Part of the title."
    )


class FeedbackSerializer(serializers.Serializer[None]):
    """An opinion of an answer."""

    rating = serializers.ChoiceField(
        choices=[choice for choice in Message.Rating.choices if choice[0]]
    )
    comment = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=COMMENT_CHARACTERS
    )


class FeedbackGivenSerializer(serializers.Serializer[None]):
    """The opinion as it is kept."""

    message_id = serializers.UUIDField(source="pk")
    rating = serializers.CharField()
    comment = serializers.CharField()
