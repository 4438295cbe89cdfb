"""What scripts get of an index: figures, faults, and what was or is being done with it."""

from rest_framework import serializers

from rag.integrity.faults import Fault
from rag.models import IndexRun


class SnapshotSerializer(serializers.Serializer[object]):
    """What is on the disk to start fast from."""

    condition = serializers.ChoiceField(["current", "behind", "missing", "damaged", "foreign"])
    version = serializers.IntegerField(allow_null=True)
    age_s = serializers.FloatField(allow_null=True, help_text="Seconds since it was written.")
    count = serializers.IntegerField(help_text="Vectors in it.")
    size = serializers.IntegerField(help_text="Bytes.")
    last_error = serializers.CharField(
        allow_blank=True, help_text="Why the last one could not be written, if so."
    )


class IndexPartSerializer(serializers.Serializer[object]):
    """What one index holds against what the rows say it should."""

    backend = serializers.CharField()
    index_type = serializers.CharField()
    model = serializers.CharField(allow_null=True)
    dimension = serializers.IntegerField(allow_null=True)
    in_memory_version = serializers.IntegerField(
        allow_null=True, help_text="Of the copy of the process that checked."
    )
    entries = serializers.IntegerField()
    expected = serializers.IntegerField()
    present = serializers.IntegerField()
    missing = serializers.IntegerField()
    extra = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    altered = serializers.IntegerField()
    damaged = serializers.BooleanField()
    snapshot = SnapshotSerializer(allow_null=True)


class FileFiguresSerializer(serializers.Serializer[object]):
    """How stored files and rows stand to one another."""

    stored = serializers.IntegerField(
        allow_null=True, help_text="null where the storage has files of several organizations."
    )
    without_rows = serializers.IntegerField()
    recent_without_rows = serializers.IntegerField(help_text="Younger than a day: no fault yet.")
    rows_without_files = serializers.IntegerField()
    other_size = serializers.IntegerField()
    set_aside = serializers.IntegerField()


class FindingSerializer(serializers.Serializer[object]):
    """A kind of fault that was found."""

    kind = serializers.ChoiceField([fault.value for fault in Fault])
    count = serializers.IntegerField()
    examples = serializers.ListField(child=serializers.CharField(), help_text="Keys of a few.")
    message = serializers.CharField()
    repairable = serializers.BooleanField(help_text="Whether a repair takes it away.")
    advice = serializers.CharField()


class IndexRunSerializer(serializers.ModelSerializer[IndexRun]):
    """A check, repair or rebuild."""

    class Meta:
        model = IndexRun
        fields = [
            "id",
            "action",
            "status",
            "requested_at",
            "started_at",
            "finished_at",
            "consistent",
            "error_message",
        ]
        read_only_fields = fields


class IndexReportSerializer(serializers.Serializer[object]):
    """How the indexes of the organization stand against its rows and files."""

    organization_id = serializers.UUIDField()
    organization = serializers.CharField()
    checked_at = serializers.DateTimeField()
    took_ms = serializers.IntegerField()
    thorough = serializers.BooleanField(
        help_text="Whether the inner structure of the index of words was checked too."
    )
    consistent = serializers.BooleanField(help_text="Whether there is no finding.")
    model = serializers.CharField(help_text="That queries use.")
    dimension = serializers.IntegerField(allow_null=True)
    version = serializers.IntegerField(help_text="Of the index, in the database.")
    documents = serializers.IntegerField(help_text="Completed ones.")
    chunks = serializers.IntegerField()
    embeddings = serializers.IntegerField(help_text="Of the model.")
    unembedded = serializers.IntegerField()
    other_models = serializers.DictField(
        child=serializers.IntegerField(), help_text="Vectors kept, or in the making, by model."
    )
    wrong_model = serializers.IntegerField(help_text="Vectors of models that nobody knows.")
    wrong_dimension = serializers.IntegerField()
    not_finite = serializers.IntegerField()
    not_unit_length = serializers.IntegerField()
    documents_past_lease = serializers.IntegerField()
    vector = IndexPartSerializer(allow_null=True)
    settled = serializers.BooleanField(
        help_text="false when so much was published meanwhile that `vector` says nothing."
    )
    lexical = IndexPartSerializer()
    files = FileFiguresSerializer()
    findings = FindingSerializer(many=True)
    runs = IndexRunSerializer(many=True, help_text="The latest of each action.")
