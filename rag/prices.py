"""What a model call costs: the price in force when it was begun."""

import datetime
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from django.conf import settings

from rag.models import ModelPrice

BILLION = 1_000_000_000
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Price:
    """Prices of a million tokens, in the currency of the installation."""

    prompt: Decimal = Decimal(0)
    completion: Decimal = Decimal(0)
    embedding: Decimal = Decimal(0)

    def cost(self, *, prompt: int = 0, completion: int = 0, embedding: int = 0) -> Decimal:
        """Return what so many tokens cost, in whole billionths, rounded up."""
        exact = prompt * self.prompt + completion * self.completion + embedding * self.embedding
        return (exact / _MILLION).quantize(Decimal(1) / BILLION, rounding=ROUND_CEILING)


class PriceTable:
    """The prices, read once for several calls.

    Of the patterns that fit a model the one with the most letters counts, and of its prices the
    last that had come into force. A model that no pattern fits costs what the settings say.
    """

    def __init__(self) -> None:
        self._prices = list(ModelPrice.objects.order_by("-valid_from"))

    def price_of(self, model: str, moment: datetime.datetime) -> Price:
        """Return the price of a model's tokens at a moment."""
        fitting = [p for p in self._prices if p.valid_from <= moment and p.fits(model)]
        if not fitting:
            return Price(settings.LLM_PROMPT_PRICE, settings.LLM_COMPLETION_PRICE)
        best = max(fitting, key=lambda price: len(price.pattern.replace("*", "")))
        return Price(best.prompt_price, best.completion_price, best.embedding_price)


def billionths(amount: Decimal) -> int:
    """Return an amount of money as a whole number that every database adds up exactly."""
    return int(amount.scaleb(9).to_integral_value(rounding=ROUND_CEILING))


def from_billionths(amount: int) -> Decimal:
    """Return the amount of money again."""
    return Decimal(amount).scaleb(-9)
