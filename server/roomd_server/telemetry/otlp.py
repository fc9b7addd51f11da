"""Spans sent away over OTLP. Needs the extra ``tracing``; imported only when it is asked for."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased


def exporting(endpoint: str, ratio: float, node_id: str) -> TracerProvider:
    """A provider that sends spans to a collector, in batches, from a thread of its own. What
    the collector does not take is dropped: its queue is bounded.

    Args:
        endpoint: ``http://host:port`` or ``https://…``, OTLP over gRPC.
        ratio: Share of traces that are kept when the caller has not decided that.
        node_id: Of this server.
    """
    resource = Resource.create({"service.name": "roomd", "service.instance.id": node_id})
    sampler = ParentBased(TraceIdRatioBased(ratio))
    provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return provider
