"""``ChannelService.Connect``: the stream of one live client.

One task reads what the client says, one writes everything that is due as a batch.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from google.protobuf.message import Message

from roomd import v1 as pb
from roomd_server.channels.connection import ConnectionHub
from roomd_server.channels.live import Connection
from roomd_server.channels.presence import Presences, RoomsOfChannel, Signal, Visit
from roomd_server.channels.sends import Inbound, Sends
from roomd_server.core import errors
from roomd_server.core.ports import Caller, Clock, Ids

log = logging.getLogger(__name__)

OPEN_SECONDS = 10.0
"""How long a stream may take to say who it is."""
SIGNAL_SECONDS = 5.0
"""How long publishing a signal may take before it is dropped."""
LINGER_SECONDS = 0.001
"""How long a batch waits for more when more is certain to come."""
MAX_ITEMS = 1000
"""Messages of one ``SendBatch``."""
MAX_PONGS = 16
"""Pings that are answered at once; a client that sends more is not read meanwhile."""

Requests = AsyncIterator[pb.ChannelServiceConnectRequest]
Response = pb.ChannelServiceConnectResponse | bytes


@dataclass(frozen=True, slots=True)
class ConnectionParts:
    """What connections need from the engine and the API."""

    clock: Clock
    ids: Ids
    channel: Callable[[str, str], pb.Channel]
    """(org, channel id) → channel; raises NotFound."""
    inbound: Inbound
    signal: Signal
    rooms_of_channel: RoomsOfChannel
    validate: Callable[[Message], None]
    """Checks the rules of a message's fields; raises InvalidArgument."""
    wake: Callable[[str, str], None]
    """Somebody serves the channel now: (org, channel id)."""
    max_message_bytes: int
    """The largest message that the API takes."""


class ConnectionService:
    """Serves ``ChannelService.Connect``."""

    def __init__(self, hub: ConnectionHub, parts: ConnectionParts) -> None:
        self._hub = hub
        self._ = parts
        self._presences = Presences(parts.clock, parts.signal, parts.rooms_of_channel)
        self._streams: set[Stream] = set()
        self._draining = False
        self._emptied: asyncio.Future[None] | None = None

    async def connect(self, caller: Caller, requests: Requests) -> AsyncIterator[Response]:
        """Serve one client until it leaves.

        Raises:
            NotFound: CHANNEL_NOT_FOUND.
            InvalidArgument: the channel has no connections; a rule of a field.
            FailedPrecondition: PROTOCOL_VIOLATION.
            ResourceExhausted: SLOW_CONSUMER, QUOTA.
            Unavailable: NODE_DRAINING.
        """
        opening = await self._opening(requests)
        if opening is None:
            return
        stream = self._begin(caller, opening)
        try:
            opened = pb.Opened(
                connection_id=opening.connection_id, max_message_bytes=self._.max_message_bytes
            )
            yield pb.ChannelServiceConnectResponse(opened=opened)
            stream.start(requests)
            while (response := await stream.next_response()) is not None:
                yield response
        finally:
            await self._finish(stream)

    async def drain(self, seconds: float) -> None:
        """Tell all clients to dial again, and wait until they have gone; what is in flight
        is answered. Those who are still there after ``seconds`` are put out.
        """
        self._draining = True
        self._hub.close_all("NODE_DRAINING")
        if self._streams:
            self._emptied = asyncio.get_running_loop().create_future()
            timer = self._.clock.call_later(seconds, self._give_up)
            try:
                await self._emptied
            finally:
                timer.cancel()
        await self._presences.close()

    def _give_up(self) -> None:
        for stream in list(self._streams):
            self._hub.end(stream.connection, _node_draining())
        if self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    async def _opening(self, requests: Requests) -> pb.Open | None:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                first = await anext(requests, None)
        except TimeoutError:
            raise _violation(f"no Open within {OPEN_SECONDS:g} s") from None
        if first is None:
            return None
        if first.WhichOneof("message") != "open":
            raise _violation("the first message must be Open")
        self._.validate(first)
        opening = pb.Open()
        opening.CopyFrom(first.open)
        opening.connection_id = opening.connection_id or self._.ids.new()
        return opening

    def _begin(self, caller: Caller, opening: pb.Open) -> Stream:
        if self._draining:
            raise _node_draining()
        channel = self._.channel(caller.org, opening.channel_id)
        if not channel.implementation.HasField("connection"):
            raise errors.invalid(
                "open.channel_id", f"{opening.channel_id!r} is not served by connections"
            )
        stream = Stream(self._, self._hub, self._presences, caller, opening)
        self._hub.add(stream.connection)
        self._streams.add(stream)
        self._.wake(caller.org, opening.channel_id)
        return stream

    async def _finish(self, stream: Stream) -> None:
        self._hub.remove(stream.connection)
        try:
            await stream.stop()
        finally:
            self._streams.discard(stream)
            if not self._streams and self._emptied is not None and not self._emptied.done():
                self._emptied.set_result(None)


class Stream:
    """One client's stream: a reader, and what is to be written."""

    def __init__(
        self,
        parts: ConnectionParts,
        hub: ConnectionHub,
        presences: Presences,
        caller: Caller,
        opening: pb.Open,
    ) -> None:
        self.connection = Connection(caller.org, opening)
        self._ = parts
        self._hub = hub
        self._presences = presences
        self._caller = caller
        self._sends = Sends(caller, self.connection, parts.inbound, parts.validate)
        self._pongs: deque[int] = deque()  # bounded: by MAX_PONGS
        self._reader: asyncio.Task[None] | None = None
        self._visit: Visit | None = None
        self._told = False
        """The client knows that the stream ends."""

    def start(self, requests: Requests) -> None:
        """Begin to read."""
        self._visit = self._presences.enter(self._caller, self.connection)
        self._reader = asyncio.ensure_future(self._read(requests))
        self._reader.add_done_callback(lambda _: self.connection.ring())

    async def stop(self) -> None:
        """Let go of everything."""
        self._presences.leave(self._visit)
        await self._stop_reading()
        await self._sends.cancel()

    # -------------------------------------------------------------- writing

    async def next_response(self) -> Response | None:
        """What is to be written next; None when the stream has ended.

        Raises:
            RoomdError: why it ends.
        """
        connection, sends = self.connection, self._sends
        while True:
            if connection.error is not None:
                raise connection.error
            if connection.closing is not None and not self._told:
                self._told = True
                await self._stop_reading()
                return pb.ChannelServiceConnectResponse(closing=connection.closing)
            if self._pongs:
                return pb.ChannelServiceConnectResponse(pong=self._pongs.popleft())
            drained = connection.outbox.drain()
            if drained is not None:
                if drained.results:
                    sends.release(drained.results)
                return drained.data
            if self._ended and not sends.in_flight:
                return None
            await connection.wait()
            if sends.open:
                # More answers are certain to come: one write for several costs less.
                await asyncio.sleep(LINGER_SECONDS)

    @property
    def _ended(self) -> bool:
        """Whether the client says no more; raises what broke the reader, if anything did."""
        reader = self._reader
        if reader is None or not reader.done():
            return reader is None
        if not reader.cancelled():
            reader.result()
        return True

    # -------------------------------------------------------------- reading

    async def _read(self, requests: Requests) -> None:
        try:
            async for request in requests:
                kind = request.WhichOneof("message")
                if kind == "send":
                    await self._take_sends(request.send)
                elif kind is None or kind not in _HANDLERS:
                    raise _violation(f"{kind or 'an empty message'} is not taken here")
                else:
                    self._.validate(request)
                    await _HANDLERS[kind](self, request)
        except errors.RoomdError as error:
            self._hub.end(self.connection, error)

    async def _stop_reading(self) -> None:
        reader = self._reader
        if reader is not None and not reader.done():
            reader.cancel()
            await asyncio.wait((reader,))

    async def _take_sends(self, batch: pb.SendBatch) -> None:
        sends = self._sends
        if len(batch.items) > MAX_ITEMS:
            raise errors.invalid(
                "send.items", f"has {len(batch.items)} entries, at most {MAX_ITEMS}"
            )
        for item in batch.items:
            if sends.full:
                await sends.room()
            sends.take(item)

    async def _take_acknowledge(self, request: pb.ChannelServiceConnectRequest) -> None:
        for delivery_id in request.acknowledge.delivery_ids:
            self._hub.acknowledge(self.connection, delivery_id)

    async def _take_signal(self, request: pb.ChannelServiceConnectRequest) -> None:
        signal, connection = request.signal, self.connection
        event = pb.EphemeralEvent(
            type=signal.type, user_id=connection.participant_id, channel_id=connection.channel_id
        )
        if signal.HasField("data"):
            event.data.CopyFrom(signal.data)
        try:
            async with asyncio.timeout(SIGNAL_SECONDS):
                await self._.signal(self._caller, signal.room_id, event)
        except (errors.NotFound, errors.ResourceExhausted, errors.Unavailable) as error:
            # Fleeting: a client that was just detached must not lose its stream over it.
            log.debug("a signal was dropped: %s", error.message)
        except TimeoutError:
            log.debug("a signal was dropped: too slow")

    async def _take_subscribe(self, request: pb.ChannelServiceConnectRequest) -> None:
        line = self._hub.line_of(self.connection)
        if line is not None:
            for room_id in request.subscribe.room_ids:
                line.show(self.connection, room_id)
            self._presences.look_again(self._visit)

    async def _take_unsubscribe(self, request: pb.ChannelServiceConnectRequest) -> None:
        line = self._hub.line_of(self.connection)
        if line is not None:
            for room_id in request.unsubscribe.room_ids:
                line.hide(self.connection, room_id)
            self._presences.look_again(self._visit)

    async def _take_ping(self, request: pb.ChannelServiceConnectRequest) -> None:
        if len(self._pongs) >= MAX_PONGS:
            raise _violation(f"more than {MAX_PONGS} pings are waiting; read the answers")
        self._pongs.append(request.ping)
        self.connection.ring()


_HANDLERS: dict[str, Callable[[Stream, pb.ChannelServiceConnectRequest], Awaitable[None]]] = {
    "acknowledge": Stream._take_acknowledge,
    "signal": Stream._take_signal,
    "subscribe": Stream._take_subscribe,
    "unsubscribe": Stream._take_unsubscribe,
    "ping": Stream._take_ping,
}


def _violation(message: str) -> errors.FailedPrecondition:
    return errors.FailedPrecondition(pb.ERROR_REASON_PROTOCOL_VIOLATION, message)


def _node_draining() -> errors.Unavailable:
    return errors.Unavailable(
        pb.ERROR_REASON_NODE_DRAINING, "this server is going away; connect to another one"
    )
