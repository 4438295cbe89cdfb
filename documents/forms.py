"""What a person may fill in on the document pages."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from accounts.models import Team, User
from documents.extraction.registry import accepted_extensions
from documents.models import Document


class DocumentFilterForm(forms.Form):
    """The filters of the list; what makes no sense is ignored rather than refused."""

    search = forms.CharField(
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Search by name"}),
    )
    status = forms.ChoiceField(
        required=False, choices=[("", "Any status"), *Document.Status.choices]
    )

    @property
    def chosen(self) -> dict[str, str]:
        """Return the valid filters that are set."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


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


class UploadForm(SharingForm):
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
