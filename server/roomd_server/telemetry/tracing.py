"""Spans on OpenTelemetry's API (``core.tracing.Tracer``). Who collects them is the provider's
business: ``otlp.py`` makes one that sends them away.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from roomd_server.core.tracing import Value

PREFIX = "roomd."
MAX_VALUE_CHARS = 256

_W3C = TraceContextTextMapPropagator()


class OtelTracer:
    """Begins spans of a provider."""

    def __init__(self, provider: trace.TracerProvider, version: str) -> None:
        self._tracer = provider.get_tracer("roomd_server", version)

    def begin(
        self, name: str, carrier: Mapping[str, str], about: Mapping[str, Value] | None = None
    ) -> OtelSpan:
        """See ``core.tracing.Tracer.begin``."""
        context = _W3C.extract(carrier)
        span = self._tracer.start_span(
            name, context, trace.SpanKind.SERVER, attributes=_attributes(about)
        )
        return OtelSpan(self._tracer, span)


class OtelSpan:
    """A span (``core.tracing.Span``)."""

    __slots__ = ("_span", "_tracer")

    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        self._tracer = tracer
        self._span = span

    def start(self, name: str, about: Mapping[str, Value] | None = None) -> OtelSpan:
        """See ``core.tracing.Span.start``; of a trace that is not sampled it is one for all."""
        if not self._span.is_recording() and not self._span.get_span_context().trace_flags.sampled:
            return self
        context = trace.set_span_in_context(self._span)
        span = self._tracer.start_span(name, context, attributes=_attributes(about))
        return OtelSpan(self._tracer, span)

    def end(self, about: Mapping[str, Value] | None = None, *, failed: bool = False) -> None:
        """See ``core.tracing.Span.end``."""
        span = self._span
        if not span.is_recording():
            return
        span.set_attributes(_attributes(about))
        if failed:
            # Without words: they may say what nobody may read here.
            span.set_status(trace.StatusCode.ERROR)
        span.end()

    def carrier(self) -> Mapping[str, str]:
        """See ``core.tracing.Span.carrier``."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, trace.set_span_in_context(self._span))
        return carrier


def _attributes(about: Mapping[str, Value] | None) -> dict[str, Value]:
    return {
        f"{PREFIX}{name}": value[:MAX_VALUE_CHARS] if isinstance(value, str) else value
        for name, value in (about or {}).items()
        if value != ""
    }
