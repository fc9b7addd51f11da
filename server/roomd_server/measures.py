"""What each metric reads: the one place that knows both the table and the parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from roomd import v1 as pb
from roomd_server.api.server import ApiServer
from roomd_server.api.subscriptions import Subscriptions
from roomd_server.channels.connection import ConnectionHub
from roomd_server.core.engine import Engine
from roomd_server.core.tallies import Histogram, StoreTallies
from roomd_server.hooks.plane import HookPlane
from roomd_server.hooks.tallies import DROPPED
from roomd_server.telemetry.lag import LoopLag
from roomd_server.telemetry.metrics import Reader, Reading


class CountedStore(Protocol):
    """A store as it is measured."""

    @property
    def pending(self) -> int:
        """Sets handed in that are not yet durable."""

    @property
    def tallies(self) -> StoreTallies:
        """Its transactions."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The parts of a server that count."""

    engine: Engine
    plane: HookPlane
    api: ApiServer
    subscriptions: Subscriptions
    hub: ConnectionHub
    store: CountedStore
    lag: LoopLag


def readers(parts: Measured) -> Mapping[str, Reader]:
    """A reader for every metric."""
    return {
        **_of_messages(parts.engine),
        **_of_hooks(parts.plane),
        **_of_tools(parts.engine),
        **_of_deliveries(parts.engine),
        **_of_readers(parts),
        **_of_store(parts),
        **_of_api(parts),
    }


def _of_messages(engine: Engine) -> dict[str, Reader]:
    pipeline = engine.pipeline
    tallies = pipeline.tallies

    def outcomes() -> Iterable[Reading]:
        for outcome, count in tallies.outcomes.items():
            yield Reading((_short(pb.Outcome.Name(outcome), "OUTCOME_"),), count)
        yield Reading(("undecided",), tallies.undecided)
        yield Reading(("shed",), pipeline.load.shed_count)

    def stages() -> Iterable[Reading]:
        yield Reading(("route",), tallies.route)
        yield Reading(("lock",), tallies.lock)
        yield Reading(("hooks",), tallies.hooks)
        yield Reading(("commit",), tallies.commit)

    return {
        "roomd_messages_total": outcomes,
        "roomd_messages_in_flight": lambda: _one(pipeline.load.in_flight),
        "roomd_stage_seconds": stages,
    }


def _of_hooks(plane: HookPlane) -> dict[str, Reader]:
    registry, dispatcher = plane.registry, plane.dispatcher

    def times() -> Iterable[Reading]:
        for label, tally in registry.tallies.by_label().items():
            if tally.times is not None:
                yield Reading((label,), tally.times)

    def verdicts() -> Iterable[Reading]:
        for label, tally in registry.tallies.by_label().items():
            for verdict, count in tally.verdicts.items():
                yield Reading((label, verdict), count)

    def dropped() -> Iterable[Reading]:
        sums = registry.tallies.by_label().values()
        return _one(sum(tally.verdicts.get(DROPPED, 0) for tally in sums))

    return {
        "roomd_hook_seconds": times,
        "roomd_hook_verdicts_total": verdicts,
        "roomd_hook_circuits_open": lambda: _one(registry.open_circuits),
        "roomd_observers_dropped_total": dropped,
        "roomd_observers_backlog": lambda: _one(registry.waiting),
        "roomd_observers_parked": lambda: _one(registry.parked),
        "roomd_invocations_total": lambda: _one(dispatcher.offered),
        "roomd_invocations_in_flight": lambda: _one(dispatcher.in_flight),
        "roomd_worker_sessions": lambda: _one(plane.streams.count),
    }


def _of_tools(engine: Engine) -> dict[str, Reader]:
    tallies = engine.tools.tallies
    return {
        "roomd_tool_calls_total": lambda: [
            Reading((outcome,), count) for outcome, count in tallies.outcomes.items()
        ],
        "roomd_tool_call_seconds": lambda: _one(tallies.times),
    }


def _of_deliveries(engine: Engine) -> dict[str, Reader]:
    lanes, tallies, channels = engine.lanes, engine.outcomes.tallies, engine.channels

    def working() -> Iterable[Reading]:
        yield Reading(("sending",), tallies.sending)
        yield Reading(("waiting",), max(0, len(lanes.depths) - tallies.sending))

    def ended() -> Iterable[Reading]:
        for (channel_type, state), count in tallies.ended.items():
            name = _short(pb.DeliveryState.Name(state), "DELIVERY_STATE_")
            yield Reading((_type(channel_type), name), count)

    return {
        "roomd_lanes": working,
        "roomd_lane_backlog": lambda: _one(lanes.backlog),
        "roomd_lane_depth_max": lambda: _one(max(lanes.depths, default=0)),
        "roomd_deliveries_total": ended,
        "roomd_delivery_retries_total": lambda: _by_type(tallies.retried),
        "roomd_delivery_attempt_seconds": lambda: _by_type(tallies.attempts),
        "roomd_breakers_open": lambda: _by_type(channels.open_breakers()),
    }


def _of_readers(parts: Measured) -> dict[str, Reader]:
    slow = parts.api.tallies.slow_consumers
    return {
        "roomd_subscriptions": lambda: _one(parts.subscriptions.count),
        "roomd_connections": lambda: _one(parts.hub.count),
        "roomd_slow_consumers_total": lambda: [
            Reading((method,), count) for method, count in slow.items()
        ],
    }


def _of_store(parts: Measured) -> dict[str, Reader]:
    store = parts.store
    return {
        "roomd_store_transaction_sets": lambda: _one(store.tallies.sets),
        "roomd_store_transaction_seconds": lambda: _one(store.tallies.seconds),
        "roomd_store_failures_total": lambda: _one(store.tallies.failed),
        "roomd_store_queue": lambda: _one(store.pending),
        "roomd_rooms_live": lambda: _one(parts.engine.directory.live_count),
    }


def _of_api(parts: Measured) -> dict[str, Reader]:
    api, admission = parts.api, parts.api.admission

    def calls() -> Iterable[Reading]:
        for labels, times in api.tallies.times.items():
            if any(times.counts):
                yield Reading(labels, times)

    return {
        "roomd_rpc_seconds": calls,
        "roomd_streams_ended_total": lambda: [
            Reading(labels, count) for labels, count in api.tallies.streams.items()
        ],
        "roomd_calls_in_flight": lambda: _one(admission.unary_calls),
        "roomd_streams": lambda: _one(admission.streams),
        "roomd_sheds_total": lambda: [
            Reading((what,), admission.sheds[what]) for what in ("call", "stream", "draining")
        ],
        "roomd_loop_lag_seconds": lambda: _one(parts.lag.seconds),
    }


def _one(value: float | Histogram) -> Iterable[Reading]:
    return (Reading((), value),)


def _by_type(table: Mapping[int, int] | Mapping[int, Histogram]) -> Iterable[Reading]:
    return [Reading((_type(channel_type),), value) for channel_type, value in table.items()]


def _type(channel_type: int) -> str:
    return _short(pb.ChannelType.Name(channel_type), "CHANNEL_TYPE_")


def _short(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()
