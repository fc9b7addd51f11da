"""Semantics 5: lifetime and room scope: "Hooks of a room exist for that room and are stored
with it".
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api_fakes import until
from hook_kit import DECIDE, OBSERVE, VALIDATE, allow, block, hook, spec
from hooks_kit import (
    BLOCK_POLICY,
    PERSISTENT,
    gate,
    hook_names,
    said_to,
    serve,
    store_hook,
)
from rooms_kit import House, house

from roomd import v1 as pb
from roomd_server.core.times import duration

IN_R1 = pb.HookFilter(room_ids=["r1"])


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        await made.room("r1", "ws")
        await made.room("r2")
        await made.attach("ws", "r2")
        yield made


async def blocked_in(h: House, *rooms: str) -> list[str]:
    """Rooms in which a message is blocked now."""
    return [room_id for room_id in rooms if (await h.say("hello", room_id=room_id)).blocked_by]


# ------------------------------------------------------------------ lifetime


@pytest.mark.parametrize("mode", [DECIDE, VALIDATE, OBSERVE])
async def test_s5_lifetime_of_a_created_hook_is_that_of_the_store(
    tmp_path: Path, mode: int
) -> None:
    """Semantics 5: "lifetime": a PERSISTENT hook is there after a restart, as it was described."""
    described = {
        "priority": -3,
        "timeout": 1.5,
        "failure_policy": BLOCK_POLICY,
        "filter": pb.HookFilter(room_ids=["r1"], channel_ids=["ws"], room_labels={"a": "b"}),
        "context": pb.ContextSelection(room=True, recent_events=7),
        "shadow": mode == DECIDE,
    }
    async with house(tmp_path / "rooms.db") as h:
        made = await store_hook(h, "kept", mode, **described)
        await h.restart()
        again = (await h.do(pb.GetHookRequest(name="kept"))).hook
    assert again == made
    assert again.spec.lifetime == PERSISTENT
    assert again.spec.timeout == duration(1.5)


async def test_s5_lifetime_of_a_stored_hook_outlasts_its_workers(tmp_path: Path) -> None:
    """Semantics 5: "lifetime": its failure policy holds with nobody attached, also after a
    restart.
    """
    async with house(tmp_path / "rooms.db") as h:
        await h.room("r1", "ws")
        described = {"lifetime": PERSISTENT, "failure_policy": BLOCK_POLICY}
        worker = await gate(h, lambda _: allow(), **described)
        assert await blocked_in(h, "r1") == []
        await worker.kill()
        assert await blocked_in(h, "r1") == ["r1"]
        await h.restart()
        assert await blocked_in(h, "r1") == ["r1"]
        await serve(h, hook("gate"), behave=lambda _: allow())
        assert await blocked_in(h, "r1") == []


async def test_s5_lifetime_of_a_session_hook_ends_with_its_last_worker(h: House) -> None:
    """Semantics 5: "lifetime": a SESSION hook goes with the last worker that serves it."""
    first = await gate(h, lambda _: block("no"))
    second = await gate(h, lambda _: block("no"))
    await first.kill()
    assert await blocked_in(h, "r1") == ["r1"]
    await second.kill()
    await until(lambda: not h.server._plane.runner.wants("default", 1, "r1"))
    assert await blocked_in(h, "r1") == []
    assert await hook_names(h) == []


async def test_s5_lifetime_of_a_session_hook_ends_with_the_server(tmp_path: Path) -> None:
    """Semantics 5: "lifetime": a SESSION hook is not stored."""
    async with house(tmp_path / "rooms.db") as h:
        await gate(h, lambda _: allow())
        assert await hook_names(h) == ["gate"]
        await h.restart()
        assert await hook_names(h) == []


async def test_s5_lifetime_session_is_that_of_an_attached_hook_unless_it_says_otherwise(
    h: House,
) -> None:
    """Semantics 5: "lifetime": SESSION by Attach, PERSISTENT by CreateHook."""
    await gate(h, lambda _: allow(), "attached")
    await store_hook(h, "created")
    lifetimes = {one.name: one.spec.lifetime for one in (await h.do(pb.ListHooksRequest())).hooks}
    assert lifetimes == {"attached": pb.LIFETIME_SESSION, "created": PERSISTENT}


# ------------------------------------------------------------------ rooms


async def test_s5_room_scope_a_hook_of_a_room_runs_in_that_room(h: House) -> None:
    """Semantics 5: "Hooks of a room exist for that room", and for no other."""
    worker = await gate(h, lambda _: block("no"), filter=IN_R1)
    assert await blocked_in(h, "r1", "r2") == ["r1"]
    assert [one.room_id for one in worker.invocations] == ["r1"]


async def test_s5_room_scope_may_be_several_rooms(h: House) -> None:
    """Semantics 5: "room scope": a hook of several rooms."""
    await h.room("r3")
    await h.attach("ws", "r3")
    await gate(h, lambda _: block("no"), filter=pb.HookFilter(room_ids=["r1", "r3"]))
    assert await blocked_in(h, "r1", "r2", "r3") == ["r1", "r3"]


async def test_s5_room_scope_hooks_of_a_room_are_stored(tmp_path: Path) -> None:
    """Semantics 5: "and are stored with it": a restart keeps them, for their room."""
    async with house(tmp_path / "rooms.db") as h:
        await h.room("r1", "ws")
        await h.room("r2")
        await h.attach("ws", "r2")
        await store_hook(h, filter=IN_R1, failure_policy=BLOCK_POLICY)
        await h.restart()
        assert await blocked_in(h, "r1", "r2") == ["r1"]


async def test_s5_room_scope_hooks_of_a_room_may_come_before_it(h: House) -> None:
    """Semantics 5: "Hooks of a room exist for that room": from its first message on."""
    worker = await gate(h, lambda _: allow(), filter=pb.HookFilter(room_ids=["new"]))
    await h.room("new")
    await h.attach("ws", "new")
    await h.say("first words", room_id="new")
    assert said_to(worker) == ["first words"]


async def test_s5_room_scope_hooks_of_a_room_go_with_it(tmp_path: Path) -> None:
    """Semantics 5: "stored with it": a room that is deleted takes its hooks along; another
    room of that name does not get them.
    """
    async with house(tmp_path / "rooms.db") as h:
        await h.room("r1", "ws")
        await store_hook(h, "of-r1", filter=IN_R1, failure_policy=BLOCK_POLICY)
        await store_hook(h, "everywhere")
        worker = await gate(h, lambda _: allow(), "session", filter=IN_R1)
        await h.do(pb.DeleteRoomRequest(room_id="r1"))
        assert await hook_names(h) == ["everywhere"]
        assert list((await worker.told("detached")).detached.names) == ["session"]
        await h.room("r1")
        await h.attach("ws")
        assert await blocked_in(h, "r1") == []
        await h.restart()
        assert await hook_names(h) == ["everywhere"]


async def test_s5_room_scope_of_several_rooms_loses_the_deleted_one(tmp_path: Path) -> None:
    """Semantics 5: "Hooks of a room exist for that room": the others keep theirs."""
    async with house(tmp_path / "rooms.db") as h:
        for room_id in ("r1", "r2"):
            await h.room(room_id)
        both = pb.HookFilter(room_ids=["r1", "r2"])
        await store_hook(h, filter=both, failure_policy=BLOCK_POLICY)
        await h.do(pb.DeleteRoomRequest(room_id="r1"))
        for _ in range(2):
            kept = (await h.do(pb.GetHookRequest(name="gate"))).hook
            assert list(kept.spec.filter.room_ids) == ["r2"]
            await h.restart()
        await h.room("r1", "ws")
        await h.attach("ws", "r2")
        assert await blocked_in(h, "r1", "r2") == ["r2"]


async def test_s5_room_scope_hooks_stay_when_their_room_cannot_be_deleted(h: House) -> None:
    """Semantics 5: "stored with it": a room that stays keeps its hooks."""
    await store_hook(h, filter=IN_R1, failure_policy=BLOCK_POLICY)
    failure = await h.failure(pb.DeleteRoomRequest(room_id="r1", etag="old"))
    assert failure.reason == "ETAG_MISMATCH"
    assert await hook_names(h) == ["gate"]
    assert await blocked_in(h, "r1") == ["r1"]


async def test_s5_room_scope_hooks_of_all_and_of_one_room_are_one_chain(h: House) -> None:
    """Semantics 5: "priority (lower first, then name)", whatever their scope."""
    worker = await serve(
        h,
        hook("b-room", spec(filter=IN_R1)),
        hook("c-all", spec()),
        hook("a-all", spec()),
        hook("z-room", spec(priority=-1, filter=IN_R1)),
        behave=lambda _: allow(),
    )
    await h.say("hello")
    assert [one.handler for one in worker.invocations] == ["z-room", "a-all", "b-room", "c-all"]
