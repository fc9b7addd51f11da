"""Every alteration of the server that the tests use: without a precaution, or quicker."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alterations import ALTERATIONS, Put, with_defaults
from google.protobuf.field_mask_pb2 import FieldMask

from roomd_server.api import calls as api_calls
from roomd_server.api import server as api_server
from roomd_server.api.interceptors import writes as api_writes
from roomd_server.api.stream import RoomStream
from roomd_server.api.subscriptions import Subscriptions
from roomd_server.core import lane as lanes
from roomd_server.core import resilience
from roomd_server.core.lane import Lanes
from roomd_server.core.options import EngineOptions
from roomd_server.core.ports import Settled, WriteSet
from roomd_server.core.resilience import CircuitBreaker
from roomd_server.core.timers import TimerService
from roomd_server.hooks import rulings
from roomd_server.hooks.circuit import Circuit
from roomd_server.hooks.dispatch import Dispatcher
from roomd_server.hooks.entries import HookEntry
from roomd_server.hooks.seats import Seat
from roomd_server.hooks.stream import HookStreams
from roomd_server.stores.postgres_writer import PostgresWriter
from roomd_server.stores.sqlite_writer import SqliteWriter
from roomd_server.system import SystemClock
from roomd_server.wiring import Server

without = ALTERATIONS.named


# ------------------------------------------------------------------ store and lanes


Submit = Callable[[Any, WriteSet, Settled], None]


def put_on_stores(put: Put, instead: Callable[[Submit, Any, WriteSet, Settled], None]) -> None:
    """Let either store take write sets by ``instead``, which is given what it replaces."""
    for writer in (SqliteWriter, PostgresWriter):
        put(writer, "submit", _in_place_of(writer.submit, instead))


def _in_place_of(
    submit: Submit, instead: Callable[[Submit, Any, WriteSet, Settled], None]
) -> Submit:
    return lambda self, writes, then: instead(submit, self, writes, then)


@without("durable-acknowledgements")
def acknowledge_early(put: Put) -> None:
    """Everybody is answered when the writes are handed in, not when they are durable."""

    def early(submit: Submit, self: Any, writes: WriteSet, then: Settled) -> None:
        submit(self, writes, lambda _error: None)
        self._loop.call_soon(then, None)

    put_on_stores(put, early)


@without("observer-rows")
def forget_rows(put: Put) -> None:
    """What durable observers are to see is known to the process only, and not stored."""

    def without_rows(submit: Submit, self: Any, writes: WriteSet, then: Settled) -> None:
        submit(self, dataclasses.replace(writes, observer_rows=()), then)

    put_on_stores(put, without_rows)


@without("stored-keys")
def forget_keys(put: Put) -> None:
    """Keys are known to the process only, and not stored."""

    def without_keys(submit: Submit, self: Any, writes: WriteSet, then: Settled) -> None:
        writes.keys = ()
        submit(self, writes, then)

    put_on_stores(put, without_keys)


@without("recovery")
def recover_nothing(put: Put) -> None:
    """Deliveries that were under way are not taken up after a start."""

    async def nothing(_self: Lanes) -> int:
        return 0

    put(Lanes, "recover", nothing)


@without("stable-delivery-ids")
def rename_recovered(put: Put) -> None:
    """Deliveries that were under way are taken up under another id."""
    enqueue = Lanes.enqueue

    def renamed(self: Lanes, actor, delivery, event, cascade) -> None:  # type: ignore[no-untyped-def]
        if event is None:
            delivery.delivery_id += "-again"
        enqueue(self, actor, delivery, event, cascade)

    put(Lanes, "enqueue", renamed)


# ------------------------------------------------------------------ hooks


@without("hook-timeout")
def wait_for_ever(put: Put) -> None:
    """A hook is waited for however long it takes."""
    put(Dispatcher, "_expire", lambda _self, _invocation: None)


@without("circuit")
def never_open(put: Put) -> None:
    """A hook that fails is called again and again."""
    put(Circuit, "failed", lambda _self, _now: False)


@without("failure-policy")
def always_allow(put: Put) -> None:
    """Whatever the policy of a hook says, its failure lets the message through."""
    describe = HookEntry.describe

    def open_minded(self: HookEntry, hook: Any) -> None:
        describe(self, hook)
        self.blocks_on_failure = False

    put(HookEntry, "describe", open_minded)


@without("offering-again")
def keep_with_the_dead(put: Put) -> None:
    """What a killed worker held is left to its timeout."""
    put(Dispatcher, "_offer_again", lambda _self, _invocation: None)


@without("leases")
def take_from_anybody(put: Put) -> None:
    """Whoever knows an invocation may answer it."""
    holding = Dispatcher._holding

    def trusting(self: Dispatcher, seat: Seat, invocation_id: str, lease: int) -> Any:
        return self._live.get(invocation_id) or holding(self, seat, invocation_id, lease)

    put(Dispatcher, "_holding", trusting)


@without("whitelist")
def change_anything(put: Put) -> None:
    """A hook may change every field of an event."""

    def apply_all(_trigger: int, payload: Any, modify: Any) -> Any:
        changed = type(payload)()
        changed.CopyFrom(payload)
        mask = FieldMask(paths=[path for path in modify.update_mask.paths if "." in path])
        mask.MergeMessage(modify.payload, changed, replace_message_field=True)
        return changed

    put(rulings, "apply_mask", apply_all)


@without("forgetting-sessions")
def remember_sessions(put: Put) -> None:
    """Worker sessions that ended stay in the list."""
    put(HookStreams, "_forget", lambda _self, _session: None)


@without("separate-windows")
def share_windows(put: Put) -> None:
    """Observations count like decisions: a backlog of them takes their places."""

    def has_room(self: Seat, _invocation: Any) -> bool:
        return self.replying + self.observing < self.reply_window

    put(Seat, "has_room", has_room)


# ------------------------------------------------------------------ streams


@without("keepalive")
def trust_the_other_end(put: Put) -> None:
    """A connection whose other end is gone stays open."""
    gone = ("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms")
    kept = [one for one in api_server._CHANNEL_OPTIONS if one[0] not in gone]
    put(api_server, "_CHANNEL_OPTIONS", tuple(kept))


@without("quick-keepalive")
def notice_the_dead_soon(put: Put) -> None:
    """Pings after 0.6 s instead of 6 s, an answer within 0.4 s instead of 3 s."""
    times = {
        "grpc.keepalive_time_ms": 600,
        "grpc.keepalive_timeout_ms": 400,
        "grpc.http2.ping_timeout_ms": 400,
    }
    kept = [one for one in api_server._CHANNEL_OPTIONS if one[0] not in times]
    put(api_server, "_CHANNEL_OPTIONS", (*kept, *times.items()))


@without("quick-writes")
def wait_a_second_for_readers(put: Put) -> None:
    """A write may wait for a reader 1 s instead of 10 s."""
    with_defaults(put, api_server.ApiOptions, write_timeout_seconds=1.0)


@without("bounded-streams")
def queue_for_slow_readers(put: Put) -> None:
    """What a reader does not take is kept in memory until it does."""

    class Hoarder(api_writes.GuardedWriter):
        __slots__ = ("_hoard", "_task")

        async def write(self, message: Any) -> None:
            if not hasattr(self, "_hoard"):
                self._hoard: list[Any] = []
                self._task = asyncio.ensure_future(self._serve())
            self._hoard.append(bytes(bytearray(message)))

        async def _serve(self) -> None:
            while True:
                while self._hoard:
                    await self._send(self._hoard[0])
                    del self._hoard[0]
                await asyncio.sleep(0.005)

    put(api_writes, "GuardedWriter", Hoarder)


@without("leaving-subscriptions")
def leak_subscriptions(put: Put) -> None:
    """Streams that ended stay among the watchers of their room."""
    kept: list[Any] = []
    put(Subscriptions, "_leave", lambda _self, stream, shared: kept.append((stream, shared)))


@without("ending-tasks")
def leave_tasks_behind(put: Put) -> None:
    """Every subscription that ends leaves a task that never does."""
    kept: set[asyncio.Task[None]] = set()
    leave = Subscriptions._leave

    def forgetful(self: Subscriptions, stream: Any, shared: Any) -> None:
        kept.add(asyncio.ensure_future(asyncio.sleep(10**6)))
        leave(self, stream, shared)

    put(Subscriptions, "_leave", forgetful)


@without("sleeping-subscriptions")
def poll_subscriptions(put: Put) -> None:
    """Every stream looks a hundred times a second whether there is something."""

    async def poll(self: RoomStream) -> None:
        if not (self._due or self._beat or self._ending or not self._readers):
            await asyncio.sleep(0.01)

    put(RoomStream, "_sleep", poll)


# ------------------------------------------------------------------ deliveries


@without("quick-retries")
def retry_soon(put: Put) -> None:
    """Retries from 0.05 s, a breaker for 0.5 s, an attempt of 0.3 s at most."""
    with_defaults(put, EngineOptions, attempt_timeout_seconds=0.3)
    put(resilience, "DEFAULT_BASE_DELAY_SECONDS", 0.05)
    make = CircuitBreaker.__init__
    put(CircuitBreaker, "__init__", lambda self: make(self, 5, 0.5))


@without("patience")
def give_up_in_an_outage(put: Put) -> None:
    """A delivery uses up its retries also while its channel answers nobody."""
    put(lanes, "blames_the_channel", lambda *_: False)


@without("breaker")
def never_break(put: Put) -> None:
    """A channel that fails is called by everybody, always."""
    put(CircuitBreaker, "failure", lambda _self, _now: False)


@without("giving-up")
def retry_for_ever(put: Put) -> None:
    """A delivery that fails is tried again until its deadline."""
    put(lanes, "retry_delay", lambda *_: 0.2)


@without("bounded-lanes")
def keep_lanes_in_memory(put: Put) -> None:
    """Everything that waits for a target is kept in memory."""
    with_defaults(put, EngineOptions, lane_entries=10**9)


@without("short-lanes")
def keep_little_in_memory(put: Put, entries: str) -> None:
    """Less than the 1,000 deliveries of a lane are kept in memory."""
    with_defaults(put, EngineOptions, lane_entries=int(entries))


@without("chain-limit")
def answer_for_ever(put: Put) -> None:
    """Answers to answers are let in to a depth of 40."""
    make = EngineOptions.__init__

    def deep(self: EngineOptions, *args: Any, **fields: Any) -> None:
        make(self, *args, **{**fields, "max_chain_depth": 40})

    put(EngineOptions, "__init__", deep)


# ------------------------------------------------------------------ time


@without("jumping-clock")
def follow_a_file(put: Put, path: str) -> None:
    """The wall clock is as many seconds wrong as the file says."""
    source = Path(path)

    def now(_self: SystemClock) -> float:
        return time.time() + float(source.read_text() or 0)

    put(SystemClock, "now", now)


@without("following-clock")
def believe_the_clock(put: Put) -> None:
    """A jump of the wall clock is taken for time that passed."""

    async def ignore(_self: TimerService) -> None:
        return None

    put(TimerService, "_follow_clock", ignore)


@without("validation")
def check_nothing(put: Put) -> None:
    """Requests reach their handlers as they come."""
    put(api_calls, "validator", lambda _type: lambda _request: None)


# ------------------------------------------------------------------ looking inside


@without("telling-tasks")
def tell_tasks(put: Put) -> None:
    """The gauges say how many tasks there are (no precaution: a window for the soak)."""
    gauges = Server.gauges

    def with_tasks(self: Server) -> dict[str, float]:
        return {**gauges(self), "tasks": float(len(asyncio.all_tasks()))}

    put(Server, "gauges", with_tasks)


__all__ = ["ALTERATIONS"]
