"""What a person may fill in on the document pages."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from accounts.models import Team, User
from documents.extraction.registry import accepted_extensions
from documents.filenames import shown_line
from documents.labels import (
    MAX_COLLECTION_CHARACTERS,
    MAX_TAG_CHARACTERS,
    MAX_TAGS,
    label_key,
)
from documents.models import Document, DocumentTag
from documents.narrowing import Narrowing


class DocumentFilterForm(forms.Form):
    """The filters of the list; what makes no sense is ignored rather than refused.

    Args:
        user: whose documents are listed; the tags and collections offered are those of what they
            may see.
    """

    search = forms.CharField(
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Search by name"}),
    )
    status = forms.ChoiceField(
        required=False, choices=[("", "Any status"), *Document.Status.choices]
    )

    collection = forms.CharField(required=False, max_length=MAX_COLLECTION_CHARACTERS)
    tag = forms.CharField(required=False, max_length=MAX_TAG_CHARACTERS)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        visible = Document.objects.visible_to(user)
        self._offer("collection", "Any collection", visible.collections())
        self._offer("tag", "Any tag", DocumentTag.objects.of(visible))

    def _offer(self, name: str, none: str, offered: list[tuple[str, int]]) -> None:
        names = [label for label, _ in offered]
        asked = shown_line(str(self.data.get(name, "")))
        if asked and label_key(asked) not in {label_key(label) for label in names}:
            names.append(asked)  # followed from elsewhere; nothing that can be seen has it now
        widget = forms.Select(choices=[("", none), *((label, label) for label in names)])
        self.fields[name].widget = widget

    @property
    def has_labels(self) -> dict[str, bool]:
        """Return for tags and collections whether there is any to choose."""
        return {name: len(self.fields[name].widget.choices) > 1 for name in ("collection", "tag")}

    @property
    def narrowing(self) -> Narrowing:
        """Return the tag and the collection that are set."""
        chosen = self.chosen
        return Narrowing.of(
            tags=[chosen["tag"]] if "tag" in chosen else (),
            collection=chosen.get("collection", ""),
        )

    @property
    def chosen(self) -> dict[str, str]:
        """Return the valid filters that are set."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class EditForm(forms.ModelForm):
    """What a document is called and sorted by; the service says what is wrong with it."""

    filename = forms.CharField(
        label="Name", max_length=255, error_messages={"required": "A document needs a name."}
    )
    description = forms.CharField(
        required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 3})
    )
    collection = forms.CharField(
        required=False,
        max_length=MAX_COLLECTION_CHARACTERS,
        widget=forms.TextInput(attrs={"list": "offered-collections", "autocomplete": "off"}),
    )
    tags = forms.CharField(
        required=False,
        max_length=MAX_TAGS * (MAX_TAG_CHARACTERS + 2),
        help_text="Separated by commas.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "aria-describedby": "tags-help"}),
    )

    class Meta:
        model = Document
        fields = ["filename", "description", "collection"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["tags"] = ", ".join(tag.name for tag in self.instance.tags.all())
        self.fields["filename"].disabled = self.instance.attached_to_id is not None

    @property
    def given(self) -> dict[str, Any]:
        """Return the arguments of `edit_document`."""
        names = ("filename", "description", "collection")
        given = {name: self.cleaned_data[name] for name in names}
        return {**given, "tags": self.cleaned_data["tags"].split(",")}


class SharingForm(forms.Form):
    """Who may read a document."""

    visibility = forms.ChoiceField(
        choices=Document.Visibility.choices,
        initial=Document.Visibility.PRIVATE,
        widget=forms.RadioSelect,
    )
    teams = forms.ModelMultipleChoiceField(
        queryset=Team.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(
        self, *args: Any, user: User, document: Document | None = None, **kwargs: Any
    ) -> None:
        if document is not None:
            teams = document.teams.all()
            kwargs["initial"] = {"visibility": document.visibility, "teams": teams}
        super().__init__(*args, **kwargs)
        choices = Team.objects.visible_to(user)
        if document is not None:
            # Teams that someone else shared it with are shown, and may stay.
            choices = (choices | Team.objects.filter(documents=document)).distinct()
        self.fields["teams"].queryset = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("visibility") != Document.Visibility.TEAMS:
            cleaned["teams"] = []  # boxes that were ticked before another choice was made
        elif not cleaned.get("teams") and "teams" not in self.errors:
            self.add_error("teams", "Choose at least one team.")
        return cleaned


class _SeveralFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class _SeveralFilesField(forms.FileField):
    """Returns the list of files; empty ones are accepted, as in the API."""

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(_SeveralFilesField, self).clean(file, initial) for file in files or [None]]


class SendingForm(SharingForm):
    """Who may read files that are to be sent, and what becomes of those whose names are there."""

    same_name = forms.ChoiceField(
        label="When you have a document of the same name, with other contents",
        required=False,
        choices=[
            ("keep", "Keep both"),
            ("version", "Upload as a new version of it"),
        ],
        initial="keep",
        widget=forms.RadioSelect,
    )

    def clean_same_name(self) -> str:
        return self.cleaned_data["same_name"] or "keep"


class UploadForm(SendingForm):
    """Files, and who may read them."""

    file = _SeveralFilesField(
        label="Files",
        allow_empty_file=True,
        widget=_SeveralFilesInput,
        error_messages={"required": "Choose at least one file."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accepted = ",".join(f".{extension}" for extension in accepted_extensions())
        self.fields["file"].widget.attrs["accept"] = accepted
