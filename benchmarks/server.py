"""The product's own web server, started for a benchmark on the installation that it seeded."""

import os
import socket
import subprocess
import sys
import time

import httpx
import psutil

from benchmarks import seeding


class Server:
    """The product's own web server on the seeded installation."""

    def __enter__(self) -> "Server":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [sys.executable, str(seeding.ROOT / "manage.py"), "serve"],
            env={**os.environ, "HOST": "127.0.0.1", "PORT": str(port), "RATE_LIMITS": "0"},
            cwd=seeding.ROOT,
        )
        self._usage = psutil.Process(self._process.pid)
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._is_ready():
                return self
            time.sleep(0.2)
        self.__exit__()
        raise TimeoutError("the server did not become ready")

    def _is_ready(self) -> bool:
        try:
            return bool(httpx.get(f"{self.url}/health/ready").status_code == httpx.codes.OK)
        except httpx.TransportError:
            return False

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def client(self, email: str) -> httpx.Client:
        client = httpx.Client(base_url=self.url, timeout=300)
        login = {"username": email, "password": seeding.PASSWORD}
        response = client.post("/api/auth/login", json=login)
        response.raise_for_status()
        client.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
        return client

    def cpu_s(self) -> float:
        times = self._usage.cpu_times()
        return float(times.user + times.system)

    def memory_mib(self) -> int:
        return int(self._usage.memory_info().rss / 1024**2)
