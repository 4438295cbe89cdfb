"""JSON of usage and budgets."""

from django.conf import settings
from rest_framework import serializers

from rag.models import Budget, UsageRecord
from rag.prices import from_billionths
from rag.services.usage_report import DEFAULT_GROUPS, GROUPINGS
from rag.standing import Standing


class UsageFilterSerializer(serializers.Serializer[None]):
    """Which calls to add up, and how."""

    start = serializers.DateField(required=False, help_text="First day, included.")
    end = serializers.DateField(required=False, help_text="Last day, included.")
    user = serializers.EmailField(required=False, help_text="Of one person.")
    model = serializers.CharField(required=False)
    feature = serializers.ChoiceField(required=False, choices=UsageRecord.Feature.choices)
    group_by = serializers.CharField(
        required=False,
        default=",".join(DEFAULT_GROUPS),
        help_text=f"One or more of {', '.join(GROUPINGS)}, with commas between them. Columns that"
        " are not grouped by are left out.",
    )

    def validate_group_by(self, value: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",")))
        if any(name not in GROUPINGS for name in names):
            raise serializers.ValidationError(
                f"Group by one or more of {', '.join(GROUPINGS)}, with commas between them."
            )
        return names


class UsageSerializer(serializers.Serializer[None]):
    """Calls of one group, added up: by default of one person, model and day."""

    day = serializers.DateField(required=False)
    user_id = serializers.UUIDField(required=False, allow_null=True)
    user = serializers.CharField(
        source="user__email",
        required=False,
        allow_null=True,
        help_text="Email; null when the person has gone.",
    )
    model = serializers.CharField(required=False)
    feature = serializers.CharField(required=False)
    outcome = serializers.CharField(required=False)
    calls = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField(source="total_prompt_tokens")
    completion_tokens = serializers.IntegerField(source="total_completion_tokens")
    embedding_tokens = serializers.IntegerField(source="total_embedding_tokens")
    cost = serializers.FloatField(source="total_cost")


class StandingSerializer(serializers.Serializer[Standing]):
    """How a budget of the caller stands; amounts of the organization are told its admins alone."""

    applies_to = serializers.ChoiceField(
        source="budget.applies_to", choices=Budget.AppliesTo.choices
    )
    period = serializers.ChoiceField(source="budget.period", choices=Budget.Period.choices)
    unit = serializers.SerializerMethodField(help_text="`tokens`, or the currency.")
    used = serializers.SerializerMethodField()
    reserved = serializers.SerializerMethodField(help_text="Held by calls under way.")
    limit = serializers.SerializerMethodField(help_text="Null: it only warns.")
    left = serializers.SerializerMethodField()
    percent = serializers.IntegerField(help_text="Used of the limit, rounded down.")
    is_warning = serializers.BooleanField()
    resets_at = serializers.DateTimeField()

    def get_unit(self, standing: Standing) -> str:
        return settings.CURRENCY if standing.is_money else "tokens"

    def get_used(self, standing: Standing) -> float | None:
        return self._amount(standing, standing.used)

    def get_reserved(self, standing: Standing) -> float | None:
        return self._amount(standing, standing.reserved)

    def get_limit(self, standing: Standing) -> float | None:
        return self._amount(standing, standing.limit)

    def get_left(self, standing: Standing) -> float | None:
        return self._amount(standing, standing.left)

    def _amount(self, standing: Standing, amount: int | None) -> float | None:
        is_secret = standing.is_of_organization and not self.context["user"].is_organization_admin
        if amount is None or is_secret:
            return None
        return float(from_billionths(amount)) if standing.is_money else amount
