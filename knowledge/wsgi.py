"""The WSGI application, for tools that ask for one; streamed answers need `knowledge.asgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "knowledge.settings.dev")

application = get_wsgi_application()
