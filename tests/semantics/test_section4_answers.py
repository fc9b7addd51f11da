"""Semantics 4, step 14: intelligence channels, chain depth, the limit of a cascade."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from api_fakes import until
from hook_kit import DECIDE, allow, block
from pipeline_kit import House, Room, after, answers, content, echo, room_in, sent, served
from pipeline_watch import subscribed

from roomd import v1 as pb
from roomd_server.config import Settings
from roomd_server.core.options import EngineOptions

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEPTH = "event_chain_depth_limit"
CAP = "reentry_loop_cap"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with served() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shallow() -> AsyncIterator[House]:
    """A server where answers to answers are too deep."""
    async with served(max_chain_depth=2) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def room(house: House) -> AsyncIterator[Room]:
    async with room_in(house) as made:
        yield made


def script(*responses: str, streaming: bool = False) -> pb.ChannelImplementation:
    return pb.ChannelImplementation(
        script=pb.ChannelImplementation.Script(responses=responses, streaming=streaming)
    )


# ------------------------------------------------------------------ 14: answers


async def test_s4_step14_an_answer_has_chain_depth_plus_one(room: Room) -> None:
    """Answers enter … with chain depth + 1; they belong to what they answer."""
    await room.model()
    said = (await room.say("hello", wait=pb.WAIT_DELIVERED)).event
    answer = (await room.events())[-1]
    assert answer.content == content("answer")
    assert (said.chain_depth, answer.chain_depth) == (0, 1)
    assert answer.correlation_id == said.event_id
    deeper = (await room.say("for an agent", chain_depth=3, wait=pb.WAIT_DELIVERED)).event
    answer = (await room.events())[-1]
    assert (deeper.chain_depth, answer.chain_depth) == (3, 4)


async def test_s4_step14_an_answer_goes_to_the_others(room: Room) -> None:
    """An answer is a message like any other: it is delivered, and its author not asked."""
    ai, phone = await room.model(), await room.phone()
    await room.say("hello", wait=pb.WAIT_DELIVERED)
    assert phone.texts == ["hello", "answer"]
    assert ai.texts == ["hello"]


async def test_s4_step14_answers_of_a_transport_enter_the_same_way(room: Room) -> None:
    """What a channel answers, whichever its kind."""
    reply = pb.RoomEvent(content=content("out of office"))
    await room.phone(answer=lambda _: sent(events=[reply]))
    said = (await room.say("hello", wait=pb.WAIT_DELIVERED)).event
    answer = (await room.events())[-1]
    assert answer.content == content("out of office")
    assert answer.source.channel_id == room.id("phone")
    assert (answer.chain_depth, answer.correlation_id) == (1, said.event_id)


async def test_s4_step14_answers_enter_behind_the_rate_limit(room: Room) -> None:
    """Answers enter at step 5: the inbound limit of step 1 is not theirs."""
    await room.model(channel={"inbound_rate_limit": pb.RateLimit(max_per_hour=1)})
    for text in "abc":
        await room.say(text, wait=pb.WAIT_DELIVERED)
    assert await room.texts() == ["a", "answer", "b", "answer", "c", "answer"]


async def test_s4_step14_answers_enter_before_the_status_is_looked_at(room: Room) -> None:
    """Answers enter at step 5: a room that was closed meanwhile refuses them (step 6)."""
    opened = asyncio.Event()
    ai = await room.model(answer=lambda _: after(opened, answers("too late")))
    await room.say("hello")
    await ai.until(1)
    await room.call("CloseRoom")
    opened.set()
    await until(lambda: room.told("room_refused_event"))
    assert await room.texts() == ["hello"]


async def test_s4_step14_answers_pass_the_hooks(room: Room) -> None:
    """Answers enter at step 5: BEFORE_BROADCAST (step 9) decides about them, too."""

    def decide(invocation: pb.Invocation) -> pb.HookDecision:
        return block("no answers") if invocation.hook.event.chain_depth else allow()

    await room.model()
    phone = await room.phone()
    await room.hook("no", decide, DECIDE)
    await room.say("hello", wait=pb.WAIT_DELIVERED)
    answer = (await room.events())[-1]
    assert (answer.blocked_by, answer.block_reason) == (room.id("no"), "no answers")
    assert phone.texts == ["hello"]


async def test_s4_step14_answers_pass_the_write_gate(room: Room) -> None:
    """Answers enter at step 5: an AI that may not write is stored BLOCKED (step 10)."""
    await room.model(access=pb.ACCESS_READ_ONLY)
    phone = await room.phone()
    await room.say("hello", wait=pb.WAIT_DELIVERED)
    answer = (await room.events())[-1]
    assert (answer.content, answer.blocked_by) == (content("answer"), "source_read_only")
    assert phone.texts == ["hello"]


async def test_s4_step14_an_ai_that_thinks_holds_nobody_up(room: Room) -> None:
    """Intelligence channels generate in their own lane."""
    ai = await room.model(answer=lambda _: after(asyncio.Event(), answers()))
    quick = await room.model("quick", lambda _: answers())
    phone = await room.phone()
    for text in "abc":
        await room.say(text)
    await phone.until(3)
    await quick.until(3)
    assert (phone.texts, quick.texts) == (["a", "b", "c"], ["a", "b", "c"])
    await echo(ai.worker)
    assert ai.texts == ["a"], "in its lane one after another"


async def test_s4_step14_only_messages_are_answered(room: Room) -> None:
    """An AI is asked about what people say, not about edits, withdrawals and notices."""
    ai = await room.model(answer=lambda _: answers())
    target = (await room.say("old", wait=pb.WAIT_DELIVERED)).event.event_id
    edit = pb.EditContent(target_event_id=target, new_content=content("new"))
    await room.say(pb.Content(edit=edit), wait=pb.WAIT_DELIVERED)
    await room.say("notice", type=pb.EVENT_TYPE_SYSTEM, wait=pb.WAIT_DELIVERED)
    assert ai.texts == ["old"]


# ------------------------------------------------------------------ chain depth


async def test_s4_chain_depth_is_five_unless_said_otherwise() -> None:
    """`max_chain_depth` (default 5)."""
    assert EngineOptions().max_chain_depth == 5
    assert Settings().engine_options().max_chain_depth == 5
    assert Settings(max_chain_depth=7).engine_options().max_chain_depth == 7


async def test_s4_chain_depth_two_bots_that_answer_each_other_stop(room: Room) -> None:
    """An answer whose depth reaches `max_chain_depth` is stored BLOCKED, and answered no more."""
    await room.add("ping", pb.CHANNEL_TYPE_AI, implementation=script("ping"))
    await room.add("pong", pb.CHANNEL_TYPE_AI, implementation=script("pong"))
    phone = await room.phone()
    only = pb.Addressing(channel_ids=[room.id("ping")])
    await room.say("start", addressed_to=only, wait=pb.WAIT_DELIVERED)
    events = await room.events()
    assert [event.content.text.body for event in events] == [
        "start",
        *["ping", "pong"] * 2,
        "ping",
    ]
    assert [event.chain_depth for event in events] == [0, 1, 2, 3, 4, 5]
    assert [event.blocked_by for event in events] == ["", "", "", "", "", DEPTH]
    assert events[-1].status == pb.EVENT_STATUS_BLOCKED
    assert len(phone.texts) == 5


async def test_s4_chain_depth_leaves_an_observation(room: Room) -> None:
    """… with an observation, and a framework event."""
    await room.model()
    await room.say("deep", chain_depth=4, wait=pb.WAIT_DELIVERED)
    answer = (await room.events())[-1]
    assert answer.blocked_by == DEPTH
    (observation,) = (await room.call("ListObservations")).observations
    assert observation.event_id == answer.event_id
    assert observation.channel_id == room.id("ai")
    assert observation.category == "event_chain_depth_exceeded"
    assert [event.event_id for event in room.told("chain_depth_exceeded")] == [answer.event_id]


async def test_s4_chain_depth_holds_for_callers_that_answer_for_an_agent(room: Room) -> None:
    """An answer is one also when it is sent: BLOCKED, with an observation."""
    answer = await room.say("too deep", chain_depth=5)
    assert (answer.outcome, answer.blocked_by) == (pb.OUTCOME_BLOCKED, DEPTH)
    (observation,) = (await room.call("ListObservations")).observations
    assert observation.event_id == answer.event.event_id


async def test_s4_chain_depth_shows_nothing_of_a_streamed_answer(room: Room) -> None:
    """Stored BLOCKED means shown to nobody, not even while it is written."""
    await room.add("ai", pb.CHANNEL_TYPE_AI, implementation=script("too deep", streaming=True))
    async with subscribed(room, ephemeral=True) as items:
        await room.say("deep", chain_depth=4, wait=pb.WAIT_DELIVERED)
        await room.say("end", addressed_to=pb.Addressing())
        await until(lambda: items[-1].event.content.text.body == "end")
        assert not [item for item in items if item.HasField("ephemeral")]
    stored = [event for event in await room.events() if event.chain_depth == 5]
    assert [(one.content, one.blocked_by) for one in stored] == [(content("too deep"), DEPTH)]


async def test_s4_chain_depth_can_be_set(shallow: House) -> None:
    """`max_chain_depth`: another than 5."""
    async with room_in(shallow) as room:
        await room.model("a", lambda _: answers("a"))
        await room.model("b", lambda _: answers("b"))
        only = pb.Addressing(channel_ids=[room.id("a")])
        await room.say("start", addressed_to=only, wait=pb.WAIT_DELIVERED)
        assert [event.blocked_by for event in await room.events()] == ["", "", DEPTH]


# ------------------------------------------------------------------ cascades


async def cascade_of(room: Room) -> list[str]:
    """What the answers to one message were blocked by; '' for those that were not."""
    await room.say("start", wait=pb.WAIT_DELIVERED)
    return [event.blocked_by for event in await room.events() if event.chain_depth]


def muttering(count: int) -> pb.HandlerResult:
    """So many answers that nobody is asked to answer."""
    said = [pb.RoomEvent(content=content("x"), addressed_to=pb.Addressing()) for _ in range(count)]
    return answers(*said)


async def test_s4_cascade_has_at_most_ten_times_the_depth_of_answers(shallow: House) -> None:
    """A cascade has at most `max_chain_depth × 10` answers."""
    async with room_in(shallow) as room:
        await room.model(answer=lambda _: muttering(25))
        assert await cascade_of(room) == [""] * 20 + [CAP] * 5


async def test_s4_cascade_counts_the_answers_of_all_channels_together(shallow: House) -> None:
    """A cascade is everything that one message sets off."""
    async with room_in(shallow) as room:
        await room.model("a", lambda _: muttering(15))
        await room.model("b", lambda _: muttering(15))
        assert sorted(await cascade_of(room)) == [""] * 20 + [CAP] * 10


async def test_s4_cascade_of_another_message_counts_anew(shallow: House) -> None:
    """A cascade has its limit, not a room."""
    async with room_in(shallow) as room:
        await room.model(answer=lambda _: muttering(20))
        assert await cascade_of(room) == [""] * 20
        assert await cascade_of(room) == [""] * 40
