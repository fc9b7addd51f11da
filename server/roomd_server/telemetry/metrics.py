"""All metrics, declared once: name, kind, labels, meaning. The README's list is held against
this table by a test.

Labels have few values: kinds, states, methods, names of hooks up to a limit. Never a room, a
participant, a channel or an event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from roomd_server.core.tallies import Histogram


class Kind(Enum):
    """What the numbers of a metric are."""

    COUNTER = "counter"
    """Since the start."""
    GAUGE = "gauge"
    """Now."""
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

METRICS: tuple[Declared, ...] = (
    # Messages.
    Declared(
        "roomd_messages_total",
        _C,
        "Messages by outcome; undecided: errors, shed: too much waited.",
        ("outcome",),
    ),
    Declared("roomd_messages_in_flight", _G, "Messages between entering and being durable."),
    Declared("roomd_stage_seconds", _H, "Stages: route, lock, hooks, commit.", ("stage",)),
    # Hooks and workers.
    Declared("roomd_hook_seconds", _H, "Hooks, from offered until answered.", ("hook",)),
    Declared(
        "roomd_hook_verdicts_total", _C, "What hooks said or failed with.", ("hook", "verdict")
    ),
    Declared("roomd_hook_circuits_open", _G, "Hooks that are not called: they failed too often."),
    Declared("roomd_observers_dropped_total", _C, "Observations that nobody got."),
    Declared("roomd_observers_backlog", _G, "What durable observers have still to see."),
    Declared("roomd_observers_parked", _G, "What durable observers gave up."),
    Declared("roomd_invocations_total", _C, "Pieces of work offered to workers."),
    Declared("roomd_invocations_in_flight", _G, "Offered and not ended, those that wait included."),
    Declared("roomd_worker_sessions", _G, "Open worker streams."),
    # Tools.
    Declared("roomd_tool_calls_total", _C, "Calls of tools, by how they ended.", ("outcome",)),
    Declared("roomd_tool_call_seconds", _H, "Calls of tools, until they ended."),
    # Deliveries.
    Declared("roomd_lanes", _G, "Targets with deliveries, by what they do now.", ("state",)),
    Declared("roomd_lane_backlog", _G, "Deliveries in memory."),
    Declared("roomd_lane_depth_max", _G, "Deliveries in memory of the fullest lane."),
    Declared("roomd_deliveries_total", _C, "Deliveries that ended so.", ("channel_type", "state")),
    Declared(
        "roomd_delivery_retries_total",
        _C,
        "Failed attempts that are made again.",
        ("channel_type",),
    ),
    Declared("roomd_delivery_attempt_seconds", _H, "Attempts of deliveries.", ("channel_type",)),
    Declared("roomd_breakers_open", _G, "Channels whose breaker is open.", ("channel_type",)),
    # Readers.
    Declared("roomd_subscriptions", _G, "Open subscriptions."),
    Declared("roomd_connections", _G, "Live client connections."),
    Declared("roomd_slow_consumers_total", _C, "Streams closed: nobody read them.", ("method",)),
    # Store and memory.
    Declared("roomd_store_transaction_sets", _H, "Write sets of a transaction."),
    Declared("roomd_store_transaction_seconds", _H, "Transactions, the sync included."),
    Declared("roomd_store_failures_total", _C, "Transactions that could not be written."),
    Declared("roomd_store_queue", _G, "Write sets that are not durable yet."),
    Declared("roomd_rooms_live", _G, "Rooms in memory."),
    # The API and the process.
    Declared("roomd_rpc_seconds", _H, "Unary calls.", ("method", "code")),
    Declared("roomd_streams_ended_total", _C, "Streams that ended, by code.", ("method", "code")),
    Declared("roomd_calls_in_flight", _G, "Unary calls now."),
    Declared("roomd_streams", _G, "Streams now, of all methods."),
    Declared("roomd_sheds_total", _C, "Refused at the door: call, stream, draining.", ("what",)),
    Declared("roomd_loop_lag_seconds", _H, "How late the event loop comes to a timer."),
)
"""Besides these: ``process_*`` and ``python_gc_*`` of the Prometheus client."""


class Reading(NamedTuple):
    """One number, or one histogram, of a metric."""

    labels: tuple[str, ...]
    value: float | Histogram


Reader = Callable[[], Iterable[Reading]]


class Unread(Exception):
    """A metric without a reader, or a reader without a metric."""


class Gathered(NamedTuple):
    """A metric as it was at one moment, safe to take to another thread."""

    declared: Declared
    readings: Sequence[Reading]


class Gauges:
    """All metrics with their readers.

    Args:
        readers: By the name of the metric.

    Raises:
        Unread: they do not fit the table.
    """

    def __init__(self, readers: Mapping[str, Reader]) -> None:
        differ = {one.name for one in METRICS} ^ set(readers)
        if differ:
            raise Unread(", ".join(sorted(differ)))
        self._readers = readers

    def gather(self) -> list[Gathered]:
        """Read everything; on the event loop, which owns the numbers."""
        return [
            Gathered(one, [_still(reading) for reading in self._readers[one.name]()])
            for one in METRICS
        ]


def _still(reading: Reading) -> Reading:
    """A reading that does not move on."""
    if not isinstance(reading.value, Histogram):
        return reading
    copy = Histogram(reading.value.bounds)
    copy.add(reading.value)
    return Reading(reading.labels, copy)


BUCKET_STEP = 8
"""Every which bound of a fine histogram is shown: 0.1 ms, 0.4 ms, 1.6 ms … 105 s."""


def families(gathered: Iterable[Gathered]) -> Iterable[Metric]:
    """Everything that was read, as the Prometheus client writes it."""
    for declared, readings in gathered:
        family = _FAMILIES[declared.kind](declared.name, declared.meaning, labels=declared.labels)
        for labels, value in readings:
            if not isinstance(value, Histogram):
                family.add_metric(labels, value)
            elif value.counts:
                family.add_metric(labels, buckets=_buckets(value), sum_value=value.total)
        yield family


_FAMILIES = {
    Kind.COUNTER: CounterMetricFamily,
    Kind.GAUGE: GaugeMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
}


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulative counts by upper bound."""
    bounds = histogram.bounds
    step = BUCKET_STEP if len(bounds) > 2 * BUCKET_STEP else 1
    shown: list[tuple[str, float]] = []
    below = 0
    for place, count in enumerate(histogram.counts):
        below += count
        if place < len(bounds) and place % step == 0:
            shown.append((f"{bounds[place]:.7g}", below))
    return [*shown, ("+Inf", below)]
