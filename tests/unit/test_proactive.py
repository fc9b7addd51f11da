"""What waits in a room's queue is said once, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from core_services import ME, Services, eventually, services

from roomd import v1 as pb
from roomd_server.core import proactive
from roomd_server.core.errors import Unavailable
from roomd_server.core.options import EngineOptions
from roomd_server.core.ports import QueuedText
from roomd_server.core.proactive import Proactive, ProactiveParts
from roomd_server.core.proposal import Admission, Proposal
from roomd_server.core.room import Draft, RoomActor
from roomd_server.core.rooms import locked


@dataclass
class Entrance:
    """Commits what is to be said, as the pipeline does; or does not."""

    s: Services
    fails: int = 0
    outcome: int = pb.OUTCOME_ACCEPTED
    said: list[str] = field(default_factory=list)

    async def enter(self, actor: RoomActor, proposal: Proposal) -> Admission:
        if self.fails:
            self.fails -= 1
            raise Unavailable(pb.ERROR_REASON_STORE_DOWN, "away")
        if self.outcome != pb.OUTCOME_ACCEPTED:
            return Admission(self.outcome, reason="room_closed")
        self.said.append(proposal.event.content.text.body)
        async with locked(self.s.directory, actor.org, actor.room_id) as owner:
            draft = Draft(owner, self.s.clock)
            draft.add_event(proposal.event)
            draft.writes.removed_queued = proposal.releases
            await draft.commit()
        return Admission(self.outcome, proposal.event)


@dataclass
class Rig:
    s: Services
    entrance: Entrance
    proactive: Proactive

    async def queue(self, body: str, strategy: int = pb.DELIVER_STRATEGY_WAIT_FOR_IDLE) -> None:
        request = pb.DeliverRequest(
            room_id="r1",
            channel_id="ws",
            content=pb.Content(text=pb.TextContent(body=body)),
            strategy=strategy,
        )
        answer = await self.proactive.deliver(ME, request)
        assert answer.outcome == pb.OUTCOME_HELD

    async def stored(self) -> list[str]:
        snapshot = await self.s.store.load_room("acme", "r1")
        assert snapshot is not None
        return [one.request.content.text.body for one in snapshot.queued]

    async def until_empty(self) -> None:
        async def waits() -> bool:
            self.s.clock.advance(1.0)
            return bool(self.proactive._flushers)

        for _ in range(500):
            if not await waits():
                break
            await asyncio.sleep(0.002)
        assert await self.stored() == []


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with services() as s:
        entrance = Entrance(s)
        parts: Any = (s.store, s.directory, entrance, s.hooks, s.clock, s.ids, EngineOptions())
        made = Rig(s, entrance, Proactive(ProactiveParts(*parts)))
        actor = await s.room()
        await s.bind(actor, "ws")
        actor.generating = 1
        yield made
        await made.proactive.close()


async def test_what_is_queued_is_said_when_the_room_is_idle(rig: Rig) -> None:
    for body in ("one", "two"):
        await rig.queue(body)
    assert await rig.stored() == ["one", "two"]
    assert rig.entrance.said == []
    (await rig.s.directory.get("acme", "r1")).generating = 0
    await rig.until_empty()
    assert rig.entrance.said == ["one", "two"]


async def test_texts_of_one_channel_are_gathered(rig: Rig) -> None:
    for body in ("one", "two"):
        await rig.queue(body, pb.DELIVER_STRATEGY_QUEUED)
    await rig.until_empty()
    assert rig.entrance.said == ["one\n\ntwo"]


async def test_a_store_that_is_away_delays_it(rig: Rig) -> None:
    rig.entrance.fails = 3
    await rig.queue("one")
    await rig.until_empty()
    assert rig.entrance.said == ["one"]


async def test_a_room_that_is_loaded_anew_says_it_once(rig: Rig) -> None:
    before = await rig.s.directory.get("acme", "r1")
    await rig.queue("one")
    before.broken = True
    present = await rig.s.directory.get("acme", "r1")
    assert present is not before
    await rig.until_empty()
    assert (rig.entrance.said, present.queued) == (["one"], [])
    present.generating = 1
    await rig.queue("two")
    await rig.until_empty()
    assert rig.entrance.said == ["one", "two"]
    await eventually(lambda: before.pins == present.pins == 0)


async def test_every_room_that_waits_is_taken_up_after_a_start(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are: those behind the first page come when that has said its own."""
    monkeypatch.setattr(proactive, "RECOVERED_ROOMS", 2)
    for number in range(5):
        room_id = f"late-{number}"
        actor = await rig.s.room(room_id)
        await rig.s.bind(actor, "ws")
        text = pb.Content(text=pb.TextContent(body=room_id))
        request = pb.DeliverRequest(room_id=room_id, channel_id="ws", content=text)
        draft = Draft(actor, rig.s.clock)
        draft.writes.queued = [QueuedText(f"q{number}", request, rig.s.clock.now())]
        await draft.commit()
    await rig.proactive.recover()
    await eventually(lambda: len(rig.entrance.said) == 5)
    await rig.until_empty()
    assert sorted(rig.entrance.said) == [f"late-{number}" for number in range(5)]
    await eventually(rig.proactive._recovering.done)


async def test_what_the_room_refuses_leaves_the_queue(rig: Rig) -> None:
    rig.entrance.outcome = pb.OUTCOME_REFUSED
    await rig.queue("one")
    await rig.until_empty()
    assert (await rig.s.directory.get("acme", "r1")).queued == []
