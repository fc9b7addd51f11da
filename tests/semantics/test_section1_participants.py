"""Semantics 1, bullet 6: who takes part in a room, and who may write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from api_fakes import until
from google.protobuf.field_mask_pb2 import FieldMask
from rooms_kit import House, house, text_content

from roomd import v1 as pb

ROLES = [number for number in pb.ParticipantRole.values() if number]
STATUSES = [number for number in pb.ParticipantStatus.values() if number]


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def become(h: House, participant_id: str = "eve", **fields: Any) -> pb.Participant:
    """Change somebody in the room r1."""
    request = pb.UpdateParticipantRequest(
        room_id="r1",
        participant=pb.Participant(participant_id=participant_id, **fields),
        update_mask=FieldMask(paths=tuple(fields)),
    )
    return (await h.do(request)).participant


async def everybody(h: House) -> list[pb.Participant]:
    request = pb.ListParticipantsRequest(room_id="r1", include_left=True)
    return list((await h.do(request)).participants)


async def by_inbound(h: House) -> tuple[int, str]:
    answer = await h.say("let me in", sender="eve")
    return answer.outcome, answer.reason


async def by_send(h: House) -> tuple[int, str]:
    request = pb.SendEventRequest(
        room_id="r1", channel_id="ws", participant_id="eve", content=text_content("let me in")
    )
    answer = await h.do(request)
    return answer.outcome, answer.reason


async def by_connection(h: House) -> tuple[int, str]:
    async with h.dial(participant_id="eve") as line:
        await line.say("let me in", sender_id="")
        (result,) = (await line.until(lambda got: got.results)).results
        return result.outcome, result.reason


async def by_edit(h: House) -> tuple[int, str]:
    own = (await h.messages())[0]
    request = pb.UpdateEventRequest(
        room_id="r1",
        event_id=own.event_id,
        participant_id="eve",
        content=text_content("something else"),
        update_mask=FieldMask(paths=["content"]),
    )
    answer = await h.do(request)
    return answer.outcome, answer.reason


async def by_withdrawal(h: House) -> tuple[int, str]:
    own = (await h.messages())[0]
    request = pb.DeleteEventRequest(room_id="r1", event_id=own.event_id, participant_id="eve")
    answer = await h.do(request)
    return answer.outcome, answer.reason


Say = Callable[[House], Awaitable[tuple[int, str]]]
every_way = pytest.mark.parametrize(
    "say", [by_inbound, by_send, by_connection, by_edit, by_withdrawal]
)


async def check_refused(h: House, say: Say, reason: str, **fields: Any) -> None:
    """Eve, who has written before, becomes somebody who may not write: nothing enters."""
    await h.room("r1", "ws")
    await h.say("hello", sender="eve")
    await become(h, **fields)
    before = await h.timeline()
    assert await say(h) == (pb.OUTCOME_REFUSED, reason)
    assert await h.timeline() == before


# ------------------------------------------------------------------ records


async def test_s1_participant_roles_are_stored(tmp_path: Path) -> None:
    """Semantics 1, bullet 6: "roles owner, agent, member, observer, bot"."""
    names = [pb.ParticipantRole.Name(role) for role in ROLES]
    assert [name.removeprefix("PARTICIPANT_ROLE_") for name in names] == [
        "OWNER",
        "AGENT",
        "MEMBER",
        "OBSERVER",
        "BOT",
    ]
    async with house(tmp_path / "r.db") as h:
        await h.room()
        for role in ROLES:
            await h.participant(f"p{role}", role=role)
        await h.restart()
        assert [who.role for who in await everybody(h)] == ROLES


async def test_s1_participant_without_a_role_is_a_member(h: House) -> None:
    """Semantics 1, bullet 6: named or by a first message."""
    await h.room("r1", "ws")
    await h.participant("bob")
    await h.say("hello")
    assert [who.role for who in await everybody(h)] == [pb.PARTICIPANT_ROLE_MEMBER] * 2


async def test_s1_participant_statuses_are_stored(tmp_path: Path) -> None:
    """Semantics 1, bullet 6: "statuses active, inactive, left, banned"."""
    names = [pb.ParticipantStatus.Name(status) for status in STATUSES]
    assert [name.removeprefix("PARTICIPANT_STATUS_") for name in names] == [
        "ACTIVE",
        "INACTIVE",
        "LEFT",
        "BANNED",
    ]
    async with house(tmp_path / "r.db") as h:
        await h.room()
        for status in STATUSES:
            await h.participant(f"p{status}")
            await become(h, f"p{status}", status=status)
        await h.restart()
        assert [who.status for who in await everybody(h)] == STATUSES


# ------------------------------------------------------------------ who may write


@every_way
async def test_s1_banned_participant_may_not_write(h: House, say: Say) -> None:
    """Semantics 1, bullet 6: "BANNED and LEFT may not write", whichever way."""
    await check_refused(h, say, "participant_banned", status=pb.PARTICIPANT_STATUS_BANNED)


@every_way
async def test_s1_left_participant_may_not_write(h: House, say: Say) -> None:
    """Semantics 1, bullet 6: "BANNED and LEFT may not write", whichever way."""
    await check_refused(h, say, "participant_left", status=pb.PARTICIPANT_STATUS_LEFT)


@every_way
async def test_s1_observer_may_not_write(h: House, say: Say) -> None:
    """Semantics 1, bullet 6: "OBSERVER may not write", whichever way."""
    await check_refused(h, say, "participant_observer", role=pb.PARTICIPANT_ROLE_OBSERVER)


@pytest.mark.parametrize("ban", [False, True], ids=["left", "banned"])
async def test_s1_removed_participant_may_not_write(h: House, ban: bool) -> None:
    """Semantics 1, bullet 6: LEFT and BANNED are what RemoveParticipant makes of somebody."""
    await h.room("r1", "ws")
    await h.participant("eve")
    await h.do(pb.RemoveParticipantRequest(room_id="r1", participant_id="eve", ban=ban))
    reason = "participant_banned" if ban else "participant_left"
    assert await by_inbound(h) == (pb.OUTCOME_REFUSED, reason)


async def test_s1_banned_participant_may_not_write_by_another_channel(h: House) -> None:
    """Semantics 1, bullet 6: the participant is banned, not the channel."""
    await h.room("r1", "ws", "other")
    await h.say("hello", sender="eve")
    await become(h, status=pb.PARTICIPANT_STATUS_BANNED)
    answer = await h.say("let me in", "other", sender="eve")
    assert (answer.outcome, answer.reason) == (pb.OUTCOME_REFUSED, "participant_banned")
    assert (await h.say("hi", "ws", sender="ada")).outcome == pb.OUTCOME_ACCEPTED


async def test_s1_ai_whose_participant_is_banned_may_not_write(h: House) -> None:
    """Semantics 1, bullet 6: the rule holds for answers too."""
    await h.room("r1", "ws")
    await h.participant("eve", role=pb.PARTICIPANT_ROLE_BOT)
    script = pb.ChannelImplementation.Script(responses=["At your service"])
    await h.add(
        "ai",
        pb.CHANNEL_TYPE_AI,
        binding={"participant_id": "eve"},
        implementation=pb.ChannelImplementation(script=script),
    )
    await become(h, status=pb.PARTICIPANT_STATUS_BANNED)
    await h.say("hello")
    await until(lambda: h.told("room_refused_event"))
    assert [event.content.text.body for event in await h.messages()] == ["hello"]


async def test_s1_what_a_channel_says_is_said_by_the_participant_it_belongs_to(h: House) -> None:
    """Semantics 1, bullet 6, and 2, bullet 3: the ban of a binding's participant holds also
    when the sender is not named."""
    await h.room("r1")
    await h.participant("eve")
    await h.add("ws", binding={"participant_id": "eve"})
    unnamed = pb.SendEventRequest(room_id="r1", channel_id="ws", content=text_content("hi"))
    said = await h.do(unnamed)
    assert said.event.source.participant_id == "eve"
    await become(h, status=pb.PARTICIPANT_STATUS_BANNED)
    answer = await h.do(unnamed)
    assert (answer.outcome, answer.reason) == (pb.OUTCOME_REFUSED, "participant_banned")


async def test_s1_ban_survives_a_restart(tmp_path: Path) -> None:
    """Semantics 1, bullet 6: a ban is stored."""
    async with house(tmp_path / "r.db") as h:
        await h.room("r1", "ws")
        await h.participant("eve")
        await become(h, status=pb.PARTICIPANT_STATUS_BANNED)
        await h.restart()
        assert await by_inbound(h) == (pb.OUTCOME_REFUSED, "participant_banned")


@pytest.mark.parametrize(
    "role",
    [role for role in ROLES if role != pb.PARTICIPANT_ROLE_OBSERVER],
    ids=pb.ParticipantRole.Name,
)
async def test_s1_all_other_roles_may_write(h: House, role: int) -> None:
    """Semantics 1, bullet 6: of the roles only OBSERVER is kept from writing."""
    await h.room("r1", "ws")
    await h.participant("eve", role=role)
    assert (await by_inbound(h))[0] == pb.OUTCOME_ACCEPTED


async def test_s1_inactive_participant_may_write(h: House) -> None:
    """Semantics 1, bullet 6: of the statuses only BANNED and LEFT keep from writing."""
    await h.room("r1", "ws")
    await h.participant("eve", status=pb.PARTICIPANT_STATUS_INACTIVE)
    assert (await by_inbound(h))[0] == pb.OUTCOME_ACCEPTED


async def test_s1_participant_who_comes_back_may_write(h: House) -> None:
    """Semantics 1, bullet 6: one who LEFT is kept from writing for as long as that holds."""
    await h.room("r1", "ws")
    await h.participant("eve")
    await h.do(pb.RemoveParticipantRequest(room_id="r1", participant_id="eve"))
    await h.participant("eve")
    assert (await by_inbound(h))[0] == pb.OUTCOME_ACCEPTED


# ------------------------------------------------------------------ many channels


async def test_s1_one_participant_has_many_channels(tmp_path: Path) -> None:
    """Semantics 1, bullet 6: "One participant, many channels": one record names them all, in
    order of appearance.
    """
    async with house(tmp_path / "r.db") as h:
        await h.room("r1", "ws", "cli")
        for channel_id in ("cli", "ws", "cli"):
            await h.say("me again", channel_id, sender="eve")
        await h.restart()
        (who,) = await everybody(h)
        assert (who.participant_id, list(who.channel_ids)) == ("eve", ["cli", "ws"])


async def test_s1_one_channel_has_many_participants(h: House) -> None:
    """Semantics 1, bullet 6: participants are told apart by who they are, not by channel."""
    await h.room("r1", "ws")
    for sender in ("eve", "ada"):
        await h.say("hello", sender=sender)
    assert [who.participant_id for who in await everybody(h)] == ["eve", "ada"]
