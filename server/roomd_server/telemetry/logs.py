"""How the server's log is written: as text or JSON, never a word of what people say.

Lines are made where they happen and written by a thread: a pipe that nobody reads must not stop
the event loop. When too many wait, the newest are dropped and counted.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import sys
import traceback
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue
from typing import Any, TextIO

from google.protobuf.message import Message

from roomd_server.core.errors import RoomdError
from roomd_server.telemetry.redaction import redacted

MAX_LINES = 10_000
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_TELLING = (OSError, sqlite3.Error)
"""Errors whose words are the system's own. Others may say what people wrote."""


class Redacting(logging.Filter):
    """Lets every record through, its messages of the protocol without what is about people."""

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter``."""
        if isinstance(record.msg, Message):
            record.msg = redacted(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(_safe(one) for one in record.args)
        return True


def _safe(value: object) -> object:
    if isinstance(value, Message):
        return redacted(value)
    if isinstance(value, BaseException):
        return described(value)
    return value


def described(error: BaseException) -> str:
    """An error without words that may be somebody's."""
    name = type(error).__name__
    if isinstance(error, RoomdError):
        return f"{name}: {error.reason_name}"
    return f"{name}: {error}" if isinstance(error, _TELLING) else name


class TextLines(logging.Formatter):
    """Lines for people."""

    def __init__(self) -> None:
        super().__init__(TEXT)

    def formatException(self, ei: Any) -> str:  # noqa: N802 logging's name
        """A traceback whose errors are only ``described``; those that caused it come first."""
        chain: list[BaseException] = []
        error: BaseException | None = ei[1]
        while error is not None and error not in chain:
            chain.append(error)
            hidden = error.__suppress_context__
            error = error.__cause__ or (None if hidden else error.__context__)
        parts = [
            "".join(traceback.format_tb(one.__traceback__)) + described(one)
            for one in reversed(chain)
        ]
        return "\n--- then\n".join(parts)


class JsonLines(TextLines):
    """Lines for machines: one JSON document each, with the record's extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        line: dict[str, object] = {
            "time": round(record.created, 6),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=lambda value: type(value).__name__)


class _Handler(QueueHandler):
    """Hands lines to the thread that writes them."""

    def __init__(self, queue: Queue[logging.LogRecord], lines: logging.Formatter) -> None:
        super().__init__(queue)
        self.dropped = 0
        self.setFormatter(lines)
        self.addFilter(Redacting())

    def enqueue(self, record: logging.LogRecord) -> None:
        """Hand one over; drop it when too many wait."""
        try:
            self.queue.put_nowait(record)
        except Full:
            self.dropped += 1


class Logs:
    """The log of a process, from ``start`` to ``close``.

    Args:
        level: debug, info, warning or error.
        style: text or json.
        stream: Where to; None: the process's standard error.
    """

    def __init__(self, level: str, style: str, stream: TextIO | None = None) -> None:
        self._level = level.upper()
        lines: Queue[logging.LogRecord] = Queue(MAX_LINES)
        self._handler = _Handler(lines, JsonLines() if style == "json" else TextLines())
        writer = logging.StreamHandler(stream or sys.stderr)
        writer.setFormatter(logging.Formatter("%(message)s"))
        self._listener = QueueListener(lines, writer)

    def start(self) -> None:
        """Take what all loggers say, and the event loop's own complaints."""
        root = logging.getLogger()
        root.addHandler(self._handler)
        root.setLevel(self._level)
        self._listener.start()
        asyncio.get_running_loop().set_exception_handler(_complain)

    def close(self) -> None:
        """Write what waits, and take no more."""
        logging.getLogger().removeHandler(self._handler)
        self._listener.stop()
        if self._handler.dropped:
            sys.stderr.write(f"{self._handler.dropped} lines of the log were dropped\n")


def _complain(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # asyncio's own handler writes the representation of the task, errors and all.
    error = context.get("exception")
    logging.getLogger("roomd.loop").error(
        "%s", context.get("message", "a fault in a callback"), exc_info=error
    )
