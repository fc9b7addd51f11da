"""Semantics 1, bullet 7: tasks, observations, feedback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc import StatusCode
from rooms_kit import House, house

from roomd import v1 as pb

STATUSES = [number for number in pb.TaskStatus.values() if number]


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        await made.room()
        yield made


async def add_task(h: House, **fields: Any) -> pb.Task:
    request = pb.CreateTaskRequest(room_id="r1", task=pb.Task(**{"title": "Call back"} | fields))
    return (await h.do(request)).task


async def update_task(h: House, task: pb.Task, **fields: Any) -> pb.Task:
    request = pb.UpdateTaskRequest(
        room_id="r1",
        task=pb.Task(task_id=task.task_id, **fields),
        update_mask=FieldMask(paths=tuple(fields)),
    )
    return (await h.do(request)).task


async def read_task(h: House, task: pb.Task) -> pb.Task:
    return (await h.do(pb.GetTaskRequest(room_id="r1", task_id=task.task_id))).task


def observation(**fields: Any) -> pb.CreateObservationRequest:
    noted = pb.Observation(**{"category": "sentiment", "content": "angry"} | fields)
    return pb.CreateObservationRequest(room_id="r1", observation=noted)


def feedback(**fields: Any) -> pb.SubmitFeedbackRequest:
    return pb.SubmitFeedbackRequest(**{"room_id": "r1", "rating": 0.5} | fields)


async def observations(h: House, category: str = "") -> list[pb.Observation]:
    request = pb.ListObservationsRequest(room_id="r1", category=category)
    return list((await h.do(request)).observations)


async def pages(h: House, request: Any, field: str) -> list[list[Any]]:
    """All pages of a list."""
    found = []
    while True:
        page = await h.do(request)
        found.append(list(getattr(page, field)))
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


# ------------------------------------------------------------------ tasks


async def test_s1_task_is_pending_when_it_is_made(h: House) -> None:
    """Semantics 1, bullet 7: "Tasks (pending, …)"."""
    assert (await add_task(h)).status == pb.TASK_STATUS_PENDING


def test_s1_task_statuses() -> None:
    """Semantics 1, bullet 7: "Tasks (pending, in_progress, completed, failed, cancelled)"."""
    names = [pb.TaskStatus.Name(status).removeprefix("TASK_STATUS_") for status in STATUSES]
    assert names == ["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED"]


@pytest.mark.parametrize("status", STATUSES, ids=pb.TaskStatus.Name)
async def test_s1_task_takes_every_status(h: House, status: int) -> None:
    """Semantics 1, bullet 7: "tasks updatable": to each of the statuses, and listed by it."""
    task = await add_task(h)
    assert (await update_task(h, task, status=status)).status == status
    assert (await read_task(h, task)).status == status
    listed = await h.do(pb.ListTasksRequest(room_id="r1", statuses=[status]))
    assert [one.task_id for one in listed.tasks] == [task.task_id]


async def test_s1_task_is_updatable(h: House) -> None:
    """Semantics 1, bullet 7: "tasks updatable": what the mask names, and nothing else."""
    task = await add_task(h, description="old", assigned_to="ada", metadata={"a": 1, "b": 2})
    h.clock.advance(5)
    changed = await update_task(
        h, task, title="Write", assigned_to="bob", metadata={"b": None, "c": 3}
    )
    assert (changed.title, changed.assigned_to) == ("Write", "bob")
    assert changed.description == "old"
    assert dict(changed.metadata) == {"a": 1, "c": 3}
    assert changed.update_time.seconds == changed.create_time.seconds + 5
    assert await read_task(h, task) == changed


async def test_s1_tasks_are_paged(h: House) -> None:
    """Semantics 1, bullet 7: "all paged": in the order they were made, each once."""
    made = [(await add_task(h, title=f"task {number}")).title for number in range(5)]
    found = await pages(h, pb.ListTasksRequest(room_id="r1", page_size=2), "tasks")
    assert [len(page) for page in found] == [2, 2, 1]
    assert [task.title for page in found for task in page] == made


async def test_s1_tasks_survive_a_restart(tmp_path: Path) -> None:
    """Semantics 1, bullet 7: tasks are stored, with what became of them."""
    async with house(tmp_path / "r.db") as h:
        await h.room()
        task = await add_task(h)
        done = await update_task(h, task, status=pb.TASK_STATUS_COMPLETED)
        await h.restart()
        assert await read_task(h, task) == done


# ------------------------------------------------------------------ observations


async def test_s1_observation_has_a_category(h: House) -> None:
    """Semantics 1, bullet 7: "observations (category, …)": kept, and listed by it."""
    await h.do(observation(category="sentiment"))
    await h.do(observation(category="intent"))
    assert [one.category for one in await observations(h)] == ["sentiment", "intent"]
    assert [one.category for one in await observations(h, "intent")] == ["intent"]


@pytest.mark.parametrize("confidence", [0.0, 0.25, 1.0])
async def test_s1_observation_has_a_confidence(h: House, confidence: float) -> None:
    """Semantics 1, bullet 7: "confidence 0..1", both ends included."""
    await h.do(observation(confidence=confidence))
    (noted,) = await observations(h)
    assert noted.HasField("confidence")
    assert noted.confidence == confidence


@pytest.mark.parametrize("confidence", [-0.01, 1.01])
async def test_s1_confidence_beyond_0_to_1_is_refused(h: House, confidence: float) -> None:
    """Semantics 1, bullet 7: "confidence 0..1"."""
    failure = await h.failure(observation(confidence=confidence))
    assert failure.code is StatusCode.INVALID_ARGUMENT
    assert not await observations(h)


async def test_s1_observations_are_paged(h: House) -> None:
    """Semantics 1, bullet 7: "all paged": in the order they were made, each once."""
    for number in range(5):
        await h.do(observation(content=f"{number}"))
    found = await pages(h, pb.ListObservationsRequest(room_id="r1", page_size=2), "observations")
    assert [len(page) for page in found] == [2, 2, 1]
    assert [one.content for page in found for one in page] == ["0", "1", "2", "3", "4"]


async def test_s1_observations_survive_a_restart(tmp_path: Path) -> None:
    """Semantics 1, bullet 7: observations are stored."""
    async with house(tmp_path / "r.db") as h:
        await h.room()
        noted = (await h.do(observation(confidence=0.5))).observation
        await h.restart()
        assert await observations(h) == [noted]


# ------------------------------------------------------------------ feedback


@pytest.mark.parametrize(
    ("dimension", "category"),
    [("", "feedback:overall"), ("tone", "feedback:tone")],
)
async def test_s1_feedback_is_an_observation(h: House, dimension: str, category: str) -> None:
    """Semantics 1, bullet 7: "feedback (an observation `feedback:<dimension>`)"."""
    await h.do(feedback(dimension=dimension, rating=0.75, comment="fine"))
    (noted,) = await observations(h, category)
    assert (noted.category, noted.content) == (category, "fine")
    assert noted.metadata["rating"] == 0.75


async def test_s1_feedback_is_paged(h: House) -> None:
    """Semantics 1, bullet 7: "all paged", among the other observations of its category."""
    for number in range(3):
        await h.do(feedback(comment=f"{number}"))
    await h.do(observation())
    request = pb.ListObservationsRequest(room_id="r1", page_size=2, category="feedback:overall")
    found = await pages(h, request, "observations")
    assert [[one.content for one in page] for page in found] == [["0", "1"], ["2"]]


async def test_s1_feedback_survives_a_restart(tmp_path: Path) -> None:
    """Semantics 1, bullet 7: feedback is stored."""
    async with house(tmp_path / "r.db") as h:
        await h.room()
        noted = (await h.do(feedback())).observation
        await h.restart()
        assert await observations(h) == [noted]
