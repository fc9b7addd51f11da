"""Semantics 2, bullet 4: who can write, and what muting means."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from rooms_kit import SMS_NUMBER, House, Provider, house

from roomd import v1 as pb

SMS = pb.CHANNEL_TYPE_SMS
FOUND = pb.Response(
    events=[pb.RoomEvent(content=pb.Content(text=pb.TextContent(body="I know this one")))],
    tasks=[pb.Task(title="call back")],
    observations=[pb.Observation(category="mood", content="angry")],
)


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def mute(h: House, channel_id: str) -> None:
    await h.do(pb.MuteChannelRequest(room_id="r1", channel_id=channel_id))


async def with_gateway(h: House) -> Provider:
    """A room with live connections, and a telephone that hears, finds and answers."""
    provider = await h.provider("gateway")
    await h.room("r1", "ws")
    await h.add("sms", SMS, by="gateway", binding={"metadata": SMS_NUMBER})
    provider.response = FOUND
    return provider


async def with_ai(h: House, **binding: bool) -> Provider:
    """A room with live connections, and an AI that finds and answers."""
    provider = await h.provider("model")
    await h.room("r1", "ws")
    await h.add("ai", pb.CHANNEL_TYPE_AI, by="model", binding=binding)
    provider.response = FOUND
    return provider


async def check_kept(h: House) -> None:
    """What was found besides the answer is stored."""
    tasks = (await h.do(pb.ListTasksRequest(room_id="r1"))).tasks
    assert [task.title for task in tasks] == ["call back"]
    noted = (await h.do(pb.ListObservationsRequest(room_id="r1"))).observations
    assert [one.category for one in noted] == ["mood"]


# ------------------------------------------------------------------ can_write


@pytest.mark.parametrize(
    ("access", "muted", "blocked_by"),
    [
        (pb.ACCESS_READ_WRITE, False, ""),
        (pb.ACCESS_READ_WRITE, True, "source_muted"),
        (pb.ACCESS_WRITE_ONLY, False, ""),
        (pb.ACCESS_WRITE_ONLY, True, "source_muted"),
        (pb.ACCESS_READ_ONLY, False, "source_read_only"),
        (pb.ACCESS_READ_ONLY, True, "source_read_only"),
        (pb.ACCESS_NONE, False, "source_read_only"),
        (pb.ACCESS_NONE, True, "source_read_only"),
    ],
)
async def test_s2_can_write_is_write_access_and_not_muted(
    h: House, access: int, muted: bool, blocked_by: str
) -> None:
    """Semantics 2, bullet 4: "`can_write` = access READ_WRITE or WRITE_ONLY, and not muted".
    What may not be written is stored BLOCKED, and reaches nobody.
    """
    provider = await with_gateway(h)
    provider.response = pb.Response()
    await h.do(pb.SetAccessRequest(room_id="r1", channel_id="ws", access=access))
    if muted:
        await mute(h, "ws")
    answer = await h.say("hello")
    assert answer.blocked_by == answer.event.blocked_by == blocked_by
    (stored,) = await h.messages()
    wanted = pb.EVENT_STATUS_BLOCKED if blocked_by else pb.EVENT_STATUS_DELIVERED
    assert stored.status == wanted
    assert provider.texts == ([] if blocked_by else ["hello"])


# ------------------------------------------------------------------ muted channels


async def test_s2_muted_channel_still_hears(h: House) -> None:
    """Semantics 2, bullet 4: "Muted: the channel still hears"."""
    provider = await with_gateway(h)
    await mute(h, "sms")
    await h.say("hello")
    assert provider.texts == ["hello"]


async def test_s2_muted_channel_still_yields_tasks_and_observations(h: House) -> None:
    """Semantics 2, bullet 4: "and still yields tasks and observations"."""
    await with_gateway(h)
    await mute(h, "sms")
    await h.say("hello")
    await check_kept(h)


async def test_s2_answers_of_a_muted_channel_are_stored_blocked(h: House) -> None:
    """Semantics 2, bullet 4: "its answers are stored BLOCKED `source_muted`"; nobody gets them."""
    await with_gateway(h)
    other = await h.provider("other")
    await h.add("pager", pb.CHANNEL_TYPE_PUSH, by="other")
    await mute(h, "sms")
    await h.say("hello")
    answer = (await h.messages())[1]
    assert answer.content.text.body == "I know this one"
    assert (answer.status, answer.blocked_by) == (pb.EVENT_STATUS_BLOCKED, "source_muted")
    assert other.texts == ["hello"]


async def test_s2_unmuted_channel_speaks_again(h: House) -> None:
    """Semantics 2, bullet 4: for as long as it is muted, not longer."""
    await with_gateway(h)
    await mute(h, "sms")
    await h.do(pb.UnmuteChannelRequest(room_id="r1", channel_id="sms"))
    await h.say("hello")
    assert [event.blocked_by for event in await h.messages()] == ["", ""]


# ------------------------------------------------------------------ muted AIs


async def test_s2_muted_ai_is_not_asked(h: House) -> None:
    """Semantics 2, bullet 4: "A muted AI is not asked to generate"."""
    provider = await with_ai(h)
    await mute(h, "ai")
    await h.say("Well?")
    assert not provider.asked
    assert not await h.deliveries("ai")


async def test_s2_muted_ai_is_asked_to_analyse(h: House) -> None:
    """Semantics 2, bullet 4: "unless `analyse_while_muted`"."""
    provider = await with_ai(h, analyse_while_muted=True)
    await mute(h, "ai")
    await h.say("Well?")
    assert [one.event.content.text.body for one in provider.asked] == ["Well?"]


async def test_s2_tasks_and_observations_of_an_analysing_ai_are_kept(h: House) -> None:
    """Semantics 2, bullet 4: "then tasks and observations are kept"."""
    await with_ai(h, analyse_while_muted=True)
    await mute(h, "ai")
    await h.say("Well?")
    await check_kept(h)


async def test_s2_text_of_an_analysing_ai_is_shown_to_nobody(h: House) -> None:
    """Semantics 2, bullet 4: "its text is not": it is stored BLOCKED like any muted answer,
    delivered to nobody, and no part of the conversation.
    """
    await with_ai(h, analyse_while_muted=True)
    gateway = await h.provider("gateway")
    await h.add("sms", SMS, by="gateway", binding={"metadata": SMS_NUMBER})
    await mute(h, "ai")
    await h.say("Well?")
    answer = (await h.messages())[1]
    assert (answer.status, answer.blocked_by) == (pb.EVENT_STATUS_BLOCKED, "source_muted")
    assert gateway.texts == ["Well?"]
    request = pb.ListEventsRequest(room_id="r1")
    request.filter.visible_to_channel_id = "sms"
    shown = (await h.do(request)).events
    assert [event.content.text.body for event in shown] == ["Well?"]


async def test_s2_text_of_an_analysing_ai_is_not_streamed(h: House) -> None:
    """Semantics 2, bullet 4: "its text is not", not even while it is being written."""
    await h.room("r1", "ws")
    script = pb.ChannelImplementation.Script(responses=["I know this one"], streaming=True)
    await h.add(
        "ai",
        pb.CHANNEL_TYPE_AI,
        binding={"analyse_while_muted": True},
        implementation=pb.ChannelImplementation(script=script),
    )
    await mute(h, "ai")
    async with h.dial(ephemeral=True) as line:
        await h.say("Well?")
        signal = pb.Signal(room_id="r1", type=pb.EPHEMERAL_TYPE_TYPING_START)
        await line.tell(signal=signal)
        got = await line.until(lambda batch: batch.ephemerals)
        assert [one.type for one in got.ephemerals] == [pb.EPHEMERAL_TYPE_TYPING_START]
        assert [one.event.content.text.body for one in got.deliveries] == ["Well?"]
    assert (await h.messages())[1].blocked_by == "source_muted"
