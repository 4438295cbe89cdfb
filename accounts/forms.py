"""Forms of accounts: they check what a person typed; services do the rest."""

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.password_validation import (
    password_validators_help_text_html,
    validate_password,
)
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from accounts.models import Organization, Team, User

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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The page begins with other things; Django would scroll past them.
        self.fields["old_password"].widget.attrs.pop("autofocus", None)


class _EmailForm(forms.ModelForm):
    """Says once, beside the email, that it is taken: a field and a constraint both would."""

    def validate_unique(self) -> None:
        super().validate_unique()
        if "email" in self.errors:
            self.errors.pop(NON_FIELD_ERRORS, None)


class MemberForm(_EmailForm):
    """A new person; without a password one is generated.

    Whether the address is free is the service's to say, which records who asked.
    """

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

    def _get_validation_exclusions(self) -> set[str]:
        return {*super()._get_validation_exclusions(), "email"}  # type: ignore[misc]  # not in the stubs


class InvitationForm(forms.Form):
    """Who is invited, as what, into which teams."""

    email = forms.EmailField(max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(choices=User.Role.choices, initial=User.Role.USER)
    teams = forms.ModelMultipleChoiceField(
        queryset=Team.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, admin: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams: Any = self.fields["teams"]
        teams.queryset = Team.objects.visible_to(admin).order_by("name")
        if not teams.queryset.exists():
            del self.fields["teams"]


class JoinForm(forms.Form):
    """What the person who was invited says about themselves."""

    name = forms.CharField(
        max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        strip=False,
        max_length=MAX_PASSWORD_CHARACTERS,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html(),
    )
    again = forms.CharField(
        strip=False,
        max_length=MAX_PASSWORD_CHARACTERS,
        label="The same password again",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if again != self.cleaned_data.get("password", again):
            raise ValidationError("The two passwords are not the same.")
        return again


class TeamForm(forms.ModelForm):
    """A team's name."""

    class Meta:
        model = Team
        fields = ["name"]
        labels = {"name": "New team"}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}


class _UserAdminForm(_EmailForm):
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


class OrganizationAddForm(forms.ModelForm):
    """A new organization with its first administrator, who could not be added from outside."""

    admin_email = forms.EmailField(max_length=254, label="Email of its administrator")
    admin_password = forms.CharField(
        strip=False,
        max_length=MAX_PASSWORD_CHARACTERS,
        validators=[validate_password],
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        label="Password of its administrator",
    )

    class Meta:
        model = Organization
        fields = ["name"]

    def clean_admin_email(self) -> str:
        email: str = self.cleaned_data["admin_email"].lower()
        if User.objects.filter(email=email).exists():
            raise ValidationError("A user with this email exists already.")
        return email


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


class AuditFilterForm(forms.Form):
    """What of the audit trail is looked for; a wrong value is left out, and said to be wrong."""

    action = forms.CharField(
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"list": "actions", "placeholder": "document.deleted"}),
        help_text="Or all of a kind: document.",
    )
    actor = forms.CharField(
        required=False,
        max_length=254,
        label="Person",
        widget=forms.TextInput(attrs={"placeholder": "Email", "autocomplete": "off"}),
    )
    object_id = forms.CharField(
        required=False,
        max_length=64,
        label="Object",
        widget=forms.TextInput(attrs={"placeholder": "Id", "autocomplete": "off"}),
    )
    start = forms.DateField(
        required=False, label="From", widget=forms.DateInput(attrs={"type": "date"})
    )
    end = forms.DateField(
        required=False, label="To", widget=forms.DateInput(attrs={"type": "date"})
    )

    @property
    def chosen(self) -> dict[str, Any]:
        """The filters that are set and can be used."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


def show_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Put what a service refused beside the form's fields, or above them."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, errors in error.error_dict.items():
        form.add_error(name if name in form.fields else None, errors)
