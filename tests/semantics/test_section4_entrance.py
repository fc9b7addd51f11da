"""Semantics 4, steps 1 to 3: limited, routed, converted, before any room is locked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from hook_kit import Worker
from pipeline_kit import ORG, House, Room, content, room_in, served

from roomd import v1 as pb
from roomd_server.core.times import duration, seconds_of
from roomd_server.core.whereabouts import CROWD_ROOMS

pytestmark = pytest.mark.asyncio(loop_scope="module")

ONCE = {"inbound_rate_limit": pb.RateLimit(max_per_hour=1)}
"""A channel that takes one message and then no more for an hour."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with served() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def room(house: House) -> AsyncIterator[Room]:
    async with room_in(house) as made:
        yield made


async def rooms_of(house: House) -> set[str]:
    page = await house.call("ListRooms", page_size=1000)
    return {room.room_id for room in page.rooms}


async def limited(house: House, room: Room, channel: str, **message: Any) -> Any:
    """The refusal of a message for no room in particular."""
    return await house.fails("ProcessInbound", message=room.message("x", channel, **message))


# ------------------------------------------------------------------ 1: inbound rate limit


async def test_s4_step1_a_message_beyond_its_channels_limit_is_refused_with_retry_info(
    house: House, room: Room
) -> None:
    """Inbound rate limit (per channel) → `RESOURCE_EXHAUSTED/RATE_LIMITED` + RetryInfo."""
    await room.add("once", channel=ONCE)
    assert (await room.arrive("first", "once")).outcome == pb.OUTCOME_ACCEPTED
    failure = await limited(house, room, "once")
    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure.reason == "RATE_LIMITED"
    assert 3500 < seconds_of(failure.details["RetryInfo"].retry_delay) <= 3600


async def test_s4_step1_nothing_of_a_limited_message_is_stored(house: House, room: Room) -> None:
    """… nothing stored: no event, and no room for a sender who has none."""
    await room.add("once", channel=ONCE)
    await room.arrive("first", "once")
    before = await rooms_of(house)
    await limited(house, room, "once", sender_id="stranger")
    assert await room.texts() == ["first"]
    assert await rooms_of(house) == before


async def test_s4_step1_a_limited_message_uses_up_no_key(house: House, room: Room) -> None:
    """Nothing stored: the same key is new when the limit lets it in."""
    await room.add("once", channel=ONCE)
    await room.arrive("first", "once")
    await limited(house, room, "once", idempotency_key="k")
    again = await room.arrive("x", "ws", idempotency_key="k")
    assert again.outcome == pb.OUTCOME_ACCEPTED


async def test_s4_step1_one_channels_limit_is_not_anothers(room: Room) -> None:
    """Per channel."""
    await room.add("one", channel=ONCE)
    await room.add("two", channel=ONCE)
    await room.arrive("a", "one")
    assert (await room.arrive("b", "two")).outcome == pb.OUTCOME_ACCEPTED


async def test_s4_step1_the_limit_counts_before_the_room_is_chosen(
    house: House, room: Room
) -> None:
    """Step 1 is before step 2: nobody is asked where a limited message belongs."""
    await room.add("once", channel=ONCE)
    async with routing(house, lambda message: room.room_id) as router:
        await house.call("ProcessInbound", message=room.message("x", "once"))
        await limited(house, room, "once")
        assert len(router.invocations) == 1


async def test_s4_step1_an_organizations_limit_counts_all_its_channels() -> None:
    """… and per organization."""
    async with served(organization_inbound_per_second=0.001) as house, room_in(house) as room:
        await room.add("other")
        await room.arrive("a", "ws")
        failure = await limited(house, room, "other")
        assert failure.reason == "RATE_LIMITED"
        assert 900 < seconds_of(failure.details["RetryInfo"].retry_delay) <= 1000
        assert await room.texts() == ["a"]


async def test_s4_step1_what_one_limit_refuses_takes_no_place_in_the_other() -> None:
    """Both limits hold; a message counts when it enters."""
    async with served(organization_inbound_per_second=2) as house, room_in(house) as room:
        await room.add("once", channel=ONCE)
        await room.arrive("a", "once")
        for _ in range(5):
            await limited(house, room, "once")
        assert (await room.arrive("b", "ws")).outcome == pb.OUTCOME_ACCEPTED


async def test_s4_step1_the_limit_holds_on_live_connections(house: House, room: Room) -> None:
    """Whichever way a message comes in by the channel."""
    await room.add("once", channel=ONCE)
    call = house.client.bidi("/roomd.v1.ChannelService/Connect", house.key)
    await call.write(pb.ChannelServiceConnectRequest(open=pb.Open(channel_id=room.id("once"))))
    items = [
        pb.SendItem(send_id=number, room_id=room.room_id, sender_id="ann", content=content("x"))
        for number in (1, 2)
    ]
    await call.write(pb.ChannelServiceConnectRequest(send=pb.SendBatch(items=items)))
    results: dict[int, pb.SendResult] = {}
    async with asyncio.timeout(5):
        while len(results) < 2:
            answer = await call.read()
            results |= {one.send_id: one for one in answer.batch.results}
    call.cancel()
    assert results[1].outcome == pb.OUTCOME_ACCEPTED
    assert results[2].status.reason == pb.ERROR_REASON_RATE_LIMITED


# ------------------------------------------------------------------ 2: route


class Routing:
    """A worker's router while it is asked."""

    def __init__(
        self, house: House, choose: Callable[[pb.InboundMessage], Any], seconds: float
    ) -> None:
        self._house = house
        self._choose = choose
        self._seconds = seconds
        self._worker: Worker | None = None

    async def __aenter__(self) -> Worker:
        spec = pb.HandlerSpec(inbound_router=pb.InboundRouterSpec(timeout=duration(self._seconds)))
        handler = pb.Handler(name="router", spec=spec)
        self._worker = await self._house.worker(handler, behave=self._behave)
        return self._worker

    async def __aexit__(self, *_: object) -> None:
        assert self._worker is not None
        await self._worker.send(detach=pb.Detach(names=["router"]))
        await self._worker.told("detached")
        await self._worker.kill()

    def _behave(self, invocation: pb.Invocation) -> Any:
        chosen = self._choose(invocation.call.route)
        if isinstance(chosen, str):
            return pb.HandlerResult(route=pb.RouteAnswer(room_id=chosen))
        return chosen


def routing(
    house: House, choose: Callable[[pb.InboundMessage], Any], seconds: float = 5
) -> Routing:
    """A router: a room id, another answer, or None for none at all within these seconds."""
    return Routing(house, choose, seconds)


async def routed(house: House, room: Room, room_id: str = "", **message: Any) -> str:
    """The room that a message by this room's channel goes to."""
    answer = await house.call("ProcessInbound", message=room.message(**message), room_id=room_id)
    assert answer.outcome == pb.OUTCOME_ACCEPTED
    return str(answer.room_id)


async def sharing(house: House, room: Room, *participants: str) -> Room:
    """Another room with the same channel, and with these participants of the channel."""
    other = await house.room()
    await other.call("AttachChannel", channel_id=room.id("ws"))
    for participant_id in participants:
        await join(other, participant_id, room.id("ws"))
    return other


async def join(room: Room, participant_id: str, channel_id: str = "") -> None:
    """Let somebody take part, by a channel."""
    who = pb.Participant(participant_id=participant_id, channel_ids=[channel_id or room.id("ws")])
    await room.call("AddParticipant", participant=who)


async def test_s4_step2_the_room_that_is_named_is_taken(house: House, room: Room) -> None:
    """Route: explicit room, before what the router and the sender's history say."""
    other = await sharing(house, room)
    await room.arrive(sender_id="ann")
    async with routing(house, lambda _: room.room_id) as router:
        assert await routed(house, room, other.room_id) == other.room_id
        assert router.invocations == []


async def test_s4_step2_a_named_room_that_does_not_exist_is_made(house: House, room: Room) -> None:
    """Route: explicit room; the channel is attached to it."""
    wanted = f"new-{room.room_id}"
    assert await routed(house, room, wanted) == wanted
    bindings = await house.call("ListBindings", room_id=wanted)
    assert [binding.channel_id for binding in bindings.bindings] == [room.id("ws")]


async def test_s4_step2_else_a_workers_router_decides(house: House, room: Room) -> None:
    """Else a worker's router, before the sender's own room."""
    other = await sharing(house, room)
    await room.arrive(sender_id="ann")
    async with routing(house, lambda message: other.room_id) as router:
        assert await routed(house, room, sender_id="ann") == other.room_id
        (asked,) = router.invocations
        assert asked.call.route.sender_id == "ann"


@pytest.mark.parametrize(
    "answer",
    [
        pb.HandlerResult(route=pb.RouteAnswer(decline=True)),
        pb.Failure(status=pb.Status(message="broken")),
        None,
    ],
    ids=["declines", "fails", "hangs"],
)
async def test_s4_step2_without_a_routers_answer_the_rules_decide(
    house: House, room: Room, answer: Any
) -> None:
    """Else …: a router that declines, fails or hangs is as none."""
    await sharing(house, room)
    await room.arrive(sender_id="ann")
    async with routing(house, lambda _: answer, seconds=5 if answer else 0.1):
        assert await routed(house, room, sender_id="ann") == room.room_id


async def test_s4_step2_else_the_newest_room_of_the_participant(house: House, room: Room) -> None:
    """Else the newest … room of this participant on this channel."""
    await join(room, "ann")
    newest = await sharing(house, room, "ann")
    await sharing(house, room)
    await newest.say("something new", participant_id="bob")
    assert await routed(house, room, sender_id="ann") == newest.room_id


async def test_s4_step2_the_newest_room_is_taken_though_the_sender_spoke_in_another(
    house: House, room: Room
) -> None:
    """Else the newest room: an answer to the newest conversation belongs there."""
    await room.arrive(sender_id="ann")
    newest = await sharing(house, room, "ann")
    await newest.say("something new", participant_id="bob")
    assert await routed(house, room, sender_id="ann") == newest.room_id


async def test_s4_step2_the_newest_room_is_one_that_the_sender_was_added_to(
    house: House, room: Room
) -> None:
    """Else the newest room: also one that they never spoke in, once it has their channel."""
    await room.arrive(sender_id="ann")
    newest = await house.room()
    await join(newest, "ann", room.id("ws"))
    assert await routed(house, room, sender_id="ann") == room.room_id
    await newest.call("AttachChannel", channel_id=room.id("ws"))
    await newest.say("something new", participant_id="bob")
    assert await routed(house, room, sender_id="ann") == newest.room_id


async def test_s4_step2_the_newest_room_is_taken_though_it_left_the_memory() -> None:
    """Else the newest room, wherever it is kept."""
    async with served(max_live_rooms=4) as house, room_in(house) as room:
        await room.arrive(sender_id="ann")
        newest = await sharing(house, room, "ann")
        await newest.say("something new", participant_id="bob")
        for _ in range(20):
            await house.room()
        assert house.engine.directory.live(ORG, newest.room_id) is None
        assert await routed(house, room, sender_id="ann") == newest.room_id


async def test_s4_step2_the_newest_of_very_many_rooms_is_taken() -> None:
    """Else the newest room, also of somebody who is in more than are looked at."""
    async with served() as house, room_in(house) as room:
        others = [await sharing(house, room, "ann") for _ in range(CROWD_ROOMS + 2)]
        await room.arrive(sender_id="ann")
        assert await routed(house, room, sender_id="ann") == room.room_id
        await others[7].say("something new", participant_id="bob")
        assert await routed(house, room, sender_id="ann") == others[7].room_id


async def test_s4_step2_the_newest_room_is_known_without_asking_the_store(
    house: House, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No read of the store on the way of a message, in however many rooms the sender is."""
    other = await sharing(house, room, "ann")
    await room.arrive(sender_id="ann")

    def unasked(*_: object) -> None:
        raise AssertionError("the store was asked")

    monkeypatch.setattr(house.store, "open_rooms_of_participant", unasked)
    assert await routed(house, room, sender_id="ann") == room.room_id
    await other.say("something new", participant_id="bob")
    assert await routed(house, room, sender_id="ann") == other.room_id


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(
    "repeated", [{"idempotency_key": "k"}, {"provider_message_id": "p"}], ids=["key", "provider"]
)
async def test_s4_step7_a_repeated_message_goes_where_it_went_though_another_room_is_newer(
    tmp_path: Path, restarted: bool, repeated: dict[str, str]
) -> None:
    """Idempotency by key, also when routing would choose another room by now."""
    path = str(tmp_path / "store.db")
    async with served(path) as house:
        room = await house.room()
        newest = await sharing(house, room, "ann")
        await room.call("AddParticipant", participant=pb.Participant(participant_id="ann"))
        message = room.message(**repeated)
        first = await house.call("ProcessInbound", message=message, room_id=room.room_id)
        await newest.say("something new", participant_id="bob")
        if not restarted:
            again = await house.call("ProcessInbound", message=message)
    if restarted:
        async with served(path) as house:
            again = await house.call("ProcessInbound", message=message)
    assert again.outcome == pb.OUTCOME_DUPLICATE
    assert (again.room_id, again.event.event_id) == (room.room_id, first.event.event_id)


async def test_s4_step2_a_room_of_the_participant_on_another_channel_is_not_meant(
    house: House, room: Room
) -> None:
    """… of this participant **on this channel**."""
    elsewhere = await house.room()
    await join(elsewhere, "ann")
    await elsewhere.say("newer")
    assert await routed(house, room, sender_id="ann") == room.room_id


async def test_s4_step2_a_paused_room_of_the_participant_is_taken(house: House, room: Room) -> None:
    """… ACTIVE or PAUSED room."""
    await sharing(house, room)
    await room.arrive(sender_id="ann")
    await room.call("PauseRoom")
    assert await routed(house, room, sender_id="ann") == room.room_id


@pytest.mark.parametrize("known", [True, False])
async def test_s4_step2_a_closed_room_of_the_participant_is_not(
    house: House, room: Room, known: bool
) -> None:
    """… ACTIVE or PAUSED room: no other, whether or not the sender spoke there a moment ago."""
    await (room.arrive(sender_id="ann") if known else join(room, "ann"))
    other = await sharing(house, room, "ann")
    await room.say("newer than the other")
    await room.call("CloseRoom")
    assert await routed(house, room, sender_id="ann") == other.room_id


async def test_s4_step2_else_the_only_open_room_of_the_channel(house: House, room: Room) -> None:
    """Else the only open room the channel is bound to; closed ones do not count."""
    closed = await sharing(house, room)
    await closed.call("CloseRoom")
    assert await routed(house, room, sender_id="stranger") == room.room_id


async def test_s4_step2_it_never_guesses_between_two(house: House, room: Room) -> None:
    """Never guess between two: a stranger gets a room of their own."""
    other = await sharing(house, room)
    chosen = await routed(house, room, sender_id="stranger")
    assert chosen not in (room.room_id, other.room_id)


async def test_s4_step2_else_a_room_is_made_and_the_channel_attached(
    house: House, room: Room
) -> None:
    """Else create a room and attach; there the sender goes on."""
    await room.call("CloseRoom")
    chosen = await routed(house, room, sender_id="ann")
    assert chosen != room.room_id
    bindings = await house.call("ListBindings", room_id=chosen)
    assert [binding.channel_id for binding in bindings.bindings] == [room.id("ws")]
    assert await routed(house, room, sender_id="ann") == chosen


async def test_s4_step2_a_sender_gets_one_room_however_many_messages_come_at_once(
    house: House, room: Room
) -> None:
    """The room of this participant is the one that their first message makes."""
    await sharing(house, room)
    calls = [routed(house, room, sender_id="stranger") for _ in range(5)]
    assert len(set(await asyncio.gather(*calls))) == 1


# ------------------------------------------------------------------ 3: convert


async def test_s4_step3_the_server_says_what_came_whence_and_when(room: Room) -> None:
    """Convert to a RoomEvent; the server stamps id, source, direction, time, chain depth."""
    began = time.time()
    event = (await room.arrive(external_id="x1", provider_message_id="p1", thread_id="t1")).event
    expected = pb.EventSource(
        channel_id=room.id("ws"),
        channel_type=pb.CHANNEL_TYPE_WEBSOCKET,
        direction=pb.DIRECTION_INBOUND,
        participant_id="ann",
        external_id="x1",
        provider_message_id="p1",
        thread_id="t1",
    )
    assert event.source == expected
    assert event.room_id == room.room_id
    assert event.type == pb.EVENT_TYPE_MESSAGE
    assert event.chain_depth == 0
    assert began - 0.001 <= seconds_of(event.create_time) <= time.time()


async def test_s4_step3_every_event_has_an_id_of_its_own(room: Room) -> None:
    """The server stamps id."""
    ids = {(await room.arrive("the same")).event.event_id for _ in range(5)}
    assert len(ids) == 5
    assert "" not in ids


async def test_s4_step3_a_worker_may_convert_a_message(room: Room) -> None:
    """Convert: a channel's worker says it in its own words; what the server stamps stays."""
    converted = pb.Converted(content=content("in other words"), event_type=pb.EVENT_TYPE_SYSTEM)
    converted.metadata.update({"lang": "en"})
    answer = pb.HandlerResult(converted=converted)
    await room.phone(answer=lambda _: answer, provider={"converts_inbound": True})
    event = (await room.arrive("raw", "phone")).event
    assert event.content == content("in other words")
    assert event.type == pb.EVENT_TYPE_SYSTEM
    assert event.metadata["lang"] == "en"
    assert event.source.channel_id == room.id("phone")
    assert event.source.participant_id == "ann"


@pytest.mark.parametrize("named", [False, True])
async def test_s4_step3_a_message_that_cannot_be_converted_now_is_not_taken(
    house: House, room: Room, named: bool
) -> None:
    """A worker that must convert and is away: UNAVAILABLE, nothing stored, not even a room."""
    phone = await room.phone(provider={"converts_inbound": True})
    await phone.worker.kill()
    await room.call("CloseRoom")
    before = await rooms_of(house)
    message = room.message("raw", "phone", sender_id="stranger")
    wanted = f"new-{room.room_id}" if named else ""
    failure = await house.fails("ProcessInbound", message=message, room_id=wanted)
    assert failure.code is grpc.StatusCode.UNAVAILABLE
    assert await rooms_of(house) == before


async def test_s4_step3_edits_and_deletes_are_known_by_their_content(room: Room) -> None:
    """Convert: the type of the event follows from what it says."""
    target = (await room.arrive("old")).event.event_id
    edit = pb.Content(edit=pb.EditContent(target_event_id=target, new_content=content("new")))
    delete = pb.Content(delete=pb.DeleteContent(target_event_id=target))
    assert (await room.arrive(edit)).event.type == pb.EVENT_TYPE_EDIT
    assert (await room.arrive(delete)).event.type == pb.EVENT_TYPE_DELETE


async def test_s4_step3_what_an_ai_says_goes_outward(room: Room) -> None:
    """Direction: OUTBOUND from an AI, INBOUND from everybody else."""
    await room.model()
    said = await room.say("hello", wait=pb.WAIT_DELIVERED)
    assert said.event.source.direction == pb.DIRECTION_INBOUND
    answer = (await room.events())[-1]
    assert answer.source.direction == pb.DIRECTION_OUTBOUND
    assert answer.source.channel_id == room.id("ai")
