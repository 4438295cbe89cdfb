"""What the chat pages are sent."""

import datetime
import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict

from accounts.models import User
from documents.labels import MAX_COLLECTION_CHARACTERS, MAX_TAG_CHARACTERS, MAX_TAGS
from documents.narrowing import MOST_DOCUMENTS, Narrowing
from rag.models import Budget, Message, QuestionPrivacy, UsageRecord
from rag.services.feedback import COMMENT_CHARACTERS

_MOST_DAYS = 366


class QuestionForm(forms.Form):
    """A question, in a conversation or to begin one."""

    query = forms.CharField(
        error_messages={"required": "Type a question first."},
        # A person may paste any text; what the model server gets is checked by the service.
        strip=True,
    )
    conversation = forms.UUIDField(required=False)

    def clean_query(self) -> str:
        # A browser sends a line end as two characters and counts it as one.
        query: str = self.cleaned_data["query"].replace("\r\n", "\n")
        limit = settings.MAX_QUERY_CHARACTERS
        if len(query) > limit:
            raise forms.ValidationError(f"A question has at most {limit:,} characters.")
        return query


class NarrowingForm(forms.Form):
    """Which documents to ask: what makes no sense is as if it were not there."""

    collection = forms.CharField(required=False, max_length=MAX_COLLECTION_CHARACTERS)

    @property
    def narrowing(self) -> Narrowing:
        """Return the choice."""
        self.is_valid()
        assert isinstance(self.data, QueryDict)  # noqa: S101  for the type checker  # nosec B101
        keys = map(_uuid_or_none, self.data.getlist("document")[:MOST_DOCUMENTS])
        return Narrowing.of(
            tags=[tag[:MAX_TAG_CHARACTERS] for tag in self.data.getlist("tag")[:MAX_TAGS]],
            collection=self.cleaned_data.get("collection", ""),
            documents=[key for key in keys if key is not None],
        )


class RenameForm(forms.Form):
    """A conversation's title."""

    title = forms.CharField(
        max_length=200, error_messages={"required": "A conversation needs a title."}
    )


class FeedbackForm(forms.Form):
    """A thumb and a comment; an empty rating takes the thumb back."""

    rating = forms.ChoiceField(choices=Message.Rating.choices, required=False)
    comment = forms.CharField(max_length=COMMENT_CHARACTERS, required=False)


def _uuid_or_none(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


class UsageFilterForm(forms.Form):
    """Which calls the usage page adds up."""

    start = forms.DateField(required=False)
    end = forms.DateField(required=False)
    user = forms.CharField(required=False, max_length=254)
    model = forms.CharField(required=False, max_length=100)
    feature = forms.ChoiceField(required=False, choices=[("", ""), *UsageRecord.Feature.choices])

    def clean(self) -> dict[str, Any]:
        """Hold the range to what can be drawn."""
        given = super().clean() or {}
        start, end = given.get("start"), given.get("end")
        if start and end and (end - start).days > _MOST_DAYS:
            given["start"] = end - datetime.timedelta(days=_MOST_DAYS)
        return given


class BudgetForm(forms.ModelForm):
    """A budget of the admin's organization."""

    class Meta:
        model = Budget
        fields = [
            *("applies_to", "user", "period"),
            *("warn_tokens", "limit_tokens", "warn_cost", "limit_cost"),
        ]
        labels = {"user": "Person"}

    def __init__(self, *args: Any, admin: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # SECURITY: the people that may be chosen are the admin's own.
        people = forms.ModelChoiceField(
            User.objects.visible_to(admin).order_by("email"),
            required=False,
            label="Person",
            help_text="For one person, in place of what each person has.",
        )
        self.fields["user"] = people
        self.order_fields(self.Meta.fields)


class UnansweredSettingsForm(forms.Form):
    """Whether administrators are shown unanswered questions."""

    mode = forms.ChoiceField(choices=QuestionPrivacy.Mode.choices)
    minimum_askers = forms.IntegerField(min_value=1, max_value=1000)


def first_error(form: forms.BaseForm) -> str:
    """Return one sentence for a form that has a single place for its errors."""
    return str(next(iter(form.errors.values()))[0])
