"""The request as these views get it."""

from accounts.models import User
from knowledge.lib.htmx import HtmxHttpRequest


class PageRequest(HtmxHttpRequest):
    """After LoginRequiredMiddleware: the user is a person."""

    user: User
