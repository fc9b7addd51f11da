"""Tasks, observations and feedback (semantics 1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from core_services import ME, Services, eventually, services
from google.protobuf.field_mask_pb2 import FieldMask

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.ports import ObserverResult
from roomd_server.core.room import Draft


@pytest.fixture
async def s() -> AsyncIterator[Services]:
    async with services() as made:
        await made.room()
        yield made


async def create(s: Services, title: str = "call back", **fields: object) -> pb.Task:
    request_id = str(fields.pop("request_id", ""))
    request = pb.CreateTaskRequest(
        room_id="r1", task=pb.Task(title=title, **fields), request_id=request_id
    )
    return (await s.notes.create_task(ME, request)).task


async def tasks(s: Services, **fields: object) -> list[pb.Task]:
    request = pb.ListTasksRequest(room_id="r1", **fields)
    found: list[pb.Task] = []
    while True:
        page = await s.notes.list_tasks(ME, request)
        found += page.tasks
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def observations(s: Services, **fields: object) -> list[pb.Observation]:
    request = pb.ListObservationsRequest(room_id="r1", **fields)
    return list((await s.notes.list_observations(ME, request)).observations)


async def test_a_task_is_stored_and_told(s: Services) -> None:
    s.hooks.listen_to_all()
    task = await create(s, assigned_to="bob")
    assert task.task_id
    assert task.room_id == "r1"
    assert task.status == pb.TASK_STATUS_PENDING
    request = pb.GetTaskRequest(room_id="r1", task_id=task.task_id)
    assert (await s.notes.get_task(ME, request)).task == task
    (told,) = s.hooks.told(pb.HOOK_TRIGGER_ON_TASK_CREATED)
    event = told.payload.event
    assert event.type == pb.EVENT_TYPE_TASK_CREATED
    assert event.content.system.code == "task_created"
    assert event.content.system.data["task_id"] == task.task_id
    assert event.content.system.data["title"] == "call back"
    assert s.framework()[-1] == "task_created"


async def test_tasks_are_listed_in_the_order_they_were_made(s: Services) -> None:
    made = [await create(s, f"t{number}") for number in range(5)]
    assert await tasks(s, page_size=2) == made
    done = pb.Task(task_id=made[1].task_id, status=pb.TASK_STATUS_COMPLETED)
    request = pb.UpdateTaskRequest(room_id="r1", task=done, update_mask=FieldMask(paths=["status"]))
    updated = (await s.notes.update_task(ME, request)).task
    assert (updated.title, updated.status) == ("t1", pb.TASK_STATUS_COMPLETED)
    assert await tasks(s, statuses=[pb.TASK_STATUS_COMPLETED]) == [updated]


async def test_a_repeated_request_id_makes_one_task(s: Services) -> None:
    s.hooks.listen_to_all()
    first = await create(s, request_id="q")
    assert await create(s, request_id="q") == first
    answers = await asyncio.gather(*(create(s, "other", request_id="p") for _ in range(10)))
    assert len({task.task_id for task in answers}) == 1
    assert len(await tasks(s)) == 2
    assert len(s.hooks.told(pb.HOOK_TRIGGER_ON_TASK_CREATED)) == 2
    with pytest.raises(errors.AlreadyExists) as caught:
        await create(s, "something else", request_id="q")
    assert caught.value.reason == pb.ERROR_REASON_KEY_REUSED


async def test_task_errors_say_what_is_wrong(s: Services) -> None:
    await create(s, task_id="t1")
    with pytest.raises(errors.AlreadyExists) as exists:
        await create(s, task_id="t1")
    assert exists.value.reason == pb.ERROR_REASON_TASK_EXISTS
    with pytest.raises(errors.NotFound) as missing:
        await s.notes.get_task(ME, pb.GetTaskRequest(room_id="r1", task_id="t2"))
    assert missing.value.reason == pb.ERROR_REASON_TASK_NOT_FOUND
    with pytest.raises(errors.InvalidArgument) as mask:
        await s.notes.update_task(
            ME,
            pb.UpdateTaskRequest(
                room_id="r1",
                task=pb.Task(task_id="t1"),
                update_mask=FieldMask(paths=["create_time"]),
            ),
        )
    assert mask.value.reason == pb.ERROR_REASON_MASK_NOT_MUTABLE


async def test_observations_are_stored_and_filtered(s: Services) -> None:
    for category in ("sentiment", "topic", "sentiment"):
        noted = pb.Observation(category=category, content="x")
        request = pb.CreateObservationRequest(room_id="r1", observation=noted)
        stored = (await s.notes.create_observation(ME, request)).observation
        assert stored.confidence == 1.0
        assert stored.observation_id
    assert len(await observations(s)) == 3
    assert len(await observations(s, category="sentiment")) == 2


async def test_feedback_is_an_observation_and_fires_its_hook(s: Services) -> None:
    s.hooks.listen_to_all()
    request = pb.SubmitFeedbackRequest(
        room_id="r1", rating=0.5, comment="slow", channel_id="ai", event_id="e1"
    )
    noted = (await s.notes.submit_feedback(ME, request)).observation
    assert noted.category == "feedback:overall"
    assert noted.content == "slow"
    assert noted.metadata["rating"] == 0.5
    assert await observations(s, category="feedback:overall") == [noted]
    (told,) = s.hooks.told(pb.HOOK_TRIGGER_ON_FEEDBACK)
    assert told.payload.observation == noted
    assert told.subject.channel_id == "ai"
    assert s.framework()[-1] == "feedback"


async def test_what_hooks_found_is_committed_with_the_event(s: Services) -> None:
    actor = await s.directory.get("acme", "r1")
    found = pb.Task(title="from a hook")
    event = pb.RoomEvent(event_id="e1")
    async with actor.lock:
        draft = Draft(actor, s.clock)
        s.notes.keep(draft, [found], [pb.Observation(category="c")], event)
        await draft.commit()
    assert not found.task_id, "what was handed in is not changed"
    (task,) = await tasks(s)
    (noted,) = await observations(s)
    assert (task.title, task.room_id) == ("from a hook", "r1")
    assert noted.event_id == "e1"


async def test_what_observers_found_is_stored_and_told_once(s: Services) -> None:
    actor = await s.directory.get("acme", "r1")
    s.hooks.listen_to_all()
    found = ObserverResult([pb.Task(title="again")], [pb.Observation(category="c")])
    s.hooks.observers[pb.HOOK_TRIGGER_ON_ROOM_PAUSED] = lambda call: found
    # An observer of new tasks that makes tasks may not feed itself.
    s.hooks.observers[pb.HOOK_TRIGGER_ON_TASK_CREATED] = lambda call: found
    s.notifier.lifecycle(actor, pb.HOOK_TRIGGER_ON_ROOM_PAUSED, "room_paused")
    await eventually(lambda: len(s.hooks.told(pb.HOOK_TRIGGER_ON_TASK_CREATED)) == 1)
    for _ in range(20):
        await s.store.next_timer()
    assert len(s.hooks.told(pb.HOOK_TRIGGER_ON_TASK_CREATED)) == 1
    assert len(await tasks(s)) == 2
