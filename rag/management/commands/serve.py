"""`manage.py serve`: the web server, with the settings that streamed answers need."""

from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand

_KEEP_ALIVE_S = 15  # idle; longer than a page takes to ask for its parts


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
            limit_concurrency=settings.MAX_CONNECTIONS,
            # Connections that the system holds before they are accepted; the kernel may hold fewer.
            backlog=settings.MAX_CONNECTIONS,
            timeout_keep_alive=_KEEP_ALIVE_S,
            # An open stream would else keep the server alive for as long as its browser stays.
            timeout_graceful_shutdown=3,
        )
