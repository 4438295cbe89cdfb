"""Fifty processes that reserve, settle and die at once: forked from one that opened no database.

Run as a module of its own, so that nothing of a test's process (threads, models, connections) is
inherited. Reads what to do from standard input and writes what became of it.
"""

import json
import os
import signal
import sys
import uuid

PROCESSES = 50


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "knowledge.settings.test"
    import django
    from django.conf import settings

    order = json.load(sys.stdin)
    settings.DATABASES["default"]["NAME"] = order["database"]
    django.setup()
    starting, start = os.pipe()
    children = [_forked(number, order, starting, start) for number in range(PROCESSES)]
    os.close(start)  # all of them go now
    ends = [os.waitpid(child, 0)[1] for child in children]
    results = [os.waitstatus_to_exitcode(end) for end in ends]
    sys.stdout.write(json.dumps(results))


def _forked(number: int, order: dict[str, str], starting: int, start: int) -> int:
    child = os.fork()
    if child:
        return child
    os.close(start)
    os.read(starting, 1)  # returns when its other end is closed everywhere
    code = 70
    try:
        code = _reserve(number, order)
    finally:
        os._exit(code)


def _reserve(number: int, order: dict[str, str]) -> int:
    """Return 0 for a call that was let in and settled, 1 for a refused one; or die of SIGKILL."""
    from decimal import Decimal

    from django.db import transaction

    from accounts.models import User
    from rag import budgets, ledger

    user = User.objects.get(pk=order["user"])
    key, most = uuid.uuid4(), int(order["tokens"])
    estimate = budgets.Estimate("chat", "m", prompt_tokens=most // 2, completion_tokens=0)
    try:
        budgets.reserve(key=key, user=user, tokens=most, cost=Decimal(0), estimate=estimate)
    except budgets.BudgetExceeded:
        return 1
    if number % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    with transaction.atomic():
        budgets.release([key])
        entry = ledger.Entry(
            organization_id=user.organization_id,
            user_id=user.pk,
            feature="chat",
            model="m",
            prompt_tokens=most,
        )
        ledger.write([entry])
    return 0


if __name__ == "__main__":
    main()
