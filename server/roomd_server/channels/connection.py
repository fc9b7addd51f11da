"""Who is connected, and what reaches whom: deliveries and fleeting events.

The stream of one client, and what it sends, is in ``connection_stream.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from roomd import v1 as pb
from roomd_server.channels.live import Connection, Line
from roomd_server.channels.offers import Offer
from roomd_server.channels.wire import delivery_frame, ephemeral_frame
from roomd_server.core import errors
from roomd_server.core.bus import FrameworkBus
from roomd_server.core.channels import ChannelDirectory
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.permissions import can_hear
from roomd_server.core.ports import Ask, Clock, ResponderFailed
from roomd_server.core.room import RoomActor
from roomd_server.core.times import duration

MISSED_IN_A_ROW = 3
"""So many deliveries not acknowledged in time, and a connection is given up."""
MAX_UNACKNOWLEDGED = 1000
"""Deliveries that one connection may owe an acknowledgement for."""
MAX_STREAMS = 256
"""Answers that one connection follows; of more it gets beginnings again."""
RECONNECT_JITTER_SECONDS = 2.0

NEEDS: Mapping[int, str] = {
    pb.EPHEMERAL_TYPE_TYPING_START: "supports_typing",
    pb.EPHEMERAL_TYPE_TYPING_STOP: "supports_typing",
    pb.EPHEMERAL_TYPE_READ_RECEIPT: "supports_read_receipts",
    pb.EPHEMERAL_TYPE_REACTION: "supports_reactions",
    pb.EPHEMERAL_TYPE_STREAM_START: "supports_streaming",
    pb.EPHEMERAL_TYPE_STREAM_DELTA: "supports_streaming",
    pb.EPHEMERAL_TYPE_STREAM_END: "supports_streaming",
    pb.EPHEMERAL_TYPE_STREAM_RETRACT: "supports_streaming",
}
"""The capability that a channel needs to be shown something fleeting; others need none."""

_ENDINGS = frozenset((pb.EPHEMERAL_TYPE_STREAM_END, pb.EPHEMERAL_TYPE_STREAM_RETRACT))

_SENT = pb.DELIVERY_STATE_SENT
_EMPTY = Line()
"""Of a channel to which nobody is connected; nothing is ever added to it."""


class ConnectionHub:
    """All live connections (a ``ports.Driver`` and a ``ports.EphemeralSink``)."""

    def __init__(self, clock: Clock, bus: FrameworkBus) -> None:
        self._clock = clock
        self._bus = bus
        self._lines: dict[str, dict[str, Line]] = {}
        """Organization → channel id → its connections; a line exists while it has some."""
        self._rooms: RoomDirectory | None = None
        self._channels: ChannelDirectory | None = None
        self._last_event: tuple[pb.RoomEvent, bytes] | None = None

    def use(self, rooms: RoomDirectory, channels: ChannelDirectory) -> None:
        """Take what is made after the hub; call it once at start."""
        self._rooms = rooms
        self._channels = channels
        channels.on_gone = self.close_channel
        channels.heard_by_others = self.heard_by_others

    # -------------------------------------------------------------- who is there

    @property
    def count(self) -> int:
        """Live connections."""
        return sum(len(line.connections) for line in self._all_lines())

    def add(self, connection: Connection) -> None:
        """Take a connection. One with the same id is put out: its client has come back."""
        before = self._find_line(connection.org, connection.channel_id).connections.get(
            connection.connection_id
        )
        if before is not None:
            self.end(
                before,
                errors.FailedPrecondition(
                    pb.ERROR_REASON_PROTOCOL_VIOLATION,
                    f"another stream was opened as connection {connection.connection_id!r}",
                ),
            )
        lines = self._lines.setdefault(connection.org, {})
        line = lines.setdefault(connection.channel_id, Line())
        line.add(connection)
        self._tell("channel_connected", connection)

    def remove(self, connection: Connection) -> None:
        """Forget a connection. Idempotent."""
        line = self.line_of(connection)
        if line is None:
            return
        line.remove(connection)
        if not line.connections:
            lines = self._lines[connection.org]
            del lines[connection.channel_id]
            if not lines:
                del self._lines[connection.org]
        for offer in list(connection.unacknowledged.values()):
            offer.leave(connection)
        connection.unacknowledged.clear()
        connection.outbox.clear()
        self._tell("channel_disconnected", connection)

    def end(self, connection: Connection, error: errors.RoomdError) -> None:
        """End a connection's stream with an error; from now on it gets nothing."""
        self.remove(connection)
        if connection.error is None:
            connection.error = error
        connection.ring()

    def close(self, connection: Connection, reason: str) -> None:
        """End a connection's stream politely: what is in flight is answered."""
        if connection.closing is None:
            connection.closing = pb.Closing(
                reason=reason, reconnect_jitter=duration(RECONNECT_JITTER_SECONDS)
            )
            connection.ring()

    def close_channel(self, org: str, channel: pb.Channel) -> None:
        """Close all connections of a channel that is gone."""
        for connection in list(self._find_line(org, channel.channel_id).connections.values()):
            self.close(connection, "CHANNEL_REMOVED")

    def close_all(self, reason: str) -> None:
        """Close all connections."""
        for line in self._all_lines():
            for connection in list(line.connections.values()):
                self.close(connection, reason)

    def line_of(self, connection: Connection) -> Line | None:
        """The line that a live connection belongs to."""
        line = self._find_line(connection.org, connection.channel_id)
        known = line.connections.get(connection.connection_id)
        return line if known is connection else None

    def attached(self, org: str, channel: pb.Channel) -> int:
        """Connections of a channel."""
        return len(self._find_line(org, channel.channel_id).connections)

    def heard_by_others(self, org: str, channel_id: str, event: pb.RoomEvent) -> bool:
        """Whether a connection other than the event's own sees its room."""
        line = self._lines.get(org, {}).get(channel_id)
        if line is None:
            return False
        own = event.source.connection_id
        return any(connection.connection_id != own for connection in line.audience(event.room_id))

    def _find_line(self, org: str, channel_id: str) -> Line:
        lines = self._lines.get(org)
        return lines.get(channel_id, _EMPTY) if lines is not None else _EMPTY

    def _all_lines(self) -> list[Line]:
        return [line for lines in self._lines.values() for line in lines.values()]

    def _tell(self, kind: str, connection: Connection) -> None:
        self._bus.emit(
            connection.org,
            kind,
            channel_id=connection.channel_id,
            connection_id=connection.connection_id,
            participant_id=connection.participant_id,
        )

    # -------------------------------------------------------------- deliveries

    async def deliver(self, ask: Ask) -> pb.DeliveryOutcome:
        """Offer an event to all connections that see its room, but not to its own.

        DELIVERED once a connection has acknowledged it, SENT when only connections that do
        not acknowledge have it. Waits at most 5 s.
        """
        event = ask.event
        channel_id = ask.channel.channel_id
        audience = list(self._find_line(ask.org, channel_id).audience(event.room_id))
        if not audience:
            return _no_connection(retryable=False)
        own = _own_connection(event, channel_id)
        others = [connection for connection in audience if connection.connection_id != own]
        if not others:
            return _outcome(_SENT)
        delivery_id = ask.delivery_id if ask.parts == 1 else f"{ask.delivery_id}#{ask.part}"
        frame = delivery_frame(delivery_id, self._serialised(event))
        took = [connection for connection in others if self._offer(connection, frame)]
        asked = [connection for connection in took if connection.acknowledges]
        if not asked:
            return _outcome(_SENT) if took else _no_connection(retryable=True)
        settled = len(took) > len(asked)
        offer = Offer(delivery_id, frame, asked, partial(self._settle, settled))
        offer.begin(self._clock)
        try:
            await offer.done
        finally:
            offer.end()
        if offer.acknowledged:
            return _outcome(pb.DELIVERY_STATE_DELIVERED)
        if settled:
            return _outcome(_SENT)
        if not offer.waiting:
            return _no_connection(retryable=True)  # all left while we waited
        return _failed("timeout", "no connection acknowledged it in time", retryable=True)

    async def respond(self, ask: Ask) -> AsyncIterator[str | pb.Response]:
        """Connections are people; they are not asked for answers."""
        raise ResponderFailed(
            "not_intelligent", "a connection channel does not answer", retryable=False
        )
        yield ""  # pragma: no cover - makes it a generator

    def acknowledge(self, connection: Connection, delivery_id: str) -> None:
        """Take an acknowledgement; one that nobody waits for any more is ignored."""
        offer = connection.unacknowledged.pop(delivery_id, None)
        if offer is not None:
            offer.take(connection)

    def _offer(self, connection: Connection, frame: bytes) -> bool:
        """Put a delivery into a connection's outbox; a client that is too slow is put out."""
        if len(connection.unacknowledged) < MAX_UNACKNOWLEDGED:
            if connection.closing is None and connection.outbox.offer_delivery(frame):
                connection.ring()
                return True
            if connection.closing is not None:
                return False
        self.end(connection, _too_slow("it does not read"))
        return False

    def _settle(self, settled: bool, offer: Offer) -> None:
        """Count those who did not acknowledge, and offer again.

        When nobody has it, the delivery failed and its lane offers it again to all.
        """
        again = []
        for connection in offer.waiting.values():
            connection.missed += 1
            if connection.missed >= MISSED_IN_A_ROW:
                self.end(connection, _too_slow(f"it missed {MISSED_IN_A_ROW} acknowledgements"))
            elif (settled or offer.acknowledged) and self._offer(connection, offer.frame):
                again.append(connection)
        if again:
            repeated = Offer(offer.delivery_id, offer.frame, again, partial(self._settle, True))
            repeated.begin(self._clock)

    def _serialised(self, event: pb.RoomEvent) -> bytes:
        """The event's bytes; lanes of one room often bring the same one in a row."""
        known = self._last_event
        if known is not None and known[0] is event:
            return known[1]
        data = event.SerializeToString()
        self._last_event = (event, data)
        return data

    # -------------------------------------------------------------- fleeting events

    def publish(
        self, org: str, event: pb.EphemeralEvent, visible_to: Callable[[str], bool]
    ) -> None:
        """Show something fleeting to connections that want it and may see it."""
        lines = self._lines.get(org)
        if not lines or self._rooms is None or self._channels is None:
            return
        actor = self._rooms.live(org, event.room_id)
        if actor is None:
            return
        need = NEEDS.get(event.type)
        frame: bytes | None = None
        for channel_id in actor.bindings.keys() & lines.keys():
            binding = actor.bindings[channel_id]
            if not can_hear(binding) or not visible_to(channel_id):
                continue
            if need and not getattr(self._channels.capabilities(org, binding), need):
                continue
            for connection in lines[channel_id].audience(event.room_id):
                if connection.ephemeral and connection.closing is None:
                    frame = frame or ephemeral_frame(event)
                    self._show(connection, actor, event, frame)

    def _show(
        self, connection: Connection, actor: RoomActor, event: pb.EphemeralEvent, frame: bytes
    ) -> None:
        stream_id = event.stream.stream_id
        if stream_id:
            if event.type in _ENDINGS:
                connection.streams.discard(stream_id)
            elif stream_id not in connection.streams:
                if event.type != pb.EPHEMERAL_TYPE_STREAM_START:
                    # It came late, or a part was dropped: it gets the text so far instead.
                    frame = ephemeral_frame(_beginning(actor, event))
                if len(connection.streams) >= MAX_STREAMS:
                    connection.streams.clear()
                connection.streams.add(stream_id)
        connection.streams -= connection.outbox.put_ephemeral(frame, stream_id)
        connection.ring()


def _beginning(actor: RoomActor, event: pb.EphemeralEvent) -> pb.EphemeralEvent:
    """A ``STREAM_START`` with the text so far, this event's included."""
    start = pb.EphemeralEvent()
    start.CopyFrom(event)
    start.type = pb.EPHEMERAL_TYPE_STREAM_START
    start.stream.text = "".join(actor.ephemerals.streams.get(event.stream.stream_id, ()))
    return start


def _own_connection(event: pb.RoomEvent, channel_id: str) -> str:
    """The connection the event came from, if it is one of this channel's."""
    source = event.source
    return source.connection_id if source.channel_id == channel_id else ""


def _too_slow(why: str) -> errors.ResourceExhausted:
    return errors.ResourceExhausted(
        pb.ERROR_REASON_SLOW_CONSUMER,
        f"the connection was given up: {why}; connect again and read what was missed",
    )


def _outcome(state: pb.DeliveryState) -> pb.DeliveryOutcome:
    return pb.DeliveryOutcome(result=pb.DeliveryResult(state=state))


def _no_connection(*, retryable: bool) -> pb.DeliveryOutcome:
    return _failed("no_connection", "nobody is connected who sees the room", retryable=retryable)


def _failed(code: str, message: str, *, retryable: bool) -> pb.DeliveryOutcome:
    return pb.DeliveryOutcome(
        result=pb.DeliveryResult(
            state=pb.DELIVERY_STATE_FAILED,
            error_code=code,
            error_message=message,
            retryable=retryable,
        )
    )
