"""A scripted model server on loopback that speaks OpenAI's protocol, for tests of the adapter."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def text_event(text: str) -> dict[str, Any]:
    return _chunk(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}])


END = {
    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
}
USAGE = {
    "choices": [],
    "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
}


def _chunk(**fields: Any) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **fields}


@dataclass
class Script:
    """What one request is answered.

    Attributes:
        events: sent as they are when they are text, else as a chunk's JSON.
        cut: whether the connection is closed in the middle of the stream.
        waits: whether the server waits, after the events, until the client hangs up.
        silent: whether it does so without even a status line.
    """

    events: Sequence[dict[str, Any] | str] = ()
    status: int = 200
    error: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    waits: bool = False
    silent: bool = False


def answering(*texts: str, tokens: tuple[int, int] = (11, 5)) -> Script:
    prompt, completion = tokens
    counted = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    usage = {"choices": [], "usage": counted}
    return Script([*(text_event(text) for text in texts), END, usage, "[DONE]"])


def failing(status: int, code: str = "", **extra: Any) -> Script:
    return Script(status=status, error={"message": "SECRET detail", "code": code, **extra})


class ModelServer:
    """Answers the scripts one after the other, and keeps what it was asked."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.asked: list[str] = []
        self.hung_up = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked.append(self.path)
                body = json.dumps({"object": "list", "data": [{"id": "local"}]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append({"path": self.path, **json.loads(body)})
                outer.keys.append(self.headers.get("Authorization", ""))
                script = outer.scripts.pop(0)
                if script.silent:
                    self.rfile.read(1)
                    self.close_connection = True
                elif script.status == 200:
                    self._stream(script)
                else:
                    self._refuse(script)

            def _refuse(self, script: Script) -> None:
                body = json.dumps({"error": script.error}).encode()
                self.send_response(script.status)
                for name, value in script.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _stream(self, script: Script) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for event in script.events:
                    data = event if isinstance(event, str) else json.dumps(_chunk(**event))
                    payload = f"data: {data}\n\n".encode()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(payload), payload))
                    self.wfile.flush()
                if script.waits and self.rfile.read(1) == b"":
                    outer.hung_up.set()
                self.close_connection = True
                if not (script.cut or script.waits):
                    self.wfile.write(b"0\r\n\r\n")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> "ModelServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
