"""The invocation that the running task answers."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from roomd._tracing import current_trace


@dataclass(frozen=True)
class Invocation:
    """A piece of work that the service gave to a hook, a channel, a router or a tool here."""

    id: str
    """The same over all attempts: what a handler does outside can use it as its key."""
    handler: str
    attempt: int
    """From 1; a later one means that the worker before died over it."""
    room_id: str = ""
    trace_context: Mapping[str, str] = field(default_factory=dict)
    """W3C trace context: ``traceparent`` and ``tracestate``, when the service traces it."""


running: ContextVar[Invocation | None] = ContextVar("roomd_invocation", default=None)

TRACE_KEYS = frozenset(("traceparent", "tracestate"))


def current_invocation() -> Invocation | None:
    """The invocation that this task answers; None outside of handlers."""
    return running.get()


def call_metadata() -> tuple[tuple[str, str], ...]:
    """What calls carry: the trace they belong to, and while answering the invocation, so that a
    call which would wait for itself is refused instead of hanging.
    """
    trace = current_trace()
    invocation = running.get()
    if invocation is None:
        return tuple(trace.items())
    carried = trace or {
        key: value for key, value in invocation.trace_context.items() if key in TRACE_KEYS
    }
    return (("roomd-invocation", invocation.id), *carried.items())
