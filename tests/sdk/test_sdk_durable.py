"""Durable hooks of the Python SDK: nothing is missed, mistakes are tried again, then parked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mission_rooms import furnish, say, until, websocket

from roomd import (
    GiveUpError,
    HookExecution,
    HookResult,
    HookTrigger,
    NotFoundError,
    RoomKit,
    SQLiteStore,
    Task,
    current_invocation,
)

AFTER, ASYNC = HookTrigger.AFTER_BROADCAST, HookExecution.ASYNC


class Audit:
    """A durable hook that notes what it is told."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.ids: list[str] = []

    def attach(self, kit: RoomKit, **options: Any) -> None:
        kit.hook(AFTER, ASYNC, name="audit", durable=True, **options)(self.note)

    async def note(self, event: Any, ctx: Any) -> HookResult:
        body = event.content.body
        running = current_invocation()
        assert running is not None
        self.seen.append(body)
        self.ids.append(running.id)
        if body == "never":
            raise GiveUpError("of no use")
        if body == "later" and self.seen.count("later") == 1:
            raise ConnectionError("the disk is away")
        return HookResult.allow(tasks=[Task(title=body)] if body == "task" else [])


async def test_a_durable_hook_sees_what_happened_while_nobody_served_it(tmp_path: Path) -> None:
    store = SQLiteStore(f"{tmp_path}/rooms.db")
    async with RoomKit(store=store) as kit:
        Audit().attach(kit)
        await furnish(kit, "room", websocket("ws"))
        await say(kit, "ws", "first")
    async with RoomKit(store=store) as kit:
        kit.register_channel(websocket("ws"))
        await say(kit, "ws", "meanwhile")
        audit = Audit()
        audit.attach(kit)
        await say(kit, "ws", "after")
        await until(lambda: "after" in audit.seen)
        assert audit.seen[-2:] == ["meanwhile", "after"]


async def test_what_fails_is_tried_again_and_what_is_of_no_use_is_parked(kit: RoomKit) -> None:
    audit = Audit()
    audit.attach(kit)
    await furnish(kit, "room", websocket("ws"))
    for body in ("later", "never", "task"):
        await say(kit, "ws", body)
    await until(lambda: "task" in audit.seen)
    assert audit.seen == ["later", "later", "never", "task"]
    assert audit.ids[0] == audit.ids[1]

    (parked,) = await kit.list_parked("audit")
    assert (parked.invocation_id, parked.room_id) == (audit.ids[2], "room")
    assert (parked.trigger, parked.attempts) == (AFTER, 1)
    assert parked.error == "GiveUpError: of no use"
    assert parked.event_id
    assert await kit.list_parked("audit", room_id="another") == []

    assert await kit.replay_parked("audit") == 1
    await until(lambda: audit.seen.count("never") == 2)
    assert audit.ids[-1] == parked.invocation_id

    async def purged() -> int:
        return await kit.purge_parked("audit", [parked.invocation_id])

    count = 0
    while not count:
        count = await purged()
    assert count == 1
    assert await kit.list_parked("audit") == []
    assert [task.title for task in await kit.list_tasks("room")] == ["task"]


async def test_a_purge_may_spare_what_is_new(kit: RoomKit) -> None:
    audit = Audit()
    audit.attach(kit)
    await furnish(kit, "room", websocket("ws"))
    await say(kit, "ws", "never")
    await until(lambda: audit.seen)
    parked: list[Any] = []
    while not parked:
        parked = await kit.list_parked("audit")
    assert await kit.purge_parked("audit", before=parked[0].parked_at) == 0
    assert await kit.purge_parked("audit") == 1


@pytest.mark.parametrize(
    ("trigger", "name", "words"),
    [
        (AFTER, "", "needs a name"),
        (HookTrigger.BEFORE_BROADCAST, "gate", "only hooks that watch"),
    ],
)
async def test_what_cannot_be_durable_is_refused(
    kit: RoomKit, trigger: HookTrigger, name: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        kit.hook(trigger, name=name, durable=True)(Audit().note)


async def test_two_hooks_of_a_kit_cannot_share_what_waits(kit: RoomKit) -> None:
    Audit().attach(kit)
    with pytest.raises(ValueError, match="already"):
        Audit().attach(kit)


async def test_a_hook_that_is_deleted_is_told_nothing_and_nothing_waits_for_it(
    kit: RoomKit,
) -> None:
    audit = Audit()
    audit.attach(kit)
    await furnish(kit, "room", websocket("ws"))
    await say(kit, "ws", "never")
    await until(lambda: audit.seen)
    await kit.delete_hook("audit")
    await say(kit, "ws", "unheard")
    with pytest.raises(NotFoundError):
        await kit.delete_hook("audit")
    anew = Audit()
    anew.attach(kit)
    await say(kit, "ws", "heard")
    await until(lambda: anew.seen)
    assert (audit.seen, anew.seen) == (["never"], ["heard"])
    assert await kit.list_parked("audit") == []
