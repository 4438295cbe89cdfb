"""The ASGI application; WSGI would buffer a streamed answer."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from knowledge.lib.admission import Admission
from knowledge.lib.body_limit import BodyLimit
from knowledge.lib.overload import Gate, Limits

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "knowledge.settings.dev")


def _limits() -> Limits:
    return Limits(settings.REQUEST_PLACES, settings.REQUEST_QUEUE, settings.REQUEST_WAIT_S)


application = Admission(
    BodyLimit(get_asgi_application(), max_bytes=settings.MAX_REQUEST_BYTES),
    gate=Gate("requests", _limits),
)

if settings.WARM_UP:
    from rag.warming import warm_up_in_background

    warm_up_in_background()
