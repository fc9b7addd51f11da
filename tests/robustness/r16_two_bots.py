"""R16: two bots that answer each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from findings import Fault, Report
from site_of_test import Site
from workers import provider
from world import World, world_of

from roomd import v1 as pb

MAX_DEPTH = 5
LIMIT = "event_chain_depth_limit"
OBSERVED = "event_chain_depth_exceeded"


@dataclass(frozen=True)
class Size:
    """How much."""

    rooms: int


async def run(site: Site, size: Size) -> Report:
    """One message per room, which both bots answer, and each other's answers too."""
    report = Report()
    rooms = [f"room-{number}" for number in range(size.rooms)]
    async with site.embedded() as running, world_of(running) as world:
        await world.settle_in(*rooms)
        async with world.worker(answer, provider("ping"), provider("pong")):
            for name in ("ping", "pong"):
                await add_bot(world, name, rooms)
            for room_id in rooms:
                await world.say(room_id, "begin", wait=pb.WAIT_DELIVERED, timeout=60.0)
            found = [await look(world, room_id) for room_id in rooms]
    for what, expected in EXPECTED.items():
        report.equal(what, dict(Counter(str(one[what]) for one in found)), {expected: size.rooms})
    return report


EXPECTED = {
    "deepest answer that was let in": str(MAX_DEPTH - 1),
    "depth of what was blocked": f"{{{MAX_DEPTH}}}",
    "blocked answers say why": f"{{{LIMIT!r}}}",
    "an observation tells of it": "True",
    "deliveries left over": "0",
}


async def look(world: World, room_id: str) -> dict[str, Any]:
    """What became of the conversation of a room."""
    events = await world.events(room_id)
    blocked = [one for one in events if one.blocked_by]
    observations = (await world.call("ListObservations", room_id=room_id)).observations
    unfinished = (pb.DELIVERY_STATE_PENDING, pb.DELIVERY_STATE_SENDING)
    return {
        "deepest answer that was let in": max(
            one.chain_depth for one in events if not one.blocked_by
        ),
        "depth of what was blocked": {one.chain_depth for one in blocked},
        "blocked answers say why": {one.blocked_by for one in blocked},
        "an observation tells of it": any(one.category == OBSERVED for one in observations),
        "deliveries left over": len(await world.deliveries(room_id, *unfinished)),
    }


async def add_bot(world: World, name: str, rooms: list[str]) -> None:
    """An AI channel that a worker answers for."""
    worker = pb.ChannelImplementation(worker=pb.ChannelImplementation.Worker(handler=name))
    bot = pb.Channel(channel_id=name, type=pb.CHANNEL_TYPE_AI, implementation=worker)
    await world.call("RegisterChannel", channel=bot)
    for room_id in rooms:
        await world.call("AttachChannel", room_id=room_id, channel_id=name)


def answer(invocation: pb.Invocation) -> pb.HandlerResult:
    """Say something to whatever was said."""
    said = pb.RoomEvent(content=pb.Content(text=pb.TextContent(body=invocation.handler)))
    return pb.HandlerResult(response=pb.Response(events=[said]))


FAULT = Fault(
    "R16",
    "two bots answer each other",
    run,
    short=Size(rooms=2),
    long=Size(rooms=100),
    without={"chain-limit": "deepest answer that was let in"},
)
