"""The chain of one organization's events: each holds the hash of the one before it.

The digest is frozen: stored events are verified by it for as long as they are kept.
"""

import hashlib
import ipaddress
import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import AuditChain, AuditEvent
from accounts.models.audit import PLATFORM

# What the digest covers: every field but the row's key, which only this database knows.
FIELDS = (
    *("organization_id", "sequence", "previous_hash", "actor_id", "action"),
    *("object_type", "object_id", "details", "address", "request_id", "created_at"),
)

# Of a process's transactions that write nothing but an event, one tries at a time: SQLite lets
# those that wait poll for its lock, of whom some come last for seconds.
_own_transactions = threading.Lock()


def append(organization_id: uuid.UUID | None, events: Sequence[AuditEvent]) -> None:
    """Give events of one chain their places at its end, and write them.

    The head's row is locked until the caller's transaction ends, so that of parallel writers each
    waits for the one before. On SQLite every writing transaction holds the lock of the database
    anyway.
    """
    is_alone = not transaction.get_connection().in_atomic_block
    with _own_transactions if is_alone else nullcontext(), transaction.atomic(savepoint=False):
        chain = locked(organization_id)
        is_sealed = has_seal(chain)
        for event in events:
            event.organization_id = organization_id
            event.details = plain(event.details)
            event.address = plain_address(event.address)
            chain.count += 1
            event.sequence, event.previous_hash = chain.count, chain.head
            chain.head = event.hash = digest(facts(event))
        # SECURITY: a head that somebody altered must not be sealed by the next honest event.
        chain.seal = seal(chain) if is_sealed else ""
        AuditEvent.objects.append(events)
        AuditChain.objects.filter(pk=chain.pk).update(
            count=chain.count, head=chain.head, seal=chain.seal
        )


def key_of(organization_id: uuid.UUID | None) -> uuid.UUID:
    """Return the key of a chain."""
    return organization_id or PLATFORM


def locked(organization_id: uuid.UUID | None) -> AuditChain:
    """Return the head of a chain, locked until the transaction ends; a new chain is begun."""
    key = key_of(organization_id)
    heads = AuditChain.objects.select_for_update()
    head = heads.filter(pk=key).first()
    if head is None:
        AuditChain.objects.get_or_create(pk=key, defaults={"seal": seal(AuditChain(key=key))})
        head = heads.get(pk=key)
    return head


def facts(event: AuditEvent) -> dict[str, Any]:
    """Return the fields of an event as JSON has them, the way an archive and an export do."""
    return {
        "organization_id": str(event.organization_id) if event.organization_id else None,
        "sequence": event.sequence,
        "previous_hash": event.previous_hash,
        "actor_id": str(event.actor_id) if event.actor_id else None,
        "action": event.action,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "details": event.details,
        "address": event.address,
        "request_id": event.request_id,
        "created_at": event.created_at.isoformat(timespec="microseconds"),
    }


def digest(fields: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of an event's facts, as hexadecimal digits."""
    covered = {name: fields[name] for name in FIELDS}
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def plain(value: Any) -> Any:
    """Return JSON-ready details as every database gives them back.

    PostgreSQL keeps numbers, not how they were written, and no NUL.
    """
    if isinstance(value, Mapping):
        return {str(name).replace("\x00", ""): plain(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [plain(held) for held in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return str(value).replace("\x00", "")
    return value


def plain_address(address: str | None) -> str | None:
    """Return an address as every database gives it back; None for what is none."""
    if not address:
        return None
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def seal(chain: AuditChain, secret: str | bytes | None = None) -> str:
    """Return the HMAC of a head: who can write the database alone cannot compute it."""
    text = f"{chain.key}:{chain.count}:{chain.head}"
    return salted_hmac(
        "accounts.audit", text, secret=secret or settings.SECRET_KEY, algorithm="sha256"
    ).hexdigest()


def has_seal(chain: AuditChain) -> bool:
    """Tell whether the head was sealed with the secret key, or one of its predecessors."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(constant_time_compare(chain.seal, seal(chain, secret)) for secret in secrets)
