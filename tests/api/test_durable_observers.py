"""Durable observers on the hook plane: order, acknowledgement, retries, parking, restarts."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from api_fakes import until
from durable_kit import HOPELESS, NAME, RETRY, Rooms, durable, observer, rooms_of, seen
from hook_kit import AFTER, DECIDE, ME, OBSERVE, ORG, Rig, hook, plain_worker, rig, spec

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument, NotFound, PermissionDenied, RoomdError
from roomd_server.core.ports import Caller, Grant, WriteSet
from roomd_server.core.times import duration
from roomd_server.hooks import backlog, observing
from roomd_server.hooks import durable as delivering

pytestmark = pytest.mark.asyncio


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries that do not keep a test waiting."""
    monkeypatch.setattr(observing, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(observing, "LONGEST_RETRY_SECONDS", 0.02)


# ------------------------------------------------------------------ the spec


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        (
            spec(DECIDE, delivery=pb.HOOK_DELIVERY_DURABLE, lifetime=pb.LIFETIME_PERSISTENT),
            "DURABLE_NEEDS_PERSISTENT",
        ),
        (durable(lifetime=pb.LIFETIME_SESSION), "DURABLE_NEEDS_PERSISTENT"),
        (spec(OBSERVE, max_attempts=3), "VALIDATION"),
        (spec(OBSERVE, max_backlog=3), "VALIDATION"),
    ],
)
async def test_only_a_stored_observer_can_be_durable(described: pb.HookSpec, reason: str) -> None:
    async with rig() as made:
        worker = await plain_worker(made)
        (status,) = await worker.attach(hook("h", described))
        assert pb.ErrorReason.Name(status.status.reason) == f"ERROR_REASON_{reason}"
        with pytest.raises(InvalidArgument):
            await made.create("h", described)


async def test_the_defaults_of_a_durable_observer_are_filled_in() -> None:
    async with rig() as made:
        made_hook = await made.create("h", durable())
        assert (made_hook.spec.max_attempts, made_hook.spec.max_backlog) == (10, 100_000)
        plain = await made.create("i", spec(OBSERVE))
        assert plain.spec.delivery == pb.HOOK_DELIVERY_EPHEMERAL


async def test_a_durable_observer_stays_durable() -> None:
    async with rig() as made:
        await made.create("h", durable())
        change = pb.UpdateHookRequest(name="h", spec=spec(OBSERVE))
        with pytest.raises(InvalidArgument, match="stays DURABLE"):
            await made.plane.registry.update_hook(ME, change)


async def test_an_ephemeral_observer_can_become_durable() -> None:
    async with rig() as made:
        rooms = Rooms(made)
        await made.create(NAME, spec(OBSERVE, lifetime=pb.LIFETIME_PERSISTENT))
        await made.plane.registry.update_hook(ME, pb.UpdateHookRequest(name=NAME, spec=durable()))
        await rooms.say("a")
        worker = await observer(made)
        await worker.asked()
        assert seen(worker) == ["a"]


# ------------------------------------------------------------------ telling


async def test_what_happened_while_nobody_was_there_is_told_in_order() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        await rooms.say("a", "b", "c")
        assert (await made.hook(NAME)).backlog == 3
        worker = await observer(made)
        await worker.asked(3)
        assert seen(worker) == ["a", "b", "c"]
        assert [one.trigger for one in worker.invocations] == [AFTER] * 3
        assert [one.attempt for one in worker.invocations] == [1] * 3
        assert not any(one.reply_expected for one in worker.invocations)
        await rooms.emptied()


async def test_a_room_waits_for_its_answer_and_no_other_room_does() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        worker = await observer(made, lambda _: None)
        await rooms.say("a", "b")
        await rooms.say("x", "y", room_id="s")
        await worker.asked(2)
        assert (seen(worker), seen(worker, "s")) == (["a"], ["x"])
        await worker.answer(worker.invocations[0], pb.Done())
        await worker.asked(3)
        assert (seen(worker), seen(worker, "s")) == (["a", "b"], ["x"])
        assert (await made.hook(NAME)).backlog >= 3


async def test_thousands_of_rooms_and_rows_pass_through_a_small_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog, "MAX_ROOMS", 4)
    monkeypatch.setattr(backlog, "SCAN_ROWS", 6)
    monkeypatch.setattr(delivering, "SCAN_ROWS", 6)
    monkeypatch.setattr(backlog, "ROOM_ROWS", 3)
    monkeypatch.setattr(delivering, "ROOM_ROWS", 3)
    async with rig() as made:
        rooms = await rooms_of(made)
        names = [f"r{number:02}" for number in range(20)]
        texts = [f"t{number:02}" for number in range(15)]
        for half in (texts[:8], texts[8:]):
            await asyncio.gather(*(rooms.say(*half, room_id=name) for name in names))
        assert (await made.hook(NAME)).backlog == len(names) * len(texts)
        held = made.plane.observers.find(ORG, NAME)
        assert held is not None
        assert sum(len(room.rows) for room in held.rooms.values()) <= 4 * 3
        worker = await observer(made)
        late = asyncio.gather(*(rooms.say("late", room_id=name) for name in (*names, "new")))
        await worker.until(lambda: len(worker.invocations) >= len(names) * 16 + 1, 20)
        await late
        for name in names:
            assert seen(worker, name) == [*texts, "late"]
        assert seen(worker, "new") == ["late"]
        await rooms.emptied()


async def test_context_is_told_as_it_is_when_it_is_told() -> None:
    async with rig() as made:
        rooms = await rooms_of(made, context=pb.ContextSelection(room=True))
        await rooms.say("a", "b")
        assert made.contexts == []
        worker = await observer(made)
        await worker.asked(2)
        assert {one.context.room.labels["tier"] for one in worker.invocations} == {"gold"}


async def test_a_context_that_cannot_be_built_is_built_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivering, "STORE_RETRY_SECONDS", 0.01)
    async with rig() as made:
        rooms = await rooms_of(made, context=pb.ContextSelection(room=True))
        errors: list[Exception] = [RoomdError(pb.ERROR_REASON_STORE_DOWN, "away"), OSError("odd")]
        view = made.plane.observers.tellings.room_view
        assert view is not None

        async def failing(org: str, room_id: str) -> Any:
            if errors:
                raise errors.pop(0)
            return await view(org, room_id)

        made.plane.observers.tellings.room_view = failing
        worker = await observer(made)
        await rooms.say("a", "b")
        await worker.asked(2)
        assert seen(worker) == ["a", "b"]
        assert [one.attempt for one in worker.invocations] == [1, 1]


async def test_an_event_that_was_withdrawn_meanwhile_is_told_without_its_content() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        await rooms.say("secret", "b")
        event = await made.store.get_event(ORG, "r", "r-0")
        assert event is not None
        event.delete_time.GetCurrentTime()
        await made.store.commit(WriteSet(ORG, "r", changed_events=[event]))
        made.plane.runner.revise(ORG, event)
        worker = await observer(made)
        await worker.asked(2)
        told = worker.invocations[0].hook.event
        assert told.event_id == "r-0"
        assert told.HasField("delete_time")
        assert not told.HasField("content")
        assert seen(worker) == ["", "b"]


async def test_a_backlog_leaves_half_of_the_window_to_what_is_told_once() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        for number in range(10):
            await rooms.say("waits", room_id=f"r{number}")
        worker = await plain_worker(
            made,
            hook(NAME),
            hook("once", spec(OBSERVE)),
            window=pb.SetWindow(observe_window=8),
        )
        await worker.asked(4)
        assert made.plane.runner.observe(made.call(trigger=AFTER)) is not None
        await worker.asked(5)
        assert worker.invocations[4].handler == "once"
        assert [one.handler for one in worker.invocations[:4]] == [NAME] * 4
        await worker.answer(worker.invocations[0], pb.Done())
        await worker.asked(6)
        assert worker.invocations[5].handler == NAME


async def test_two_backlogs_share_a_window() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        await made.create("other", durable())
        for number in range(40):
            await rooms.say("a", room_id=f"r{number}")
        worker = await plain_worker(
            made,
            hook(NAME),
            hook("other"),
            behave=lambda _: pb.Done(),
            window=pb.SetWindow(observe_window=4),
        )
        await worker.asked(40)
        first = [one.handler for one in worker.invocations[:40]]
        assert first.count(NAME) >= 10
        assert first.count("other") >= 10


async def test_a_paused_observer_is_told_nothing_and_misses_what_happens() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        await rooms.say("before")
        await made.plane.registry.pause_hook(ME, pb.PauseHookRequest(name=NAME))
        await rooms.say("meanwhile")
        worker = await observer(made)
        await asyncio.sleep(0.05)
        assert worker.invocations == []
        await made.plane.registry.resume_hook(ME, pb.ResumeHookRequest(name=NAME))
        await rooms.say("after")
        await worker.asked(2)
        assert seen(worker) == ["before", "after"]


# ------------------------------------------------------------------ tasks and observations


async def test_what_it_finds_is_stored_with_the_acknowledgement() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        await rooms.say("a", "b")
        done = pb.Done(tasks=[pb.Task(title="call back")])
        await observer(made, lambda one: done if one.hook.event.index == 0 else pb.Done())
        await rooms.emptied()
        ((room_id, found),) = rooms.found
        assert (room_id, [task.title for task in found.tasks]) == ("r", ["call back"])


# ------------------------------------------------------------------ failures


@pytest.mark.usefixtures("quick")
async def test_a_failure_is_tried_again_with_the_same_id_before_the_next_one() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        answers: list[Any] = [RETRY, pb.HookDecision(allow=pb.Allow()), pb.Done(), pb.Done()]
        worker = await observer(made, lambda _: answers.pop(0))
        await rooms.say("a", "b")
        await worker.asked(4)
        assert seen(worker) == ["a", "a", "a", "b"]
        assert len({one.invocation_id for one in worker.invocations}) == 2
        assert [one.attempt for one in worker.invocations] == [1, 2, 3, 1]
        assert len({one.lease for one in worker.invocations}) == 4
        (settled,) = worker.all("settled")
        assert settled.settled.disposition == pb.Settled.DISPOSITION_INVALID
        await rooms.emptied()
        assert [fault[0] for fault in made.faults] == ["hook_error", "hook_error"]


async def test_the_pause_before_a_retry_grows_and_a_worker_may_choose_it() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        wait = partial(observing.retry_wait_seconds, jitter=lambda: 1.0)
        fault = observing.Fault("hook_error", pb.Status())
        assert [wait(attempt, fault) for attempt in (1, 2, 3, 9, 10, 500)] == [
            1,
            2,
            4,
            256,
            300,
            300,
        ]
        assert wait(1, fault._replace(retry_after_seconds=7.0)) == 7.0
        assert wait(1, fault._replace(retry_after_seconds=1e9)) == 3600.0
        assert wait(1, fault._replace(lost=True)) == 0.0
        assert wait(2, fault._replace(lost=True)) == 2.0
        later = pb.Failure(retryable=True, retry_after=duration(0.15))
        answers: list[Any] = [later, pb.Done()]
        worker = await observer(made, lambda _: answers.pop(0))
        began = made.clock.monotonic()
        await rooms.say("a")
        await worker.asked(2)
        assert made.clock.monotonic() - began >= 0.14


@pytest.mark.usefixtures("quick")
async def test_no_answer_in_time_is_an_attempt() -> None:
    async with rig() as made:
        rooms = await rooms_of(made, timeout=0.1)
        answers: list[Any] = [None, pb.Done()]
        worker = await observer(made, lambda _: answers.pop(0))
        await rooms.say("a")
        await worker.asked(2)
        assert worker.all("cancel")[0].cancel.reason == pb.Cancel.REASON_DEADLINE
        assert worker.invocations[1].attempt == 2
        assert made.faults[0][0] == "hook_timeout"


async def test_a_worker_may_take_ten_times_as_long_when_it_says_so() -> None:
    async with rig() as made:
        rooms = await rooms_of(made, timeout=0.1)
        worker = await observer(made, lambda _: None)
        await rooms.say("a")
        one = await worker.asked()
        await worker.send(
            extend=pb.Extend(invocation_id=one.invocation_id, lease=one.lease, timeout=duration(30))
        )
        await asyncio.sleep(0.3)
        await worker.answer(one, pb.Done())
        await rooms.emptied()
        assert made.faults == []


async def test_work_of_a_lost_worker_goes_to_the_next_one_at_once() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        first = await observer(made, lambda _: None, worker_id="first")
        await rooms.say("a", "b")
        lost = await first.asked()
        await first.kill()
        second = await observer(made, worker_id="second")
        await second.asked(2)
        assert seen(second) == ["a", "b"]
        again = second.invocations[0]
        assert again.invocation_id == lost.invocation_id
        assert (again.attempt, again.lease > lost.lease) == (2, True)


async def test_with_nobody_there_nothing_is_attempted() -> None:
    async with rig() as made:
        rooms = await rooms_of(made, max_attempts=1)
        await rooms.say("a")
        await asyncio.sleep(0.05)
        assert (await made.hook(NAME)).backlog == 1
        assert made.faults == []
        worker = await observer(made)
        assert (await worker.asked()).attempt == 1


# ------------------------------------------------------------------ parking


@pytest.mark.usefixtures("quick")
async def test_after_its_attempts_it_is_parked_and_the_room_goes_on() -> None:
    async with rig() as made:
        rooms = await rooms_of(made, max_attempts=3)
        poison = "poison"
        worker = await observer(
            made, lambda one: RETRY if one.hook.event.content.text.body == poison else pb.Done()
        )
        await rooms.say("a", poison, "b")
        await worker.asked(5)
        assert seen(worker) == ["a", poison, poison, poison, "b"]
        await rooms.emptied(parked=1)
        (parked,) = await rooms.parked()
        assert parked.invocation_id == worker.invocations[1].invocation_id
        assert (parked.room_id, parked.event_id, parked.trigger) == ("r", "r-1", AFTER)
        assert parked.attempts == 3
        assert (parked.last_status.code, parked.last_status.message) == (14, "later")
        assert parked.park_time.ToSeconds() >= parked.create_time.ToSeconds() > 0
        assert [fault[0] for fault in made.faults] == [
            *["hook_error"] * 3,
            "hook_invocation_parked",
        ]


async def test_a_failure_that_cannot_pass_is_parked_at_once() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        answers: list[Any] = [HOPELESS, pb.Done()]
        worker = await observer(made, lambda _: answers.pop(0))
        await rooms.say("a", "b")
        await worker.asked(2)
        await rooms.emptied(parked=1)
        assert (await rooms.parked())[0].attempts == 1


async def parked_rooms(made: Rig) -> Rooms:
    """``a`` and ``b`` of room r and ``x`` of room s are parked."""
    rooms = await rooms_of(made)
    worker = await observer(made, lambda _: HOPELESS)
    await rooms.say("a", "b")
    await rooms.say("x", room_id="s")
    await worker.asked(3)
    await rooms.emptied(parked=3)
    await worker.kill()
    return rooms


async def test_what_was_parked_is_listed_by_room_in_pages() -> None:
    async with rig() as made:
        rooms = await parked_rooms(made)
        assert [one.event_id for one in await rooms.parked()] == ["r-0", "r-1", "s-0"]
        assert [one.event_id for one in await rooms.parked(room_id="s")] == ["s-0"]
        listed = []
        request = pb.ListParkedInvocationsRequest(hook=NAME, page_size=2)
        while True:
            page = await made.plane.observers.parking.list_parked_invocations(ME, request)
            listed.append([one.event_id for one in page.parked])
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
        assert listed == [["r-0", "r-1"], ["s-0"]]


async def test_a_replay_tells_it_before_what_still_waits() -> None:
    async with rig() as made:
        rooms = await parked_rooms(made)
        ids = {one.event_id: one.invocation_id for one in await rooms.parked()}
        await rooms.say("c")
        assert await rooms.replay() == 3
        shown = await made.hook(NAME)
        assert (shown.backlog, shown.parked) == (4, 0)
        worker = await observer(made)
        await worker.asked(4)
        assert seen(worker) == ["a", "b", "c"]
        assert worker.invocations[0].invocation_id in ids.values()
        assert {one.attempt for one in worker.invocations} == {1}
        await rooms.emptied()


async def test_some_of_it_can_be_replayed_or_purged() -> None:
    async with rig() as made:
        rooms = await parked_rooms(made)
        a, b, _ = await rooms.parked()
        assert await rooms.replay(invocation_ids=[b.invocation_id, "unknown"]) == 1
        assert await rooms.purge(invocation_ids=[a.invocation_id, b.invocation_id]) == 1
        worker = await observer(made)
        await worker.asked()
        assert seen(worker) == ["b"]
        await rooms.emptied(parked=1)
        assert await rooms.replay(room_id="r") == 0
        assert await rooms.purge(room_id="s") == 1
        await rooms.emptied()


async def test_a_purge_may_spare_what_is_new() -> None:
    async with rig() as made:
        rooms = await parked_rooms(made)
        *_, last = sorted(await rooms.parked(), key=lambda one: one.park_time.ToNanoseconds())
        assert await rooms.purge(before=last.park_time) <= 2
        assert last in await rooms.parked()
        assert await rooms.purge() >= 1


async def test_a_replay_of_what_fails_again_ends() -> None:
    async with rig() as made:
        rooms = await parked_rooms(made)
        worker = await observer(made, lambda _: HOPELESS)
        assert await rooms.replay() == 3
        await worker.asked(3)
        await rooms.emptied(parked=3)
        assert len(worker.invocations) == 3


@pytest.mark.parametrize("name", ["unknown", "plain"])
async def test_only_durable_observers_have_parked_invocations(name: str) -> None:
    async with rig() as made:
        await made.create("plain", spec(OBSERVE))
        parking = made.plane.observers.parking
        for call, kind in (
            (parking.list_parked_invocations, pb.ListParkedInvocationsRequest),
            (parking.replay_parked_invocations, pb.ReplayParkedInvocationsRequest),
            (parking.purge_parked_invocations, pb.PurgeParkedInvocationsRequest),
        ):
            with pytest.raises(NotFound):
                await call(ME, kind(hook=name))  # type: ignore[operator]


async def test_parked_invocations_are_for_who_may_serve_the_hook() -> None:
    """Hook stream, rule 11: what others parked is neither shown, replayed nor purged."""
    elsewhere = Caller(ORG, grant=Grant(rooms=("other",)))
    async with rig() as made:
        rooms = await parked_rooms(made)
        parking = made.plane.observers.parking
        for call, kind in (
            (parking.list_parked_invocations, pb.ListParkedInvocationsRequest),
            (parking.replay_parked_invocations, pb.ReplayParkedInvocationsRequest),
            (parking.purge_parked_invocations, pb.PurgeParkedInvocationsRequest),
        ):
            with pytest.raises(PermissionDenied):
                await call(elsewhere, kind(hook=NAME))  # type: ignore[operator]
        assert len(await rooms.parked()) == 3


async def test_what_was_parked_long_ago_is_forgotten(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    async with rig(path) as made:
        await parked_rooms(made)
    async with rig(path) as made:
        rooms = Rooms(made)
        assert len(await rooms.parked()) == 3
    async with rig(path, parked_retention_seconds=0.0) as made:
        await Rooms(made).emptied()


async def test_the_oldest_of_too_many_are_parked_unseen() -> None:
    async with rig() as made:
        rooms = await rooms_of(made, max_backlog=3)
        await rooms.say("a", "b")
        await rooms.say("x", room_id="s")
        await rooms.say("c", "d")
        entry = made.plane.registry.find(ORG, NAME)
        assert entry is not None
        await until(lambda: entry.parked == 2)
        assert [one.event_id for one in await rooms.parked()] == ["r-0", "r-1"]
        assert {one.attempts for one in await rooms.parked()} == {0}
        assert made.faults[-1][0] == "hook_backlog_overflow"
        assert sum(int(fault[3].split()[0]) for fault in made.faults) == 2
        worker = await observer(made)
        await worker.asked(3)
        assert (seen(worker), seen(worker, "s")) == (["c", "d"], ["x"])
        await rooms.emptied(parked=2)


# ------------------------------------------------------------------ restarts and removals


async def test_everything_is_told_after_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    async with rig(path) as made:
        rooms = await rooms_of(made)
        worker = await observer(made, lambda _: None)
        await rooms.say("a", "b")
        lost = await worker.asked()
    async with rig(path) as made:
        rooms = Rooms(made)
        assert (await made.hook(NAME)).backlog == 2
        worker = await observer(made)
        await worker.asked(2)
        assert seen(worker) == ["a", "b"]
        # It was the server that went: that is no attempt of the worker's.
        assert worker.invocations[0].attempt == 1
        assert worker.invocations[0].invocation_id == lost.invocation_id
        await rooms.emptied()


async def test_attempts_and_pauses_survive_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    async with rig(path) as made:
        rooms = await rooms_of(made)
        later = pb.Failure(retryable=True, retry_after=duration(0.5))
        worker = await observer(made, lambda _: later)
        await rooms.say("a")
        await worker.asked()
        await until(lambda: made.faults)
        failed_at = made.clock.monotonic()
    async with rig(path) as made:
        Rooms(made)
        worker = await observer(made)
        assert (await worker.asked()).attempt == 2
        assert made.clock.monotonic() - failed_at >= 0.4


async def test_what_was_acknowledged_is_not_told_again(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    async with rig(path) as made:
        rooms = await rooms_of(made)
        await rooms.say("a")
        worker = await observer(made)
        await worker.asked()
        await rooms.emptied()
        await rooms.say("b")
        await rooms.emptied()
    async with rig(path) as made:
        rooms = Rooms(made)
        assert await rooms.counts() == []


async def test_the_rows_of_a_deleted_hook_are_gone_also_those_committed_meanwhile() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        worker = await observer(made, lambda _: None)
        await rooms.say("a", "b")
        await worker.asked()
        deleting = asyncio.ensure_future(
            made.plane.registry.delete_hook(ME, pb.DeleteHookRequest(name=NAME))
        )
        await asyncio.sleep(0)
        await rooms.say("c")
        await deleting
        assert await rooms.counts() == []
        await made.create(NAME, durable())
        assert (await made.hook(NAME)).backlog == 0
        await rooms.say("d")
        again = await observer(made)
        await again.asked()
        assert seen(again) == ["d"]


async def test_rows_without_a_hook_are_removed_at_the_start(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    async with rig(path) as made:
        rooms = await rooms_of(made)
        await rooms.say("a")
        rows = await made.store.oldest_observer_rows(ORG, NAME, 1)
        await made.plane.registry.delete_hook(ME, pb.DeleteHookRequest(name=NAME))
        await made.store.commit(WriteSet(ORG, observer_rows=[rows[0].row]))
    async with rig(path) as made:
        assert await Rooms(made).counts() == []


async def test_the_rows_of_a_deleted_room_are_gone() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        worker = await observer(made, lambda _: None)
        await rooms.say("a", "b")
        await rooms.say("x", room_id="s")
        await worker.asked(2)
        await made.plane.runner.erase_room(WriteSet(ORG, "r", delete_room=True))
        cancel = (await worker.told("cancel")).cancel
        assert cancel.reason == pb.Cancel.REASON_CALLER_GONE
        assert (await made.hook(NAME)).backlog == 1
        (left,) = [one for one in worker.invocations if one.room_id == "s"]
        await worker.answer(left, pb.Done())
        await rooms.emptied()
        assert seen(worker) == ["a"]


async def test_a_room_that_could_not_be_deleted_is_told_on() -> None:
    async with rig() as made:
        rooms = await rooms_of(made)
        await rooms.say("a", "b")
        registry = made.plane.registry

        async def refuse(writes: WriteSet) -> None:
            raise RoomdError(pb.ERROR_REASON_STORE_DOWN, "not now")

        registry.erase_room = refuse  # type: ignore[method-assign]
        with pytest.raises(RoomdError, match="not now"):
            await made.plane.runner.erase_room(WriteSet(ORG, "r", delete_room=True))
        worker = await observer(made)
        await worker.asked(2)
        assert seen(worker) == ["a", "b"]
