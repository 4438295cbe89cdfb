"""Fifty processes at once, half of which die: no budget is overspent, and no call is forgotten."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from rag import budgets
from rag.models import Budget, DailyUsage, Reservation, UsageRecord

ROOT = Path(__file__).resolve().parents[2]
LIMIT, EACH = 1_000, 100


def fifty_processes(**order: object) -> list[int]:
    """Return how each ended: 0 settled, 1 refused, -9 killed."""
    order["database"] = str(connection.settings_dict["NAME"])
    done = subprocess.run(
        [sys.executable, "-m", "rag.tests.fifty_processes"],
        cwd=ROOT,
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    ended: list[int] = json.loads(done.stdout)
    assert set(ended) <= {0, 1, -signal.SIGKILL}, done.stderr
    return ended


@pytest.mark.django_db(transaction=True)
def test_fifty_processes_at_once_cannot_overspend_whichever_of_them_die(owner, organization):
    Budget.objects.create(
        organization=organization, applies_to="organization", period="day", limit_tokens=LIMIT
    )
    ended = fifty_processes(user=str(owner.pk), tokens=EACH)
    settled, killed = ended.count(0), ended.count(-signal.SIGKILL)
    assert settled + killed == LIMIT // EACH
    assert ended.count(1) == 50 - LIMIT // EACH
    assert standing(owner) == (settled * EACH, killed * EACH)
    # Time goes by. A call that died counts until it is in the ledger, also while nobody sweeps.
    now = timezone.now()
    Reservation.objects.update(expires_at=now, created_at=now - settings.TURN_ABANDONED_AFTER)
    assert standing(owner) == (settled * EACH, killed * EACH)
    assert budgets.settle_expired() == killed
    assert budgets.settle_expired() == 0
    in_ledger = sum(UsageRecord.objects.values_list("prompt_tokens", flat=True))
    assert in_ledger == settled * EACH + killed * (EACH // 2)
    assert standing(owner) == (in_ledger, 0)
    assert {total.tokens for total in DailyUsage.objects.all()} == {in_ledger}


def standing(user) -> tuple[int, int]:
    [found] = budgets.standings(user=user)
    return found.used, found.reserved
