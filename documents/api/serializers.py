"""JSON of documents: what is shown, and what an upload or a change of sharing may say."""

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from accounts.api.serializers import PersonSerializer
from accounts.models import Team, User
from documents.labels import MAX_COLLECTION_CHARACTERS, MAX_TAG_CHARACTERS, MAX_TAGS
from documents.models import Document, Page
from documents.narrowing import Narrowing
from documents.page_images import has_images
from documents.versions import OnSameName


class NewVersionSerializer(serializers.ModelSerializer[Document]):
    """A file that becomes the document's next version once it is read."""

    progress = serializers.IntegerField(read_only=True, min_value=0, max_value=100)

    class Meta:
        model = Document
        fields = [
            "status",
            "stage",
            "progress",
            "error_message",
            "content_type",
            "size",
            "sha256",
            "uploaded_by",
            "created_at",
        ]
        read_only_fields = fields


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """A document as it is shown."""

    progress = serializers.IntegerField(
        read_only=True, min_value=0, max_value=100, help_text="Per cent of the ingestion."
    )

    warnings = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="Sentences about what of the file could not be read.",
    )
    attachments: Any = serializers.PrimaryKeyRelatedField(
        many=True, read_only=True, help_text="Ids of the documents that came with it."
    )

    tags: Any = serializers.SlugRelatedField(many=True, read_only=True, slug_field="name")
    new_version = NewVersionSerializer(
        read_only=True,
        allow_null=True,
        help_text="What is to be the next version; `failed` with a reason, or on its way.",
    )

    class Meta:
        model = Document
        fields = [
            "id",
            "filename",
            "description",
            "tags",
            "collection",
            "content_type",
            "size",
            "sha256",
            "version",
            "new_version",
            "status",
            "stage",
            "progress",
            "error_message",
            "warnings",
            "chunk_count",
            "visibility",
            "teams",
            "uploaded_by",
            "attached_to",
            "attachments",
            "created_at",
            "completed_at",
        ]
        read_only_fields = fields


class UploadedSerializer(DocumentSerializer):
    """A document, and whether its uploader had one of its name."""

    same_name = serializers.UUIDField(
        read_only=True,
        allow_null=True,
        help_text="Another document of yours that has this name, of which it might be a version.",
    )

    class Meta(DocumentSerializer.Meta):
        fields = [*DocumentSerializer.Meta.fields, "same_name"]
        read_only_fields = fields


class VersionSerializer(serializers.Serializer[Any]):
    """One version of a document."""

    number = serializers.IntegerField()
    in_force = serializers.BooleanField(help_text="Whether it is the one that answers.")
    filename = serializers.CharField()
    content_type = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    uploaded_by = serializers.UUIDField(source="uploaded_by.pk")
    uploaded_at = serializers.DateTimeField()


class FileSerializer(serializers.Serializer[Any]):
    """A file."""

    file = serializers.FileField(
        allow_empty_file=True, max_length=1_000, help_text="The file, as multipart/form-data."
    )


class PageSerializer(serializers.ModelSerializer[Page]):
    """The text of one page; the spans of chunks count characters of it."""

    page_count = serializers.IntegerField(source="document.page_count", read_only=True)
    image_url = serializers.SerializerMethodField(
        help_text="Where its picture is; null for formats whose pages are not drawn."
    )

    class Meta:
        model = Page
        fields = ["document_id", "number", "page_count", "text", "image_url"]
        read_only_fields = fields

    def get_image_url(self, page: Page) -> str | None:
        if not has_images(page.document):
            return None
        return reverse("api-document-page-image", args=[page.document_id, page.number])


class SharingSerializer(serializers.Serializer[Document]):
    """Who may read a document. What is left out stays as it is."""

    visibility = serializers.ChoiceField(choices=Document.Visibility.choices, required=False)
    teams = serializers.PrimaryKeyRelatedField(
        many=True,
        required=False,
        queryset=Team.objects.none(),
        help_text="Ids of teams; only together with the visibility `teams`.",
    )

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        # SECURITY: an id of a team outside these answers like one that does not exist.
        fields["teams"].child_relation.queryset = self._teams()
        return fields

    def _teams(self) -> Any:
        request = self.context.get("request")
        if request is None or not isinstance(request.user, User):  # the schema is being written
            return Team.objects.none()
        teams = Team.objects.visible_to(request.user)
        if isinstance(self.instance, Document):
            teams = (teams | Team.objects.filter(documents=self.instance)).distinct()
        return teams


class SortingSerializer(SharingSerializer):
    """What a document is sorted by, and who may read it."""

    tags = serializers.ListField(
        required=False,
        child=serializers.CharField(max_length=MAX_TAG_CHARACTERS),
        max_length=MAX_TAGS,
        help_text="All of them; capitals make no difference between two.",
    )
    collection = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_COLLECTION_CHARACTERS
    )


class ChangeSerializer(SortingSerializer):
    """What a document is called and sorted by, and who may read it. What is left out stays."""

    filename = serializers.CharField(
        required=False, max_length=255, help_text="The extension stays, whatever is given."
    )
    description = serializers.CharField(required=False, allow_blank=True, max_length=2_000)

    @property
    def editing(self) -> dict[str, Any]:
        """Return what is to be changed of name, description, tags and collection."""
        names = ("filename", "description", "tags", "collection")
        return {name: value for name, value in self.validated_data.items() if name in names}

    @property
    def changes_sharing(self) -> bool:
        """Whether it says anything about who may read the document."""
        return not {"visibility", "teams"}.isdisjoint(self.validated_data)


class UploadSerializer(SortingSerializer):
    """A file with, optionally, what it is sorted by and who may read it."""

    same_name = serializers.ChoiceField(
        choices=OnSameName.choices,
        required=False,
        default=OnSameName.KEEP,
        help_text="What becomes of it when you have a document of its name, with other contents: "
        "`keep` both, make it the next `version` of that one, or `ask`, which is answered 409.",
    )

    file = serializers.FileField(
        allow_empty_file=True, max_length=1_000, help_text="The file, as multipart/form-data."
    )


class DocumentFilterSerializer(serializers.Serializer[Any]):
    """The filters of the list."""

    status = serializers.ChoiceField(choices=Document.Status.choices, required=False)
    search = serializers.CharField(
        required=False, max_length=255, allow_blank=True, help_text="A part of the file name."
    )
    tag = serializers.ListField(
        required=False,
        child=serializers.CharField(max_length=MAX_TAG_CHARACTERS),
        max_length=MAX_TAGS,
        help_text="Documents that have it; given several times, all of them.",
    )
    collection = serializers.CharField(required=False, max_length=MAX_COLLECTION_CHARACTERS)

    @property
    def narrowing(self) -> Narrowing:
        """Return the tags and the collection that are given."""
        given = self.validated_data
        return Narrowing.of(tags=given.get("tag", ()), collection=given.get("collection", ""))


class LabelSerializer(serializers.Serializer[Any]):
    """A tag or a collection."""

    name = serializers.CharField()
    count = serializers.IntegerField(help_text="Documents that have it and that you may see.")


class LabelsSerializer(serializers.Serializer[Any]):
    """The tags and collections of what the caller may see."""

    tags = LabelSerializer(many=True)
    collections = LabelSerializer(many=True)


class PageImageSerializer(serializers.Serializer[Any]):
    """How large a picture is asked for."""

    width = serializers.IntegerField(
        required=False, help_text="Pixels; the next larger of 800, 1200 and 1800 is given."
    )


class RetriedSerializer(serializers.Serializer[Any]):
    """How many documents are ingested again."""

    count = serializers.IntegerField(min_value=0)


class ReasonSerializer(serializers.Serializer[Any]):
    """One part of the rule."""

    name = serializers.CharField()
    holds = serializers.BooleanField()
    sentence = serializers.CharField()


class ReaderSerializer(serializers.Serializer[Any]):
    """A person, and whether and by what they can read a document."""

    person = PersonSerializer()
    can_see = serializers.BooleanField(source="is_visible")
    needed = ReasonSerializer(many=True, help_text="All of these must hold.")
    grounds = ReasonSerializer(many=True, help_text="Of these, one must.")


class ReadersSerializer(serializers.Serializer[Any]):
    """Who can read a document."""

    people = ReaderSerializer(many=True)
    is_cut = serializers.BooleanField(help_text="More people can see it than are listed.")


class ReaderFilterSerializer(serializers.Serializer[Any]):
    """About whom an administrator asks."""

    person = serializers.EmailField(
        required=False, help_text="Explain this person alone, who may be none of the readers."
    )
