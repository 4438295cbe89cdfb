"""Notes in the audit trail of the platform which settings a start finds changed."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.models import AuditEvent

ACTION = "settings.changed"
# What decides who gets in, what is answered and by whom. SECURITY: no secret is among them.
NAMES = (
    *("ALLOWED_HOSTS", "TRUSTED_PROXIES", "DEBUG", "HOST", "PORT", "LOG_LEVEL"),
    *("SESSION_COOKIE_AGE", "MAX_UPLOAD_BYTES", "MAX_QUERY_CHARACTERS", "MAX_PAGES"),
    *("EMBEDDING_MODEL", "VECTOR_INDEX", "LEXICAL_INDEX", "RETRIEVAL_TOP_K"),
    *("CHUNK_SIZE", "CHUNK_OVERLAP", "LLM_PROVIDER", "LLM_MODEL", "LLM_TEMPERATURE"),
    *("LLM_MAX_TOKENS", "ANSWER_PROMPT", "CONDENSE_PROMPT"),
)


@transaction.atomic
def note_settings() -> AuditEvent | None:
    """Record what differs from the start before; nothing where all is alike."""
    now = _present()
    last = AuditEvent.objects.of_chain(None).filter(action=ACTION).last()
    before = last.details.get("settings", {}) if last is not None else {}
    changed = sorted(name for name in now | before if now.get(name) != before.get(name))
    if not changed:
        return None
    return audit.record(
        action=ACTION,
        changed={name: [before.get(name), now.get(name)] for name in changed} if before else {},
        settings=now,
    )


def _present() -> dict[str, Any]:
    present = {name: getattr(settings, name) for name in NAMES}
    tokens: dict[str, Any] = settings.SIMPLE_JWT
    return present | {
        "ACCESS_TOKEN_MINUTES": int(tokens["ACCESS_TOKEN_LIFETIME"].total_seconds() // 60),
        "REFRESH_TOKEN_DAYS": tokens["REFRESH_TOKEN_LIFETIME"].days,
        # An address may hold a password.
        "LLM_HOST": urlsplit(settings.LLM_BASE_URL).hostname or "",
        "LLM_KEY_IS_SET": bool(settings.OPENAI_API_KEY),
    }
