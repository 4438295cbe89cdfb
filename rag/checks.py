"""System checks of the search settings, and whether the models in use can be used."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from knowledge.lib import health
from rag.embedding.registry import EmbedderUnavailable, require_available
from rag.models import OrganizationIndex


@register()
def check_embedding_model(**kwargs: Any) -> list[CheckMessage]:
    """New organizations start with this model, so that it has to be there."""
    try:
        require_available(settings.EMBEDDING_MODEL)
    except EmbedderUnavailable as error:
        return [Error(error.message, id="rag.E001")]
    return []


@register()
def check_evaluation_set(**kwargs: Any) -> list[CheckMessage]:
    """Somebody who configured one wants no change of the model without it."""
    path = settings.REEMBED_EVALUATION_SET
    if not path or Path(path).is_file():
        return []
    return [Error(f"REEMBED_EVALUATION_SET: there is no file {path}.", id="rag.E002")]


def check_models_in_use() -> None:
    """Refuse to be ready while the model of an organization cannot be used: it could not search."""
    for name in OrganizationIndex.objects.order_by().values_list("model", flat=True).distinct():
        require_available(name)


health.register("embedding", check_models_in_use)
