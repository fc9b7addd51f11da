"""The life of a room: made, paused, resumed, closed, archived, deleted.

Every transition is idempotent: repeating it changes nothing and fires nothing. Hooks and
framework events follow the commit, outside the room's lock. Timers are in ``timers.py``.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from roomd import v1 as pb
from roomd_server.core import errors, paging
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.notify import Notifier
from roomd_server.core.once import Once
from roomd_server.core.ports import (
    Caller,
    Clock,
    Ids,
    KeyRecord,
    RoomSnapshot,
    Store,
    StoreConflict,
    WriteSet,
)
from roomd_server.core.room import Draft, RoomActor, timer_due
from roomd_server.core.rooms import Rooms
from roomd_server.core.structs import merge
from roomd_server.core.times import seconds_of, timestamp
from roomd_server.core.waiting import conclude, outlast


class Move(NamedTuple):
    """A transition by hand."""

    code: str
    trigger: pb.HookTrigger
    to: pb.RoomStatus
    sources: frozenset[pb.RoomStatus]
    settled: frozenset[pb.RoomStatus]
    """From here it changes nothing. From all others it is WRONG_STATE."""


ACTIVE, PAUSED = pb.ROOM_STATUS_ACTIVE, pb.ROOM_STATUS_PAUSED
CLOSED, ARCHIVED = pb.ROOM_STATUS_CLOSED, pb.ROOM_STATUS_ARCHIVED

PAUSE = Move(
    "room_paused",
    pb.HOOK_TRIGGER_ON_ROOM_PAUSED,
    PAUSED,
    frozenset((ACTIVE,)),
    frozenset((PAUSED,)),
)
RESUME = Move(
    "room_resumed",
    pb.HOOK_TRIGGER_ON_ROOM_RESUMED,
    ACTIVE,
    frozenset((PAUSED,)),
    frozenset((ACTIVE,)),
)
CLOSE = Move(
    "room_closed",
    pb.HOOK_TRIGGER_ON_ROOM_CLOSED,
    CLOSED,
    frozenset((ACTIVE, PAUSED)),
    frozenset((CLOSED, ARCHIVED)),
)
ARCHIVE = Move(
    "room_archived",
    pb.HOOK_TRIGGER_ON_ROOM_ARCHIVED,
    ARCHIVED,
    frozenset((CLOSED,)),
    frozenset((ARCHIVED,)),
)

MUTABLE_PATHS = frozenset(("metadata", "labels", "timers", "retention"))


class RoomLifecycle:
    """Serves the room RPCs of ``RoomService``."""

    def __init__(
        self,
        store: Store,
        directory: RoomDirectory,
        rooms: Rooms,
        once: Once,
        clock: Clock,
        ids: Ids,
        notifier: Notifier,
    ) -> None:
        self._store = store
        self._directory = directory
        self._rooms = rooms
        self._once = once
        self._clock = clock
        self._ids = ids
        self._notifier = notifier
        self.deletions = 0
        """Rooms deleted so far."""

    # -------------------------------------------------------------- making

    async def create_room(
        self, caller: Caller, request: pb.CreateRoomRequest
    ) -> pb.CreateRoomResponse:
        """Make a room; durable on return.

        Raises:
            AlreadyExists: ROOM_EXISTS; KEY_REUSED.
        """
        first = await self._first_answer(caller, request)
        if first is not None:
            return first
        room = self.new_room(caller.org, request.room_id)
        room.timers.CopyFrom(request.timers)
        if request.HasField("retention"):
            room.retention.CopyFrom(request.retention)
        room.metadata.CopyFrom(request.metadata)
        room.labels.update(request.labels)
        response = pb.CreateRoomResponse(room=room)
        keys = self._once.record("CreateRoom", request.request_id, request, response)
        try:
            await self._insert(caller, room, keys)
        except StoreConflict:
            # The same call may have run beside us, or its first answer was lost.
            first = await self._first_answer(caller, request)
            if first is not None:
                return first
            raise errors.AlreadyExists(
                pb.ERROR_REASON_ROOM_EXISTS,
                f"room {room.room_id!r} exists; get it, or choose another id",
                metadata={"room_id": room.room_id},
            ) from None
        return response

    async def _first_answer(
        self, caller: Caller, request: pb.CreateRoomRequest
    ) -> pb.CreateRoomResponse | None:
        first = await self._once.first(caller.org, "CreateRoom", request.request_id, request)
        return None if first is None else pb.CreateRoomResponse.FromString(first)

    def new_room(self, org: str, room_id: str) -> pb.Room:
        """The record of a room that is about to be made.

        Args:
            org: Whose room.
            room_id: Empty: a new id.
        """
        now = timestamp(self._clock.now())
        return pb.Room(
            room_id=room_id or self._ids.new(),
            organization_id=org,
            status=ACTIVE,
            create_time=now,
            update_time=now,
            last_activity_time=now,
            etag=f"{self._ids.new()}.1",
        )

    async def _insert(self, caller: Caller, room: pb.Room, keys: list[KeyRecord]) -> None:
        """Store a new room.

        Raises:
            StoreConflict: it exists, or the key does.
            FailedPrecondition: WOULD_DEADLOCK.
        """
        while True:
            with self._directory.expecting(caller.org, room) as expected:
                if not expected.unborn:
                    await expected.settled()
                    raise StoreConflict("room")
                self._rooms.check_deadlock(caller, room.room_id)
                # A message that makes the same room is first, or enters the one made here.
                async with expected.lock:
                    if expected.unborn and not expected.broken:
                        await self._make(expected, room, keys)
                        return

    async def _make(self, expected: RoomActor, room: pb.Room, keys: list[KeyRecord]) -> None:
        writes = WriteSet(
            expected.org,
            room.room_id,
            room=room,
            create_room=True,
            timer_due=timer_due(room),
            keys=keys,
        )
        self._notifier.keep.created_room(writes, room)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def settle(error: Exception | None) -> None:
            if error is None:
                self._notifier.keep.kept(writes)  # before anything else of the room is
            conclude(done, error)

        try:
            self._store.submit(writes, settle)
            await outlast(done)
            snapshot = RoomSnapshot(room, [], [], [], 0, [], 0, [])
            actor = self._directory.adopt(expected.org, snapshot)
        finally:
            expected.broken = True  # whoever waits for it looks for the room anew
        self._notifier.lifecycle(actor, pb.HOOK_TRIGGER_ON_ROOM_CREATED, "room_created")

    # -------------------------------------------------------------- reading

    async def get_room(self, caller: Caller, request: pb.GetRoomRequest) -> pb.GetRoomResponse:
        """Read a room.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        actor = await self._rooms.read(caller, request.room_id)
        return pb.GetRoomResponse(room=actor.room)

    async def list_rooms(
        self, caller: Caller, request: pb.ListRoomsRequest
    ) -> pb.ListRoomsResponse:
        """Read a page of rooms, by id.

        Raises:
            InvalidArgument: BAD_CURSOR.
        """
        mark, size = paging.mark(caller, request), paging.page_size(request.page_size)
        after = paging.decode_text(mark, request.page_token)
        found = await self._store.list_rooms(caller.org, request, after, size + 1)
        response = pb.ListRoomsResponse(rooms=found[:size])
        if len(found) > size:
            response.next_page_token = paging.encode(mark, found[size - 1].room_id)
        return response

    # -------------------------------------------------------------- changing

    async def update_room(
        self, caller: Caller, request: pb.UpdateRoomRequest
    ) -> pb.UpdateRoomResponse:
        """Change metadata (merged key by key), labels, timers or retention (replaced).

        Raises:
            NotFound: ROOM_NOT_FOUND.
            Aborted: ETAG_MISMATCH.
            InvalidArgument: MASK_NOT_MUTABLE.
        """
        new, paths = request.room, set(request.update_mask.paths)
        if not new.room_id:
            raise errors.invalid("room.room_id", "must be set")
        check_mask(paths, MUTABLE_PATHS)
        async with self._rooms.hold(caller, new.room_id) as actor:
            check_etag(actor.room, new.etag)
            draft = Draft(actor, self._clock)
            room = draft.room()
            if "metadata" in paths:
                merge(room.metadata, new.metadata)
            if "labels" in paths:
                room.labels.clear()
                room.labels.update(new.labels)
                draft.writes.relabelled = True
            if "timers" in paths:
                room.timers.CopyFrom(new.timers)
            if "retention" in paths:
                room.retention.CopyFrom(new.retention)
            room.etag = next_etag(room.etag)
            draft.tell_room("room_updated")
            await draft.commit()
        self._notifier.announce(actor, "room_updated")
        return pb.UpdateRoomResponse(room=actor.room)

    async def pause_room(
        self, caller: Caller, request: pb.PauseRoomRequest
    ) -> pb.PauseRoomResponse:
        """ACTIVE to PAUSED.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            FailedPrecondition: WRONG_STATE, from CLOSED or ARCHIVED.
        """
        return pb.PauseRoomResponse(room=await self._move(caller, request.room_id, PAUSE))

    async def resume_room(
        self, caller: Caller, request: pb.ResumeRoomRequest
    ) -> pb.ResumeRoomResponse:
        """PAUSED to ACTIVE; its timers begin anew.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            FailedPrecondition: WRONG_STATE, from CLOSED or ARCHIVED.
        """
        return pb.ResumeRoomResponse(room=await self._move(caller, request.room_id, RESUME))

    async def close_room(
        self, caller: Caller, request: pb.CloseRoomRequest
    ) -> pb.CloseRoomResponse:
        """ACTIVE or PAUSED to CLOSED; an ARCHIVED room stays so.

        Raises:
            NotFound: ROOM_NOT_FOUND.
        """
        room = await self._move(caller, request.room_id, CLOSE, reason=request.reason)
        return pb.CloseRoomResponse(room=room)

    async def archive_room(
        self, caller: Caller, request: pb.ArchiveRoomRequest
    ) -> pb.ArchiveRoomResponse:
        """CLOSED to ARCHIVED, for good.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            FailedPrecondition: WRONG_STATE, unless closed.
        """
        return pb.ArchiveRoomResponse(room=await self._move(caller, request.room_id, ARCHIVE))

    async def _move(self, caller: Caller, room_id: str, move: Move, *, reason: str = "") -> pb.Room:
        async with self._rooms.hold(caller, room_id) as actor:
            status = actor.room.status
            if status in move.settled:
                return actor.room
            if status not in move.sources:
                raise errors.FailedPrecondition(
                    pb.ERROR_REASON_WRONG_STATE,
                    f"room {room_id!r} is {_name(status)}; it can become {_name(move.to)} from "
                    + " or ".join(_name(source) for source in sorted(move.sources)),
                    metadata={"room_id": room_id, "status": _name(status)},
                )
            draft = Draft(actor, self._clock)
            move_room(draft, move)
            if move is RESUME:
                # Otherwise the quiet that paused it would pause it again at once.
                draft.room().last_activity_time.CopyFrom(timestamp(draft.now))
            draft.tell_room(move.code)
            data = {"reason": reason} if reason else None
            self._notifier.keep.lifecycle(actor, draft.writes, move.trigger, move.code, data=data)
            await draft.commit()
        self._notifier.lifecycle(actor, move.trigger, move.code, data=data)
        return actor.room

    async def delete_room(
        self, caller: Caller, request: pb.DeleteRoomRequest
    ) -> pb.DeleteRoomResponse:
        """Remove a room and everything in it, its hooks too; those who watch it are woken.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            Aborted: ETAG_MISMATCH.
        """
        async with self._rooms.hold(caller, request.room_id) as actor:
            check_etag(actor.room, request.etag)
            # From here on nothing may be written that the deletion would not see.
            actor.deleted = True
            done = self._rooms.erase(caller, actor.room_id)
            try:
                await outlast(done)
            finally:
                actor.deleted = not (done.cancelled() or done.exception())
                if actor.deleted:
                    self._directory.forget(actor)
        self.deletions += 1
        self._notifier.announce(actor, "room_deleted")
        return pb.DeleteRoomResponse()


def resume_on_activity(draft: Draft) -> bool:
    """Make a PAUSED room ACTIVE in the draft of the message that wakes it.

    Returns:
        Whether it was PAUSED: then ``RESUME.trigger`` is fired after the commit.
    """
    if draft.actor.room.status != PAUSED:
        return False
    move_room(draft, RESUME)
    draft.tell_room(RESUME.code)
    return True


def apply_timers(actor: RoomActor, draft: Draft) -> Move | None:
    """Move the drafted room when a timer is due at the draft's time; closing goes first.

    Returns:
        What became of it, to be fired after the commit; None: nothing is due.
    """
    room = draft.room()
    quiet = draft.now - seconds_of(room.last_activity_time)
    closed_after = seconds_of(room.timers.closed_after)
    inactive_after = seconds_of(room.timers.inactive_after)
    move = None
    if closed_after and quiet >= closed_after and room.status in CLOSE.sources:
        move = CLOSE
    elif inactive_after and quiet >= inactive_after and room.status in PAUSE.sources:
        move = PAUSE
    if move is not None:
        move_room(draft, move)
        draft.tell_room(move.code)
    return move


def move_room(draft: Draft, move: Move) -> None:
    """Give the drafted room the status of a transition."""
    room = draft.room()
    room.status = move.to
    room.etag = next_etag(room.etag)
    if move is CLOSE:
        room.close_time.CopyFrom(timestamp(draft.now))


def next_etag(etag: str) -> str:
    """The etag of the next version. Messages and activity do not change it: otherwise
    nobody could update a busy room.
    """
    origin, _, version = etag.rpartition(".")
    return f"{origin}.{int(version) + 1}" if version.isdecimal() else f"{etag}.1"


def check_etag(room: pb.Room, expected: str) -> None:
    """Refuse to overwrite what the caller has not seen; an empty etag overwrites.

    Raises:
        Aborted: ETAG_MISMATCH.
    """
    if expected and expected != room.etag:
        raise errors.Aborted(
            pb.ERROR_REASON_ETAG_MISMATCH,
            f"room {room.room_id!r} was changed meanwhile; get it and try again",
            metadata={"room_id": room.room_id},
        )


def check_mask(paths: set[str], mutable: frozenset[str]) -> None:
    """Refuse masks that name nothing, or something that cannot change.

    Raises:
        InvalidArgument: VALIDATION, MASK_NOT_MUTABLE.
    """
    if not paths:
        raise errors.invalid("update_mask", "must name at least one field")
    if foreign := sorted(paths - mutable):
        allowed = ", ".join(sorted(mutable))
        raise errors.InvalidArgument(
            pb.ERROR_REASON_MASK_NOT_MUTABLE,
            f"update_mask: {foreign[0]!r} cannot change; {allowed} can",
            violations=[
                errors.Violation("update_mask", f"{path!r} cannot change") for path in foreign
            ],
        )


def _name(status: int) -> str:
    return pb.RoomStatus.Name(status).removeprefix("ROOM_STATUS_")
