"""The ledger against a real model server: what it counted itself for the very same calls.

Answers are asked for whole, streamed, and stopped by the client. Between the product and the server
stands a relay that keeps what the server reports at the end of each call. A stopped call ends
without a report: the server is asked afterwards, by its `/tokenize`, how many tokens prompt and
text that it had sent were, and the ledger's estimate stands beside that.
"""

import argparse
import json
import os
import sys
import threading
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import machine, results, seeding

TOPICS = ("leave", "travel")


class Relay:
    """Passes calls on to the model server, and keeps what went through.

    Attributes:
        calls: each with `request`, `text` and `usage`, None where the server did not report.
    """

    def __init__(self, upstream: str) -> None:
        self.calls: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with urllib.request.urlopen(upstream + self.path) as answer:
                    body = answer.read()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                call = {"request": json.loads(body), "text": "", "usage": None}
                outer.calls.append(call)
                asked = urllib.request.Request(
                    upstream + self.path, body, {"Content-Type": "application/json"}
                )
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                with urllib.request.urlopen(asked) as answer, suppress(OSError):
                    for line in answer:
                        self.wfile.write(line)
                        self.wfile.flush()
                        _keep(call, line)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def main() -> None:
    """Chat, compare, and write the figures; exit 1 where a reported call differs by a token."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="http://127.0.0.1:18080", help="of the model")
    parser.add_argument("--chats", type=int, default=24)
    options = parser.parse_args()
    relay = Relay(options.server)
    os.environ.update(
        LLM_PROVIDER="openai",
        LLM_BASE_URL=relay.url,
        LLM_MODEL="local",
        LLM_MAX_TOKENS="24",
        RATE_LIMITS="0",
        WARM_UP="false",
        HF_HUB_OFFLINE="1",
    )
    seeding.start_installation()
    figures = _compared(relay, options)
    for name, value in figures.items():
        print(f"{name:<32}{value!s:>12}")
    results.write("ledger", {"machine": machine.describe(), **figures})
    sys.exit(0 if figures["differences_in_tokens"] == 0 else 1)


def _compared(relay: Relay, options: argparse.Namespace) -> dict[str, Any]:
    user = seeding.first_person()
    _publish(user)
    kinds = ("answered", "streamed", "stopped")
    told: dict[str, list[tuple[int, int]]] = {kind: [] for kind in kinds}
    difference = 0
    for number in range(options.chats):
        kind = kinds[number % 3]
        before = len(relay.calls)
        question = f"What does rule {number % 3} of {TOPICS[number % len(TOPICS)]} say?"
        rows = _chat(user, question, kind)
        for row, call in zip(rows, relay.calls[before:], strict=True):
            counted = _counted(options.server, call)
            booked = (row.prompt_tokens, row.completion_tokens)
            told[kind].append((sum(booked), sum(counted)))
            if call["usage"] is not None:
                difference += sum(abs(a - b) for a, b in zip(booked, counted, strict=True))
    figures: dict[str, Any] = {"chats": options.chats, "calls": sum(map(len, told.values()))}
    for kind, pairs in told.items():
        ours, theirs = (sum(side) for side in zip(*pairs, strict=True)) if pairs else (0, 0)
        figures |= {f"{kind}_in_the_ledger": ours, f"{kind}_by_the_server": theirs}
    return figures | {"differences_in_tokens": difference, **_totals(user, told)}


def _totals(user: Any, told: dict[str, list[tuple[int, int]]]) -> dict[str, Any]:
    """Hold that page and budgets add up to the ledger's rows."""
    from rag.models import DailyUsage
    from rag.services.usage_report import Filters, totals

    booked = sum(ours for pairs in told.values() for ours, _ in pairs)
    shown = totals(user=user, filters=Filters()).tokens
    daily = sum(DailyUsage.objects.filter(holder=user.pk).values_list("tokens", flat=True))
    return {"on_the_usage_page": shown, "in_the_daily_totals": daily, "in_all_rows": booked}


def _publish(user: Any) -> None:
    import io

    from documents.services import upload_document
    from rag.ingestion import ingest_waiting

    for topic in TOPICS:
        text = " ".join(f"Rule {n} of {topic} says that {topic} take {n} days." for n in range(3))
        upload_document(owner=user, file=io.BytesIO(text.encode()), filename=f"{topic}.txt")
    ingest_waiting()


def _chat(user: Any, question: str, kind: str) -> list[Any]:
    """Ask as the pages and the API do; return the ledger's new rows of the language model."""
    import asyncio
    from contextlib import aclosing

    from rag.models import UsageRecord
    from rag.services.turns import run_turn, start_turn, stream_turn

    newest = UsageRecord.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    message = start_turn(user=user, query=question)

    async def stream(pieces: int | None) -> None:
        async with aclosing(stream_turn(user=user, message_id=message.pk)) as events:
            seen = 0
            async for _ in events:
                seen += 1
                if pieces is not None and seen > pieces:
                    return

    if kind == "answered":
        run_turn(user=user, message_id=message.pk)
    else:
        asyncio.run(stream(None if kind == "streamed" else 8))
    return list(UsageRecord.objects.of_language_models().filter(pk__gt=newest).order_by("pk"))


def _keep(call: dict[str, Any], line: bytes) -> None:
    if not line.startswith(b"data: {"):
        return
    event = json.loads(line[6:])
    call["usage"] = event.get("usage") or call["usage"]
    for choice in event.get("choices", []):
        call["text"] += choice.get("delta", {}).get("content") or ""


def _counted(server: str, call: dict[str, Any]) -> tuple[int, int]:
    """Return prompt and completion tokens as the server has or would have them."""
    if call["usage"] is not None:
        return call["usage"]["prompt_tokens"], call["usage"]["completion_tokens"]
    prompt = _asked(server, "/apply-template", {"messages": call["request"]["messages"]})["prompt"]
    parts = (prompt, call["text"])
    tokens = [len(_asked(server, "/tokenize", {"content": part})["tokens"]) for part in parts]
    return tokens[0], tokens[1]


def _asked(server: str, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        server + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
