"""The JSON of people, tokens, teams and the audit trail."""

from typing import Any, ClassVar

from rest_framework import serializers

from accounts.audit.export import TYPES
from accounts.forms import MAX_PASSWORD_CHARACTERS
from accounts.models import AuditEvent, Organization, Team, User


class LoginSerializer(serializers.Serializer[Any]):
    """Credentials."""

    username = serializers.CharField(max_length=254, help_text="The email.")
    password = serializers.CharField(
        max_length=MAX_PASSWORD_CHARACTERS, trim_whitespace=False, write_only=True
    )


class RefreshTokenSerializer(serializers.Serializer[Any]):
    """A refresh token."""

    refresh_token = serializers.CharField(max_length=4_096)


class TokenPairSerializer(serializers.Serializer[Any]):
    """An access token and the refresh token to exchange, once, for the next pair."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.CharField(help_text='Always "bearer".')
    expires_in = serializers.IntegerField(help_text="Seconds that the access token is valid.")


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    """An organization."""

    class Meta:
        model = Organization
        fields = ["id", "name"]


class UserSerializer(serializers.ModelSerializer[User]):
    """A person."""

    organization = OrganizationSerializer(read_only=True, allow_null=True)

    class Meta:
        model = User
        fields = ["id", "email", "name", "role", "is_active", "organization", "date_joined"]
        read_only_fields = fields


class PersonSerializer(serializers.ModelSerializer[User]):
    """A person by name, where no more is told."""

    class Meta:
        model = User
        fields = ["id", "email", "name"]
        read_only_fields = fields


class CreatedUserSerializer(UserSerializer):
    """A person just created."""

    generated_password = serializers.CharField(
        read_only=True, allow_null=True, help_text="Told once; null when a password was given."
    )

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "generated_password"]
        read_only_fields = fields


class _PasswordField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_length=MAX_PASSWORD_CHARACTERS,
            trim_whitespace=False,
            write_only=True,
            required=False,
            **kwargs,
        )


class UserCreateSerializer(serializers.ModelSerializer[User]):
    """A person to create."""

    password = _PasswordField(help_text="Without one, a password is generated and told once.")

    class Meta:
        model = User
        fields = ["email", "name", "role", "password"]
        # Whether the email is free is the service's to say, which knows it in lower case.
        extra_kwargs: ClassVar[dict[str, Any]] = {"email": {"validators": []}}


class UserUpdateSerializer(serializers.ModelSerializer[User]):
    """What an admin changes about a person; what is left out stays."""

    password = _PasswordField(help_text="A new password; tokens and sessions of the old one end.")

    class Meta:
        model = User
        fields = ["name", "role", "is_active", "password"]


class TeamSerializer(serializers.ModelSerializer[Team]):
    """A team to share documents with."""

    member_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Team
        fields = ["id", "name", "member_count", "created_at"]
        read_only_fields = ["id", "created_at"]


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """One act: who did what to what, from where and when."""

    actor = PersonSerializer(read_only=True, allow_null=True)
    details = serializers.DictField(read_only=True)

    class Meta:
        model = AuditEvent
        fields = [
            "id",
            "sequence",
            "action",
            "actor",
            "actor_id",
            "object_type",
            "object_id",
            "details",
            "address",
            "request_id",
            "created_at",
            "hash",
        ]
        read_only_fields = fields


class AuditFilterSerializer(serializers.Serializer[Any]):
    """Which events; what is left out is not asked for."""

    action = serializers.CharField(
        required=False, help_text="Such as `user.created`, or all of a kind: `user.`"
    )
    actor = serializers.CharField(required=False, max_length=254, help_text="Id or email.")
    object_type = serializers.CharField(required=False, help_text="Such as `document`.")
    object_id = serializers.CharField(required=False)
    start = serializers.DateField(required=False, help_text="The first day.")
    end = serializers.DateField(required=False, help_text="The last day, included.")


class AuditExportSerializer(AuditFilterSerializer):
    """Which events, and as what."""

    type = serializers.ChoiceField(choices=list(TYPES), default="jsonl")
