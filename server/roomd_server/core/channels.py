"""All registered channels, in memory: settings, limits and who serves them.

Stored configuration is loaded once at the start; every change is committed before it is
seen. What a channel does in a room is a binding: see ``bindings.py``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from roomd import v1 as pb
from roomd_server.core import errors, paging
from roomd_server.core.bus import FrameworkBus
from roomd_server.core.capabilities import category_of, effective, of_type
from roomd_server.core.lifecycle import check_mask, next_etag
from roomd_server.core.once import Once
from roomd_server.core.options import EngineOptions
from roomd_server.core.ports import Caller, Clock, Driver, Ids, Store, StoreConflict, WriteSet
from roomd_server.core.resilience import CircuitBreaker, TokenBuckets, take_together
from roomd_server.core.times import seconds_of, timestamp
from roomd_server.core.waiting import outlast

MUTABLE_PATHS = frozenset(
    (
        "capabilities",
        "settings",
        "rate_limit",
        "inbound_rate_limit",
        "delivery_deadline",
        "implementation",
    )
)
_SERVER_FIELDS = ("category", "create_time", "update_time", "etag", "attached")

_TRANSPORT, _INTELLIGENCE = pb.CHANNEL_CATEGORY_TRANSPORT, pb.CHANNEL_CATEGORY_INTELLIGENCE

SERVES: Mapping[str, frozenset[int]] = {
    "connection": frozenset((_TRANSPORT,)),
    "worker": frozenset((_TRANSPORT, _INTELLIGENCE)),
    "script": frozenset((_INTELLIGENCE,)),
    "system": frozenset((_TRANSPORT,)),
}
"""Categories of each implementation."""

_IMPLEMENTED_BY: Mapping[int, pb.ChannelImplementation] = {
    pb.CHANNEL_TYPE_WEBSOCKET: pb.ChannelImplementation(
        connection=pb.ChannelImplementation.Connection()
    ),
    pb.CHANNEL_TYPE_CLI: pb.ChannelImplementation(connection=pb.ChannelImplementation.Connection()),
    pb.CHANNEL_TYPE_SYSTEM: pb.ChannelImplementation(system=pb.ChannelImplementation.System()),
}

Gone = Callable[[str, pb.Channel], None]
Heard = Callable[[str, str, pb.RoomEvent], bool]


class Entry:
    """One channel and what its use has left in memory; dropped with it."""

    __slots__ = ("breaker", "channel", "inbound", "outbound")

    def __init__(self, channel: pb.Channel) -> None:
        self.channel = channel
        self.breaker = CircuitBreaker()
        self.inbound: TokenBuckets | None = None
        self.outbound: TokenBuckets | None = None

    def replace(self, channel: pb.Channel) -> None:
        """Take new settings; buckets whose limit changed begin anew, full."""
        if channel.rate_limit != self.channel.rate_limit:
            self.outbound = None
        if channel.inbound_rate_limit != self.channel.inbound_rate_limit:
            self.inbound = None
        self.channel = channel


class Shelf:
    """The channels of one organization."""

    __slots__ = ("entries", "inbound", "leaving", "lock")

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.inbound: TokenBuckets | None = None
        """What all of them together let in."""
        self.leaving: set[str] = set()
        """Being unregistered: no room may attach them any more."""
        self.lock = asyncio.Lock()
        """Held while a channel is written."""


class ChannelDirectory:
    """Serves the channel RPCs of ``ChannelService``, and the engine's questions.

    Args:
        store: Where channels are kept.
        clock: For times and limits.
        ids: For etags.
        drivers: By the name of the ``ChannelImplementation`` they serve.
        options: Defaults of limits.
        bus: Where registering is told.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        drivers: Mapping[str, Driver],
        options: EngineOptions,
        bus: FrameworkBus,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._drivers = drivers
        self._options = options
        self._bus = bus
        self._once = Once(store, clock, retention_seconds=options.key_retention_seconds)
        self._shelves: dict[str, Shelf] = {}
        self.on_gone: Gone | None = None
        """Called when a channel was removed or is served by something else. Set once at
        start."""
        self.heard_by_others: Heard | None = None
        """Whether a connection of the channel other than the event's own sees its room. Set
        once at start; None: nothing is echoed."""

    async def load(self) -> None:
        """Read all channels; call it once, before anything else."""
        for org, channel in await self._store.list_channels(None):
            self._shelf(org).entries[channel.channel_id] = Entry(channel)

    # -------------------------------------------------------------- questions

    def get(self, org: str, channel_id: str) -> pb.Channel:
        """A channel's stored settings.

        Raises:
            NotFound: CHANNEL_NOT_FOUND.
        """
        entry = self._entry(org, channel_id)
        if entry is None:
            raise errors.channel_not_found(channel_id)
        return entry.channel

    def find(self, org: str, channel_id: str) -> pb.Channel | None:
        """A channel's stored settings, or None when it is not registered."""
        entry = self._entry(org, channel_id)
        return entry.channel if entry is not None else None

    def attachable(self, org: str, channel_id: str) -> pb.Channel:
        """A channel that rooms may attach now.

        Raises:
            NotFound: CHANNEL_NOT_FOUND, also while it is being unregistered.
        """
        channel = self.get(org, channel_id)
        if channel_id in self._shelf(org).leaving:
            raise errors.channel_not_found(channel_id)
        return channel

    def driver(self, channel: pb.Channel) -> Driver:
        """Who serves the channel."""
        return self._drivers[channel.implementation.WhichOneof("kind") or "system"]

    def capabilities(self, org: str, binding: pb.Binding) -> pb.Capabilities:
        """What a bound channel can show: the binding's word, the channel's, or the type's."""
        entry = self._entry(org, binding.channel_id)
        if entry is not None:
            return effective(entry.channel, binding)
        return of_type(org, binding)

    def delivery_deadline_seconds(self, org: str, channel_id: str) -> float:
        """How long one delivery may take, all attempts and waiting included."""
        entry = self._entry(org, channel_id)
        if entry is not None and entry.channel.HasField("delivery_deadline"):
            return seconds_of(entry.channel.delivery_deadline)
        return self._options.delivery_deadline_seconds

    def echoes(self, org: str, event: pb.RoomEvent, channel_id: str) -> bool:
        """Whether an event goes back to the channel it came from: when connections of it
        other than the event's own see the room.
        """
        entry = self._entry(org, channel_id)
        if entry is None or self.heard_by_others is None:
            return False
        if not entry.channel.implementation.HasField("connection"):
            return False
        return self.heard_by_others(org, channel_id, event)

    # -------------------------------------------------------------- limits

    def open_breakers(self) -> Mapping[int, int]:
        """How many channels of each ``pb.ChannelType`` have an open breaker."""
        entries = (entry for shelf in self._shelves.values() for entry in shelf.entries.values())
        return Counter(entry.channel.type for entry in entries if entry.breaker.is_open)

    def breaker(self, org: str, channel_id: str) -> CircuitBreaker:
        """The channel's breaker; a fresh one when the channel is gone."""
        entry = self._entry(org, channel_id)
        return entry.breaker if entry is not None else CircuitBreaker()

    def inbound_delay(self, org: str, channel: pb.Channel) -> float:
        """Count a message that wants to enter; seconds until one may, 0 when it may now.

        The channel's limit and the organization's hold together; a message that may not
        enter now takes no place in either.
        """
        limits = [
            limit
            for limit in (self._channel_inbound(org, channel), self._organization_inbound(org))
            if limit is not None
        ]
        return take_together(limits, self._clock.monotonic(), 0.0) if limits else 0.0

    def _channel_inbound(self, org: str, channel: pb.Channel) -> TokenBuckets | None:
        limit = self._options.inbound_rate_limit
        if channel.HasField("inbound_rate_limit"):
            limit = channel.inbound_rate_limit
        entry = self._entry(org, channel.channel_id)
        if limit is None or entry is None:
            return None
        if entry.inbound is None:
            entry.inbound = TokenBuckets(limit, self._clock.monotonic())
        return entry.inbound

    def _organization_inbound(self, org: str) -> TokenBuckets | None:
        limit = self._options.organization_inbound_rate_limit
        if limit is None:
            return None
        shelf = self._shelf(org)
        if shelf.inbound is None:
            shelf.inbound = TokenBuckets(limit, self._clock.monotonic())
        return shelf.inbound

    def outbound_limit(self, org: str, channel_id: str) -> TokenBuckets | None:
        """The channel's own limit of deliveries, over all rooms; None: it has none."""
        entry = self._entry(org, channel_id)
        if entry is None or not entry.channel.HasField("rate_limit"):
            return None
        if entry.outbound is None:
            entry.outbound = TokenBuckets(entry.channel.rate_limit, self._clock.monotonic())
        return entry.outbound

    # -------------------------------------------------------------- calls

    async def register_channel(
        self, caller: Caller, request: pb.RegisterChannelRequest
    ) -> pb.RegisterChannelResponse:
        """Store a channel; durable on return.

        Raises:
            AlreadyExists: CHANNEL_EXISTS, unless ``replace`` and of the same type; KEY_REUSED.
            InvalidArgument: nobody here can serve it like this.
        """
        rpc, org = "RegisterChannel", caller.org
        channel = self._as_stored(request.channel)
        async with self._shelf(org).lock:
            # Under the lock: the same call may run beside this one.
            if first := await self._once.first(org, rpc, request.request_id, request):
                return pb.RegisterChannelResponse.FromString(first)
            known = self.find(org, channel.channel_id)
            if known is not None:
                _check_replaceable(known, request)
            self._stamp(channel, known)
            response = pb.RegisterChannelResponse(channel=channel)
            writes = WriteSet(org, channels=[channel])
            writes.keys = self._once.record(rpc, request.request_id, request, response)
            try:
                await self._write(writes)
            except StoreConflict:
                first = await self._once.winner(org, rpc, request.request_id, request)
                return pb.RegisterChannelResponse.FromString(first)
        self._bus.emit(
            org,
            "channel_registered",
            channel_id=channel.channel_id,
            channel_type=_type_name(channel),
            replaced=known is not None,
        )
        response.channel.attached = self._attached(org, channel)
        return response

    async def get_channel(
        self, caller: Caller, request: pb.GetChannelRequest
    ) -> pb.GetChannelResponse:
        """Read a channel.

        Raises:
            NotFound: CHANNEL_NOT_FOUND.
        """
        channel = self.get(caller.org, request.channel_id)
        response = pb.GetChannelResponse(channel=channel)
        response.channel.attached = self._attached(caller.org, channel)
        return response

    async def list_channels(
        self, caller: Caller, request: pb.ListChannelsRequest
    ) -> pb.ListChannelsResponse:
        """Read a page of channels, by id.

        Raises:
            InvalidArgument: BAD_CURSOR.
        """
        mark, size = paging.mark(caller, request), paging.page_size(request.page_size)
        after = paging.decode_text(mark, request.page_token)
        types = frozenset(request.types)
        response = pb.ListChannelsResponse()
        entries = self._shelf(caller.org).entries
        for channel_id in sorted(name for name in entries if name > after):
            channel = entries[channel_id].channel
            if types and channel.type not in types:
                continue
            if len(response.channels) == size:
                response.next_page_token = paging.encode(mark, response.channels[-1].channel_id)
                break
            shown = response.channels.add()
            shown.CopyFrom(channel)
            shown.attached = self._attached(caller.org, channel)
        return response

    async def update_channel(
        self, caller: Caller, request: pb.UpdateChannelRequest
    ) -> pb.UpdateChannelResponse:
        """Change settings; a field of the mask that is unset goes back to its default.

        Raises:
            NotFound: CHANNEL_NOT_FOUND.
            Aborted: ETAG_MISMATCH.
            InvalidArgument: MASK_NOT_MUTABLE; nobody here can serve it like this.
        """
        new, paths = request.channel, set(request.update_mask.paths)
        check_mask(paths, MUTABLE_PATHS)
        org = caller.org
        async with self._shelf(org).lock:
            known = self.get(org, new.channel_id)
            if new.etag and new.etag != known.etag:
                raise errors.Aborted(
                    pb.ERROR_REASON_ETAG_MISMATCH,
                    f"channel {new.channel_id!r} was changed meanwhile; get it and try again",
                    metadata={"channel_id": new.channel_id},
                )
            changed = pb.Channel()
            changed.CopyFrom(known)
            for path in paths:
                changed.ClearField(path)
                if new.HasField(path):
                    getattr(changed, path).CopyFrom(getattr(new, path))
            changed = self._as_stored(changed)
            self._stamp(changed, known)
            await self._write(WriteSet(org, channels=[changed]))
        response = pb.UpdateChannelResponse(channel=changed)
        response.channel.attached = self._attached(org, changed)
        return response

    # -------------------------------------------------------------- unregistering

    def retire(self, org: str, channel_id: str) -> None:
        """Let no room attach the channel any more.

        Raises:
            NotFound: CHANNEL_NOT_FOUND, also when somebody else unregisters it now.
        """
        self.attachable(org, channel_id)
        self._shelf(org).leaving.add(channel_id)

    def reinstate(self, org: str, channel_id: str) -> None:
        """End what ``retire`` began."""
        self._shelf(org).leaving.discard(channel_id)

    async def remove(self, org: str, channel_id: str) -> None:
        """Forget a channel; durable on return. One that is gone already stays so."""
        async with self._shelf(org).lock:
            if self._entry(org, channel_id) is None:
                return
            await self._write(WriteSet(org, removed_channels=[channel_id]))
        self._bus.emit(org, "channel_unregistered", channel_id=channel_id)

    # -------------------------------------------------------------- inside

    def _shelf(self, org: str) -> Shelf:
        shelf = self._shelves.get(org)
        if shelf is None:
            shelf = self._shelves[org] = Shelf()
        return shelf

    def _entry(self, org: str, channel_id: str) -> Entry | None:
        shelf = self._shelves.get(org)
        return shelf.entries.get(channel_id) if shelf is not None else None

    def _attached(self, org: str, channel: pb.Channel) -> int:
        return self.driver(channel).attached(org, channel)

    def _as_stored(self, wanted: pb.Channel) -> pb.Channel:
        """The settings with defaults filled in and without what only the server sets."""
        channel = pb.Channel()
        channel.CopyFrom(wanted)
        for name in _SERVER_FIELDS:
            channel.ClearField(name)
        channel.category = category_of(channel.type)
        if channel.implementation.WhichOneof("kind") is None:
            known = _IMPLEMENTED_BY.get(channel.type)
            if known is None:
                raise errors.invalid(
                    "channel.implementation",
                    f"must be set for {_type_name(channel)}: worker"
                    + (" or script" if channel.category == _INTELLIGENCE else ""),
                )
            channel.implementation.CopyFrom(known)
        kind = channel.implementation.WhichOneof("kind") or ""
        if kind not in self._drivers:
            raise errors.invalid("channel.implementation", f"{kind} is not served here")
        check_served(channel, channel.category, "channel.implementation")
        return channel

    def _stamp(self, channel: pb.Channel, known: pb.Channel | None) -> None:
        now = timestamp(self._clock.now())
        channel.create_time.CopyFrom(now if known is None else known.create_time)
        channel.update_time.CopyFrom(now)
        channel.etag = f"{self._ids.new()}.1" if known is None else next_etag(known.etag)

    async def _write(self, writes: WriteSet) -> None:
        done = self._store.commit(writes)
        # A callback: the memory must follow the store even when the caller is gone.
        done.add_done_callback(lambda future: self._apply(future, writes))
        await outlast(done)

    def _apply(self, future: asyncio.Future[None], writes: WriteSet) -> None:
        if future.cancelled() or future.exception() is not None:
            return
        entries = self._shelf(writes.org).entries
        for channel in writes.channels:
            entry = entries.get(channel.channel_id)
            if entry is None:
                entries[channel.channel_id] = Entry(channel)
                continue
            before = entry.channel
            entry.replace(channel)
            if self.driver(before) is not self.driver(channel):
                self._tell_gone(writes.org, before)
        for channel_id in writes.removed_channels:
            gone = entries.pop(channel_id, None)
            if gone is not None:
                self._tell_gone(writes.org, gone.channel)

    def _tell_gone(self, org: str, channel: pb.Channel) -> None:
        if self.on_gone is not None:
            self.on_gone(org, channel)


def check_served(channel: pb.Channel, category: int, field: str) -> None:
    """Refuse a category that the channel's implementation cannot be.

    Raises:
        InvalidArgument: VALIDATION, naming ``field``.
    """
    kind = channel.implementation.WhichOneof("kind") or ""
    if category not in SERVES[kind]:
        name = pb.ChannelCategory.Name(category).removeprefix("CHANNEL_CATEGORY_")
        raise errors.invalid(field, f"a {kind} channel cannot be {name}")


def _check_replaceable(known: pb.Channel, request: pb.RegisterChannelRequest) -> None:
    if request.replace and known.type == request.channel.type:
        return
    advice = "set replace to change its settings, or choose another id"
    if request.replace:
        advice = f"it is a {_type_name(known)}, and a channel keeps its type"
    raise errors.AlreadyExists(
        pb.ERROR_REASON_CHANNEL_EXISTS,
        f"channel {known.channel_id!r} exists; {advice}",
        metadata={"channel_id": known.channel_id},
    )


def _type_name(channel: pb.Channel) -> str:
    return pb.ChannelType.Name(channel.type).removeprefix("CHANNEL_TYPE_")
