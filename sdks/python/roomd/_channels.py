"""The channels that a kit has registered, and the live connections it holds."""

from __future__ import annotations

from google.protobuf.struct_pb2 import Struct

from roomd import v1 as pb
from roomd._convert import CHANNEL_TYPES, capabilities_to_pb
from roomd._live import LiveConnection, SendFn, StreamSendFn
from roomd._names import handler_name
from roomd._serving import channel_handler
from roomd._session import Session
from roomd.channels.base import Channel
from roomd.channels.websocket import WebSocketChannel
from roomd.core.router import ContentTranscoder
from roomd.exceptions import ChannelAlreadyRegisteredError, ChannelNotRegisteredError
from roomd.models.enums import ChannelType


class Channels:
    """Registers channels with the service and serves them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._channels: dict[str, Channel] = {}
        self._live: dict[tuple[str, str], LiveConnection] = {}
        self._transcoder: ContentTranscoder | None = None
        session.before_ready.append(self._take_connections)

    @property
    def transcoder(self) -> ContentTranscoder | None:
        """What replaces the built-in rules; None: nothing."""
        return self._transcoder

    @transcoder.setter
    def transcoder(self, transcoder: ContentTranscoder | None) -> None:
        self._transcoder = transcoder
        for channel in self._channels.values():
            if not isinstance(channel, WebSocketChannel):
                self._serve(channel)

    def all(self) -> list[Channel]:
        """All registered channels."""
        return list(self._channels.values())

    def get(self, channel_id: str) -> Channel | None:
        """A registered channel, or None."""
        return self._channels.get(channel_id)

    def type_of(self, channel_id: str) -> ChannelType | None:
        """The type of a registered channel, or None."""
        channel = self._channels.get(channel_id)
        return channel.channel_type if channel is not None else None

    def register(self, channel: Channel) -> None:
        """Register a channel; it is brought to the service before the next call.

        Raises:
            ChannelAlreadyRegisteredError: its id is taken.
        """
        if channel.channel_id in self._channels:
            raise ChannelAlreadyRegisteredError(
                f"channel {channel.channel_id!r} is registered already"
            )
        self._channels[channel.channel_id] = channel
        self._session.enqueue(lambda: self._register(channel))
        if not isinstance(channel, WebSocketChannel):
            self._serve(channel)

    def _serve(self, channel: Channel) -> None:
        self._session.enqueue_handler(
            handler_name(channel.channel_id, "channel-"),
            channel_handler(channel, self._transcoder),
        )

    async def _register(self, channel: Channel) -> None:
        implementation = pb.ChannelImplementation()
        if isinstance(channel, WebSocketChannel):
            implementation.connection.SetInParent()
        else:
            implementation.worker.handler = handler_name(channel.channel_id, "channel-")
        wanted = pb.Channel(
            channel_id=channel.channel_id,
            type=CHANNEL_TYPES.number(channel.channel_type),
            implementation=implementation,
            settings=Struct(),
        )
        capabilities = channel.capabilities()
        if capabilities is not None:
            wanted.capabilities.CopyFrom(capabilities_to_pb(capabilities))
        await self._session.client.call(
            "/roomd.v1.ChannelService/RegisterChannel",
            pb.RegisterChannelRequest(channel=wanted, replace=True),
            pb.RegisterChannelResponse,
        )

    async def unregister(self, channel_id: str) -> None:
        """Remove a channel everywhere.

        Raises:
            ChannelNotRegisteredError: there is none.
        """
        channel = self._channels.pop(channel_id, None)
        await self._session.call(
            "ChannelService/UnregisterChannel",
            pb.UnregisterChannelRequest(channel_id=channel_id, force=True),
            pb.UnregisterChannelResponse,
        )
        if channel is not None:
            self._session.drop_handler(handler_name(channel_id, "channel-"))
            await channel.close()

    # -------------------------------------------------------------- live connections

    def _take_connections(self) -> None:
        """Connect what was registered on WebSocket channels since the last call."""
        for channel in self._channels.values():
            if not isinstance(channel, WebSocketChannel):
                continue
            for connection_id in list(channel.pending):
                pending = channel.pending.pop(connection_id)
                live = (channel.channel_id, connection_id, pending)
                self._session.enqueue(
                    lambda live=live: self._open(
                        live[0], live[1], live[2].send, live[2].stream_send, live[2].rooms
                    )  # type: ignore[misc]
                )
            for connection_id in list(channel.dropped):
                channel.dropped.discard(connection_id)
                key = (channel.channel_id, connection_id)
                self._session.enqueue(lambda key=key: self._hang_up(key))  # type: ignore[misc]

    async def _open(
        self,
        channel_id: str,
        connection_id: str,
        send: SendFn,
        stream_send: StreamSendFn | None,
        rooms: tuple[str, ...],
    ) -> None:
        await self._hang_up((channel_id, connection_id))
        live = LiveConnection(
            self._session.client,
            channel_id,
            connection_id,
            send,
            stream_send=stream_send,
            rooms=rooms,
        )
        self._live[channel_id, connection_id] = live
        await live.open()

    async def _hang_up(self, key: tuple[str, str]) -> None:
        live = self._live.pop(key, None)
        if live is not None:
            await live.close()

    async def connect(
        self,
        channel_id: str,
        connection_id: str,
        send: SendFn,
        room_id: str | None,
        stream_send: StreamSendFn | None,
    ) -> None:
        """Add a live connection.

        Raises:
            ChannelNotRegisteredError: no WebSocket channel of this kit has the id.
        """
        channel = self._websocket(channel_id)
        channel.register_connection(connection_id, send, room_id, stream_send_fn=stream_send)
        await self._session.ready()

    async def disconnect(self, channel_id: str, connection_id: str) -> None:
        """Remove a live connection."""
        self._websocket(channel_id).unregister_connection(connection_id)
        await self._session.ready()

    async def subscribe(self, channel_id: str, connection_id: str, room_id: str) -> None:
        """Let a connection see one more room."""
        await self._session.ready()
        await self._connection(channel_id, connection_id).subscribe(room_id)

    async def unsubscribe(self, channel_id: str, connection_id: str, room_id: str) -> None:
        """Let a connection see a room no more."""
        await self._session.ready()
        await self._connection(channel_id, connection_id).unsubscribe(room_id)

    def _connection(self, channel_id: str, connection_id: str) -> LiveConnection:
        live = self._live.get((channel_id, connection_id))
        if live is None:
            raise ChannelNotRegisteredError(
                f"channel {channel_id!r} has no connection {connection_id!r}"
            )
        return live

    def _websocket(self, channel_id: str) -> WebSocketChannel:
        channel = self._channels.get(channel_id)
        if not isinstance(channel, WebSocketChannel):
            raise ChannelNotRegisteredError(
                f"no WebSocket channel {channel_id!r} is registered on this kit"
            )
        return channel

    async def close(self) -> None:
        """Hang up all connections and close the channels."""
        for key in list(self._live):
            await self._hang_up(key)
        for channel in self._channels.values():
            await channel.close()
