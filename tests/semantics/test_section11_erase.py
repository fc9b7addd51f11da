"""Semantics 11: erase per room and per participant: nothing of it is left anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api_fakes import until
from at_rest_kit import tables_with
from google.protobuf.field_mask_pb2 import FieldMask
from hook_kit import OBSERVE, ORG, hook, spec
from hooks_kit import Seen, serve, subscribed
from rooms_kit import House, house, text_content

from roomd import v1 as pb
from roomd_server.core import erasure

CANARY = "kanarienvogel"
"""In everything that is ada's."""
ADA = f"ada-{CANARY}"
DURABLE = pb.HOOK_DELIVERY_DURABLE


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path / "rooms.db") as made:
        yield made


async def fill(h: House) -> None:
    """Ada wrote, edited, withdrew and was edited; was delivered to; has tasks and is observed."""
    await h.room("r1", "ws")
    described = spec(OBSERVE, *EVERYTHING, delivery=DURABLE)
    await h.do(pb.CreateHookRequest(name="away", spec=described))
    provider = await h.provider()
    provider.outcome.provider_message_id = f"theirs-{CANARY}"
    number = {"phone_number": f"+1{CANARY}"}
    await h.add(
        "phone",
        pb.CHANNEL_TYPE_SMS,
        by="gateway",
        binding={"metadata": number, "participant_id": ADA},
    )
    name = f"Ada {CANARY}"
    await h.participant(ADA, display_name=name, external_id=CANARY)
    edited = await said_by_ada(h, f"first {CANARY}")
    await change(h, edited.event_id, f"second {CANARY}")
    correction = pb.Content(
        edit=pb.EditContent(
            target_event_id=edited.event_id, new_content=text_content(f"third {CANARY}")
        )
    )
    await h.say(correction, "ws", ADA)
    withdrawn = await said_by_ada(h, f"never {CANARY}")
    await h.do(pb.DeleteEventRequest(room_id="r1", event_id=withdrawn.event_id))
    await h.say("from bob", "ws", "bob")
    await h.do(pb.CreateTaskRequest(room_id="r1", task=pb.Task(title="call", assigned_to=ADA)))
    noted = pb.Observation(category="mood", content=CANARY, event_id=edited.event_id)
    await h.do(pb.CreateObservationRequest(room_id="r1", observation=noted))
    await h.do(
        pb.SubmitFeedbackRequest(room_id="r1", rating=1, comment=CANARY, event_id=edited.event_id)
    )
    assert (await h.do(pb.SearchEventsRequest(query=CANARY))).hits


EVERYTHING = (
    pb.HOOK_TRIGGER_AFTER_BROADCAST,
    pb.HOOK_TRIGGER_ON_EVENT_UPDATED,
    pb.HOOK_TRIGGER_ON_PARTICIPANT_JOINED,
    pb.HOOK_TRIGGER_ON_TASK_CREATED,
    pb.HOOK_TRIGGER_ON_FEEDBACK,
    pb.HOOK_TRIGGER_ON_DELIVERY_STATUS,
    pb.HOOK_TRIGGER_ON_CHANNEL_ATTACHED,
)


async def said_by_ada(h: House, text: str) -> pb.RoomEvent:
    answer = await h.say(
        text,
        "ws",
        ADA,
        external_id=CANARY,
        provider_message_id=text,
        raw_payload={"text": text},
        metadata={"note": CANARY},
    )
    return answer.event


async def change(h: House, event_id: str, text: str) -> None:
    mask = FieldMask(paths=["content"])
    await h.do(
        pb.UpdateEventRequest(
            room_id="r1", event_id=event_id, content=text_content(text), update_mask=mask
        )
    )


async def erase(h: House) -> int:
    request = pb.EraseParticipantRequest(room_id="r1", participant_id=ADA)
    return int((await h.do(request)).event_count)


def texts(events: list[pb.RoomEvent]) -> list[str]:
    return [event.content.text.body for event in events]


@pytest.mark.parametrize("step", [200, 2])
async def test_s11_nothing_of_an_erased_participant_is_left(
    h: House, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Semantics 11: "erase … per participant": in every table, and in what is in memory."""
    monkeypatch.setattr(erasure, "STEP_ROWS", step)
    await fill(h)
    before = await h.timeline()
    assert await tables_with(h, CANARY) >= {
        *("events", "participants", "bindings", "tasks", "observations", "deliveries"),
        *("delivery_provider_ids", "changes", "observer_rows", "search"),
    }
    assert await erase(h) > 4
    assert await tables_with(h, CANARY) == set()
    after = (await h.timeline())[: len(before)]
    assert [(one.index, one.event_id, one.type) for one in after] == [
        (one.index, one.event_id, one.type) for one in before
    ]
    assert texts(await h.messages()) == ["", "", "from bob"]
    assert (await h.failure(pb.GetParticipantRequest(room_id="r1", participant_id=ADA))).reason
    assert not (await h.do(pb.SearchEventsRequest(query=CANARY))).hits
    async with subscribed(h, after_index=-1) as seen:
        await seen.until(lambda seen: len(seen.messages) == 3)
        assert CANARY not in str(seen.items)
    export = await h.do(pb.ExportRoomRequest(room_id="r1", page_size=1000))
    assert CANARY not in str(export)
    await h.restart()
    assert await tables_with(h, CANARY) == set()


async def test_s11_others_go_on_and_so_does_who_was_erased(h: House) -> None:
    await fill(h)
    await erase(h)
    assert (await h.say("still here", "ws", "bob")).outcome == pb.OUTCOME_ACCEPTED
    task = (await h.do(pb.ListTasksRequest(room_id="r1"))).tasks[0]
    assert (task.title, task.assigned_to) == ("call", "")
    assert await h.failure(pb.GetBindingRequest(room_id="r1", channel_id="phone"))
    again = pb.EraseParticipantRequest(room_id="r1", participant_id=ADA)
    assert (await h.failure(again)).reason == "PARTICIPANT_NOT_FOUND"
    await h.say("back again", "ws", ADA)
    assert texts(await h.messages()) == ["", "", "from bob", "still here", "back again"]
    assert await erase(h) == 1
    (_, told) = h.told("participant_erased")
    assert (told.room_id, told.data["event_count"]) == ("r1", 1)
    assert CANARY not in str(told)
    assert texts(await h.messages())[-1] == ""


async def test_s11_whoever_watches_sees_the_events_as_withdrawn(h: House) -> None:
    """Subscribers and hooks that have a copy learn that it is to go."""
    await h.room("r1", "ws")
    event = await said_by_ada(h, CANARY)
    worker = await serve(
        h,
        hook("watch", spec(OBSERVE, pb.HOOK_TRIGGER_ON_EVENT_DELETED)),
        behave=lambda _: pb.Done(),
    )
    async with subscribed(h) as seen:
        await erase(h)
        await seen.until(erased)
        (changed,) = [item.event_changed for item in seen.items if item.HasField("event_changed")]
        assert changed.event.event_id == event.event_id
        assert changed.event.HasField("delete_time")
        assert CANARY not in str(seen.items)
    told = await worker.asked()
    assert told.hook.event.event_id == event.event_id
    assert CANARY not in str(told.hook)


def erased(seen: Seen) -> bool:
    return any(item.room_changed.change == "participant_erased" for item in seen.items)


@pytest.mark.parametrize("anew", [True, False])
async def test_s11_a_durable_observer_that_was_away_is_told_without_them(
    h: House, *, anew: bool
) -> None:
    """Its queue loses no row, and no row tells of who was erased."""
    await fill(h)
    waiting = sum(one.waiting for one in await h.server._store.observer_counts(ORG))
    await erase(h)
    if anew:
        await h.restart()
    worker = await serve(h, hook("away"), behave=lambda _: pb.Done())
    await until(lambda: len(worker.invocations) >= waiting)
    assert CANARY not in str([one.hook for one in worker.invocations])


async def test_s11_a_page_behind_who_was_erased_is_refused(h: House) -> None:
    """Nobody knows where it would begin; it skips nobody silently."""
    await h.room("r1", "ws")
    for name in (ADA, "bob", "carol"):
        await h.participant(name)
    first = await h.do(pb.ListParticipantsRequest(room_id="r1", page_size=1))
    following = pb.ListParticipantsRequest(
        room_id="r1", page_size=1, page_token=first.next_page_token
    )
    assert [p.participant_id for p in (await h.do(following)).participants] == ["bob"]
    await erase(h)
    assert (await h.failure(following)).reason == "BAD_CURSOR"


async def test_s11_nothing_of_an_erased_room_is_left(h: House) -> None:
    """Semantics 11: "erase per room": in every table."""
    await fill(h)
    await h.do(pb.DeleteHookRequest(name="away"))
    await h.do(pb.DeleteRoomRequest(room_id="r1"))
    await h.room("r1")  # waits until it is gone
    await h.engine.retention.sweep()
    assert await tables_with(h, CANARY) == set()
    assert not (await h.do(pb.SearchEventsRequest(query=CANARY))).hits
