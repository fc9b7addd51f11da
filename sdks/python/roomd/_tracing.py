"""Traces go on through the SDK when OpenTelemetry is there; without it nothing happens here.

A call carries the current span to the service (W3C ``traceparent``); what a handler does belongs
to the span of its invocation. Which spans are kept, and where they go, is the application's to
set up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from roomd import v1 as pb

try:
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    PRESENT = False
else:
    PRESENT = True
    _W3C = TraceContextTextMapPropagator()


def current_trace() -> Mapping[str, str]:
    """The W3C trace context of the current span; empty when there is none."""
    carrier: dict[str, str] = {}
    if PRESENT and trace.get_current_span().get_span_context().is_valid:
        _W3C.inject(carrier)
    return carrier


@contextmanager
def continued(invocation: pb.Invocation) -> Iterator[None]:
    """Do an invocation's work within its trace. A handler that raises marks its span as failed,
    without the error's words: they may say what people wrote.
    """
    if not PRESENT or not invocation.trace_context:
        yield
        return
    tracer = trace.get_tracer("roomd")
    with tracer.start_as_current_span(
        f"handle {invocation.handler}",
        _W3C.extract(invocation.trace_context),
        trace.SpanKind.SERVER,
        attributes={
            "roomd.handler": invocation.handler,
            "roomd.invocation_id": invocation.invocation_id,
            "roomd.attempt": invocation.attempt,
        },
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except Exception:
            span.set_status(trace.StatusCode.ERROR)
            raise
