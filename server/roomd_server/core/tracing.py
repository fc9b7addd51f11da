"""Spans of what the engine does, when somebody traces; what they are made of comes from outside.

A span is current while what it stands for is awaited; what goes on after a commit finds its
span in the message's ``Cascade``. Nobody traces: there is no current span, and nothing is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import Protocol

from roomd_server.core.ports import Clock
from roomd_server.core.tallies import Histogram

Value = str | int | float | bool


class Span(Protocol):
    """A piece of work in a trace."""

    def start(self, name: str, about: Mapping[str, Value] | None = None) -> Span:
        """Begin a piece of it. Never give it content, names, addresses or metadata."""

    def end(self, about: Mapping[str, Value] | None = None, *, failed: bool = False) -> None:
        """It is over; repeating that does nothing."""

    def carrier(self) -> Mapping[str, str]:
        """Its W3C trace context, for who works on it elsewhere."""


class Tracer(Protocol):
    """Where traces begin."""

    def begin(
        self, name: str, carrier: Mapping[str, str], about: Mapping[str, Value] | None = None
    ) -> Span:
        """Begin a span: of the trace whose context ``carrier`` holds, else of a new one."""


CURRENT: ContextVar[Span | None] = ContextVar("roomd_span", default=None)
"""The span of what this task does."""


class Within:
    """Makes a span the current one for the length of a ``with``; None: there is none."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span | None) -> None:
        self._span = span
        self._token: Token[Span | None] | None = None

    def __enter__(self) -> None:
        if self._span is not CURRENT.get():
            self._token = CURRENT.set(self._span)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            CURRENT.reset(self._token)


class Stage:
    """One stage of a message: always measured, and a span when it is traced. Begins when it is
    made; in a ``with`` its span is the current one.
    """

    __slots__ = ("_began", "_clock", "_histogram", "_span", "_token")

    def __init__(self, name: str, histogram: Histogram, clock: Clock) -> None:
        self._histogram: Histogram | None = histogram
        self._clock = clock
        parent = CURRENT.get()
        self._span = None if parent is None else parent.start(name)
        self._token: Token[Span | None] | None = None
        self._began = clock.monotonic()

    def end(self) -> None:
        """It is over; repeating that does nothing."""
        if self._histogram is None:
            return
        self._histogram.observe(self._clock.monotonic() - self._began)
        self._histogram = None
        if self._span is not None:
            self._span.end()

    def __enter__(self) -> None:
        if self._span is not None:
            self._token = CURRENT.set(self._span)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            CURRENT.reset(self._token)
        self.end()
