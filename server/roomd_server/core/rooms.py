"""How calls get at a live room: to read it, or alone under its lock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.ports import Caller, Hooks, WriteSet
from roomd_server.core.room import RoomActor


class Rooms:
    """Opens rooms for callers."""

    def __init__(self, directory: RoomDirectory, hooks: Hooks) -> None:
        self._directory = directory
        self._hooks = hooks

    async def read(self, caller: Caller, room_id: str) -> RoomActor:
        """The room as it was committed last; nothing is locked. A hook that decides on the
        first message of a room sees it as it will be.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        actor = await self._directory.find(caller.org, room_id)
        if actor is None and _waits_for(self._hooks, caller, room_id):
            actor = self._directory.expected(caller.org, room_id)
        if actor is None:
            raise errors.room_not_found(room_id)
        return actor

    @asynccontextmanager
    async def hold(self, caller: Caller, room_id: str) -> AsyncIterator[RoomActor]:
        """Hold the room's lock: no message enters and no other call changes it.

        Raises:
            NotFound: ROOM_NOT_FOUND, also when it is deleted while we wait.
            FailedPrecondition: WOULD_DEADLOCK, when the caller is the hook that the room
                waits for.
        """
        check_deadlock(self._hooks, caller, room_id)
        async with locked(self._directory, caller.org, room_id) as actor:
            yield actor

    def check_deadlock(self, caller: Caller, room_id: str) -> None:
        """See ``check_deadlock``."""
        check_deadlock(self._hooks, caller, room_id)

    def erase(self, caller: Caller, room_id: str) -> asyncio.Task[None]:
        """Begin to delete a room that is held, and its hooks; one transaction."""
        writes = WriteSet(caller.org, room_id, delete_room=True)
        return asyncio.create_task(self._hooks.erase_room(writes))


def check_deadlock(hooks: Hooks, caller: Caller, room_id: str) -> None:
    """Refuse a call that would wait for the very hook that makes it.

    Raises:
        FailedPrecondition: WOULD_DEADLOCK, when the room waits for the caller's answer.
    """
    if _waits_for(hooks, caller, room_id):
        raise errors.FailedPrecondition(
            pb.ERROR_REASON_WOULD_DEADLOCK,
            f"room {room_id!r} waits for the hook that makes this call; "
            "call after the hook has answered",
            metadata={"room_id": room_id},
        )


def _waits_for(hooks: Hooks, caller: Caller, room_id: str) -> bool:
    """Whether the room waits for the hook that makes the call."""
    if not caller.invocation_id:
        return False
    return hooks.active_invocation_room(caller.org, caller.invocation_id) == room_id


@asynccontextmanager
async def locked(directory: RoomDirectory, org: str, room_id: str) -> AsyncIterator[RoomActor]:
    """Hold the lock of a room's present owner; it stays in memory while we wait.

    Raises:
        NotFound: ROOM_NOT_FOUND.
    """
    while True:
        actor = await directory.get(org, room_id)
        with directory.pinned(actor):
            async with actor.lock:
                # What callers read from the store must be all that was handed in before.
                await actor.settled()
                if not actor.broken and not actor.deleted:
                    yield actor
                    return
