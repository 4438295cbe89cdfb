"""JSON of documents: what is shown, and what an upload or a change of sharing may say."""

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from accounts.models import Team, User
from documents.models import Document, Page
from documents.page_images import has_images


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

    class Meta:
        model = Document
        fields = [
            "id",
            "filename",
            "content_type",
            "size",
            "sha256",
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


class UploadSerializer(SharingSerializer):
    """A file with, optionally, who may read it."""

    file = serializers.FileField(
        allow_empty_file=True, max_length=1_000, help_text="The file, as multipart/form-data."
    )


class DocumentFilterSerializer(serializers.Serializer[Any]):
    """The filters of the list."""

    status = serializers.ChoiceField(choices=Document.Status.choices, required=False)
    search = serializers.CharField(
        required=False, max_length=255, allow_blank=True, help_text="A part of the file name."
    )


class PageImageSerializer(serializers.Serializer[Any]):
    """How large a picture is asked for."""

    width = serializers.IntegerField(
        required=False, help_text="Pixels; the next larger of 800, 1200 and 1800 is given."
    )
