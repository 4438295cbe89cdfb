"""What the chat pages are sent."""

from django import forms
from django.conf import settings

from rag.models import Message
from rag.services.feedback import COMMENT_CHARACTERS


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


class RenameForm(forms.Form):
    """A conversation's title."""

    title = forms.CharField(
        max_length=200, error_messages={"required": "A conversation needs a title."}
    )


class FeedbackForm(forms.Form):
    """A thumb and a comment; an empty rating takes the thumb back."""

    rating = forms.ChoiceField(choices=Message.Rating.choices, required=False)
    comment = forms.CharField(max_length=COMMENT_CHARACTERS, required=False)


def first_error(form: forms.BaseForm) -> str:
    """Return one sentence for a form that has a single place for its errors."""
    return str(next(iter(form.errors.values()))[0])
