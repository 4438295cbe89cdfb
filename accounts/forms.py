"""Forms of accounts: they check what a person typed; services do the rest."""

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.password_validation import (
    password_validators_help_text_html,
    validate_password,
)
from django.core.exceptions import ValidationError

from accounts.models import Team, User

# Hashing takes longer the longer the password, so that a login must not be given a megabyte.
MAX_PASSWORD_CHARACTERS = 1_000


class LoginForm(forms.Form):
    """Email and password; whether they are right is not the form's to say."""

    email = forms.CharField(
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        max_length=MAX_PASSWORD_CHARACTERS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class NameForm(forms.ModelForm):
    """The name that others see."""

    class Meta:
        model = User
        fields = ["name"]
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}


class OwnPasswordForm(PasswordChangeForm):
    """The old password and the new one twice; saving is the service's."""


class MemberForm(forms.ModelForm):
    """A new person; without a password one is generated."""

    password = forms.CharField(
        required=False,
        strip=False,
        max_length=MAX_PASSWORD_CHARACTERS,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave empty to have one generated.",
    )

    class Meta:
        model = User
        fields = ["email", "name", "role"]
        widgets = {
            "email": forms.EmailInput(attrs={"autocomplete": "off"}),
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
        }


class TeamForm(forms.ModelForm):
    """A team's name."""

    class Meta:
        model = Team
        fields = ["name"]
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}


class _UserAdminForm(forms.ModelForm):
    """A person in Django admin, with a password that is never shown."""

    new_password = forms.CharField(
        required=False,
        strip=False,
        max_length=MAX_PASSWORD_CHARACTERS,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ["email", "name", "organization", "role", "is_active", "is_superuser"]

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        if password:
            validate_password(password, self.instance)
        return password


class UserAddForm(_UserAdminForm):
    """A new person: a password must be given, for it could not be shown safely afterwards."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password"].required = True
        self.fields["new_password"].label = "Password"
        self.fields["new_password"].help_text = password_validators_help_text_html()
        self.fields["organization"].required = True


class UserChangeForm(_UserAdminForm):
    """An existing person; an empty password leaves the old one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "new_password" in self.fields:
            self.fields["new_password"].help_text = "Leave empty to keep the present one."


def show_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Put what a service refused beside the form's fields, or above them."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, errors in error.error_dict.items():
        form.add_error(name if name in form.fields else None, errors)
