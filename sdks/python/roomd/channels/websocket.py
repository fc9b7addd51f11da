"""The channel of live connections."""

from __future__ import annotations

from roomd._live import SendFn, StreamSendFn, check_room_id
from roomd.channels.base import Channel, plain_event
from roomd.models.channel import ChannelBinding, ChannelOutput
from roomd.models.delivery import InboundMessage
from roomd.models.enums import ChannelType
from roomd.models.event import RoomEvent
from roomd.models.room import RoomContext


class PendingConnection:
    """A connection that was registered before the kit was connected."""

    def __init__(
        self, send: SendFn, stream_send: StreamSendFn | None, rooms: tuple[str, ...]
    ) -> None:
        self.send = send
        self.stream_send = stream_send
        self.rooms = rooms


class WebSocketChannel(Channel):
    """Many live connections behind one channel id. The service delivers to them; this class
    only remembers which callbacks belong to it until the kit connects them.
    """

    channel_type = ChannelType.WEBSOCKET

    def __init__(self, channel_id: str) -> None:
        super().__init__(channel_id)
        self.pending: dict[str, PendingConnection] = {}
        """Connection id → callbacks, taken by the kit at the next call."""
        self.dropped: set[str] = set()
        """Connections to hang up at the next call."""

    def register_connection(
        self,
        connection_id: str,
        send_fn: SendFn,
        room_id: str | None = None,
        *,
        stream_send_fn: StreamSendFn | None = None,
    ) -> None:
        """Add a connection; it sees ``room_id``, or all rooms the channel is attached to.

        Raises:
            ValidationFailedError: no room can have the id.
        """
        rooms = (room_id,) if room_id else ()
        for name in rooms:
            check_room_id(name)
        self.dropped.discard(connection_id)
        self.pending[connection_id] = PendingConnection(send_fn, stream_send_fn, rooms)

    def unregister_connection(self, connection_id: str) -> None:
        """Remove a connection."""
        if self.pending.pop(connection_id, None) is None:
            self.dropped.add(connection_id)

    async def handle_inbound(self, message: InboundMessage, context: RoomContext) -> RoomEvent:
        """The message as it is."""
        return plain_event(self, message, context.room.id)

    async def deliver(
        self, event: RoomEvent, binding: ChannelBinding, context: RoomContext
    ) -> ChannelOutput:
        """Deliveries go to the connections directly."""
        return ChannelOutput.empty()
