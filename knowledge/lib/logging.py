"""JSON log lines that carry request id, user and role, and never document text or questions."""

import datetime
import json
import logging
from typing import Any

from knowledge.lib import context

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {
    *("message", "asctime", "taskName"),
    "color_message",  # uvicorn's second copy of the message, for terminals
}
_FROM_CONTEXT = ("request_id", "user_id", "role")


class ContextFilter(logging.Filter):
    """Adds request_id, user_id and role to each record that has none of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        current = context.current()
        for name in _FROM_CONTEXT:
            if not hasattr(record, name):
                setattr(record, name, getattr(current, name))
        return True


class UnforeseenFilter(logging.Filter):
    """Drops Django's error line for what was refused on purpose, which has a line of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", 500)
        return bool(status == 500)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; whatever stands in `extra` becomes a field."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.datetime.fromtimestamp(record.created, tz=datetime.UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update((k, v) for k, v in vars(record).items() if k not in _STANDARD)
        line.pop("request", None)  # Django attaches the whole request to its error records
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)
