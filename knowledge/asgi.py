"""The ASGI application; WSGI would buffer a streamed answer."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "knowledge.settings.dev")

application = get_asgi_application()
