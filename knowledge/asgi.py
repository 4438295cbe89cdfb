"""The ASGI application; WSGI would buffer a streamed answer."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from knowledge.lib.body_limit import BodyLimit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "knowledge.settings.dev")

application = BodyLimit(get_asgi_application(), max_bytes=settings.MAX_REQUEST_BYTES)

if settings.WARM_UP:
    from rag.warming import warm_up_in_background

    warm_up_in_background()
