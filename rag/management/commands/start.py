"""`manage.py start`: the whole product on one machine, which is what `make run` runs."""

import errno
import socket
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from knowledge.lib.processes import run_together

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  compared with, not bound to  # nosec B104


class Command(BaseCommand):
    help = "Prepares the installation, then runs the web server and the worker until Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        require_free_port(settings.HOST, settings.PORT)
        call_command("bootstrap", stdout=self.stdout)
        connections.close_all()
        self._greet()
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        code = run_together(
            {"web server": [*manage, "serve"], "worker": [*manage, "qcluster"]},
            report=self.stderr.write,
        )
        if code:
            sys.exit(code)

    def _greet(self) -> None:
        lines = ["", "Open " + "\n  or ".join(addresses(settings.HOST, settings.PORT))]
        if settings.SAMPLE:
            lines += [
                "",
                "Ask the sample handbook, for example:",
                "  How much may a hotel in Paris cost?",
                "  How many days may I work from another country?",
                "  How soon do I have to report a lost laptop?",
            ]
        lines += ["", f"Data: {settings.DATA_DIR}", "Ctrl-C stops it.", ""]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def require_free_port(host: str, port: int) -> None:
    """Say in one sentence why the server could not listen there, before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server does: a port whose last owner has just ended is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CommandError(
                    f"Port {port} is in use. Stop what uses it, or choose another one: "
                    f"PORT={port + 1} make run"
                ) from error
            raise CommandError(
                f"HOST={host} PORT={port} cannot be listened on: {error.strerror}."
            ) from error


def addresses(host: str, port: int) -> list[str]:
    """Return the URLs to open: of this machine, and of the LAN where the server is open to it."""
    if host not in _EVERYWHERE:
        return [f"http://{f'[{host}]' if ':' in host else host}:{port}/"]
    urls = [f"http://localhost:{port}/"]
    address = _lan_address()
    if address:
        urls.append(f"http://{address}:{port}/ from another machine of this network")
    return urls


def _lan_address() -> str:
    """Return the address that this machine has in its network; empty without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Chooses a route and sends nothing: the address is one set aside for documentation.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        address = str(probe.getsockname()[0])
    return "" if address.startswith("127.") else address
