"""A span per call, of the caller's trace when its metadata names one (W3C ``traceparent``).
A server that does not trace passes what the caller sent on to the workers.

Streams have none: they live for hours. A message of a live connection has one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping

from roomd import v1 as pb
from roomd_server.api.methods import Method
from roomd_server.core.ports import Caller
from roomd_server.core.tracing import CURRENT, Span, Tracer, Value, Within

OK = "OK"
SEND = "roomd.v1.ChannelService/Connect send"
TRACEPARENT, TRACESTATE = "traceparent", "tracestate"

_TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE_CHARS = 512
"""What W3C asks to pass on at least; a longer one is left out."""

Inbound = Callable[
    [Caller, pb.ProcessInboundRequest, str, Callable[[], None]],
    Awaitable[pb.ProcessInboundResponse],
]
"""Takes a message of a live connection."""


def begin_call(
    tracer: Tracer | None, method: Method, metadata: Mapping[str, str], request_id: str
) -> Span | None:
    """Begin the span of a call and make it the current one of the call's task.

    Args:
        tracer: None: nobody traces, the caller's trace is passed on.
        method: What is called.
        metadata: What the caller sent.
        request_id: Of the call.
    """
    if tracer is None:
        passed = _passed_on(metadata)
        CURRENT.set(passed)
        return passed
    about = {"service": method.service, "method": method.name, "request_id": request_id}
    span = tracer.begin(method.path.removeprefix("/"), metadata, about)
    CURRENT.set(span)
    return span


class PassedOn:
    """A caller's trace where nobody traces: of all that is done the caller's span stays the
    parent (``core.tracing.Span``).
    """

    __slots__ = ("_carrier",)

    def __init__(self, carrier: Mapping[str, str]) -> None:
        self._carrier = carrier

    def start(self, _name: str, _about: Mapping[str, Value] | None = None) -> PassedOn:
        """See ``Span.start``."""
        return self

    def end(self, _about: Mapping[str, Value] | None = None, *, failed: bool = False) -> None:
        """See ``Span.end``."""

    def carrier(self) -> Mapping[str, str]:
        """See ``Span.carrier``."""
        return self._carrier


def _passed_on(metadata: Mapping[str, str]) -> PassedOn | None:
    """The trace of a caller, if what it sent is one."""
    traceparent = metadata.get(TRACEPARENT, "")
    if not _TRACEPARENT.fullmatch(traceparent):
        return None
    carrier = {TRACEPARENT: traceparent}
    state = metadata.get(TRACESTATE, "")
    if 0 < len(state) <= _TRACESTATE_CHARS:
        carrier[TRACESTATE] = state
    return PassedOn(carrier)


def end_call(span: Span, code: str, reason: str = "") -> None:
    """A call has ended."""
    span.end({"code": code, "reason": reason}, failed=code != OK)


def traced(inbound: Inbound, tracer: Tracer | None) -> Inbound:
    """Give every message of a live connection a trace of its own."""
    if tracer is None:
        return inbound

    async def take(
        caller: Caller,
        request: pb.ProcessInboundRequest,
        connection_id: str,
        placed: Callable[[], None],
    ) -> pb.ProcessInboundResponse:
        span = tracer.begin(SEND, {}, {"connection_id": connection_id})
        try:
            with Within(span):
                response = await inbound(caller, request, connection_id, placed)
            span.end({"outcome": pb.Outcome.Name(response.outcome)})
        finally:
            span.end(failed=True)  # unless it has ended well
        return response

    return take
