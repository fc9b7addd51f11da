"""A span per call, of the caller's trace when its metadata names one (W3C ``traceparent``).

Streams have none: they live for hours. A message of a live connection has one of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from roomd import v1 as pb
from roomd_server.api.methods import Method
from roomd_server.core.ports import Caller
from roomd_server.core.tracing import CURRENT, Span, Tracer, Within

OK = "OK"
SEND = "roomd.v1.ChannelService/Connect send"

Inbound = Callable[
    [Caller, pb.ProcessInboundRequest, str, Callable[[], None]],
    Awaitable[pb.ProcessInboundResponse],
]
"""Takes a message of a live connection."""


def begin_call(
    tracer: Tracer, method: Method, metadata: Mapping[str, str], request_id: str
) -> Span:
    """Begin the span of a call and make it the current one of the call's task."""
    about = {"service": method.service, "method": method.name, "request_id": request_id}
    span = tracer.begin(method.path.removeprefix("/"), metadata, about)
    CURRENT.set(span)
    return span


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
