"""Channels and bindings on the services of the engine, with drivers that are counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from core_services import ME, HandClock, Services, services

from roomd import v1 as pb
from roomd_server.channels.connection import ConnectionHub
from roomd_server.channels.script import ScriptDriver
from roomd_server.channels.system import SystemDriver
from roomd_server.core.bindings import Bindings
from roomd_server.core.channels import ChannelDirectory
from roomd_server.core.options import EngineOptions
from roomd_server.core.ports import Ask, Driver
from roomd_server.core.room import RoomActor
from roomd_server.core.rooms import Rooms


@dataclass
class Channels:
    """What the tests of channels work with."""

    services: Services
    hub: ConnectionHub
    channels: ChannelDirectory
    bindings: Bindings
    drivers: Mapping[str, Driver]
    options: EngineOptions

    async def register(self, channel_id: str, kind: int = pb.CHANNEL_TYPE_WEBSOCKET, **fields: Any):
        replace = fields.pop("replace", False)
        request_id = fields.pop("request_id", "")
        channel = pb.Channel(channel_id=channel_id, type=kind, **fields)
        response = await self.channels.register_channel(
            ME,
            pb.RegisterChannelRequest(channel=channel, replace=replace, request_id=request_id),
        )
        return response.channel

    async def attach(self, channel_id: str, room_id: str = "r1", **fields: Any) -> pb.Binding:
        request = pb.AttachChannelRequest(
            room_id=room_id, channel_id=channel_id, binding=pb.Binding(**fields)
        )
        return (await self.bindings.attach_channel(ME, request)).binding

    async def reloaded(self) -> ChannelDirectory:
        """The channels as the store has them."""
        s = self.services
        other = ChannelDirectory(s.store, s.clock, s.ids, self.drivers, self.options, s.bus)
        await other.load()
        return other

    def ask(self, channel_id: str, actor: RoomActor, event: pb.RoomEvent, **fields: Any) -> Ask:
        channel = self.channels.get(ME.org, channel_id)
        binding = actor.bindings.get(channel_id) or pb.Binding(channel_id=channel_id)
        ask = Ask(ME.org, channel, binding, event, "d1", "", 1, 1, actor.context)
        return ask._replace(**fields)


@asynccontextmanager
async def channel_services(
    clock: HandClock | None = None, **options: Any
) -> AsyncIterator[Channels]:
    async with services(clock) as s:
        limits = EngineOptions(**options)
        hub = ConnectionHub(s.clock, s.bus)
        script = ScriptDriver(s.clock)
        drivers = {
            "connection": hub,
            "worker": SystemDriver(),
            "script": script,
            "system": SystemDriver(),
        }
        channels = ChannelDirectory(s.store, s.clock, s.ids, drivers, limits, s.bus)
        await channels.load()
        hub.use(s.directory, channels)
        s.desk.add_sink(hub)
        rooms = Rooms(s.directory, s.hooks)
        bindings = Bindings(s.store, rooms, channels, s.notifier, s.clock, s.ids, limits)
        yield Channels(s, hub, channels, bindings, drivers, limits)
