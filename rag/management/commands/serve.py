"""`manage.py serve`: the web server, with the settings that streamed answers need."""

from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Runs the web server on HOST:PORT."

    def handle(self, *args: Any, **options: Any) -> None:
        uvicorn.run(
            "knowledge.asgi:application",
            host=settings.HOST,
            port=settings.PORT,
            # SECURITY: whoever is listed here may say which address a request came from.
            proxy_headers=True,
            forwarded_allow_ips=settings.TRUSTED_PROXIES,
            log_config=None,  # Django's JSON lines
            access_log=False,  # the request-id middleware logs each request, with its user
            lifespan="off",
            ws="none",
            server_header=False,
            # An open stream would else keep the server alive for as long as its browser stays.
            timeout_graceful_shutdown=3,
        )
