"""Calls about rooms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from roomd import v1 as pb
from roomd._convert import room_from_pb, struct, timers_to_pb
from roomd._session import Session
from roomd.models.room import Room, RoomTimers


class RoomCalls:
    """Makes rooms and moves them through their life."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def create(
        self,
        room_id: str | None,
        metadata: dict[str, Any],
        timers: RoomTimers | None,
        labels: Mapping[str, str],
    ) -> Room:
        """Make a room."""
        if isinstance(metadata.get("timers"), RoomTimers):
            timers = metadata.pop("timers")
        request = pb.CreateRoomRequest(room_id=room_id or "", labels=labels)
        if metadata:
            request.metadata.CopyFrom(struct(metadata))
        if timers is not None:
            request.timers.CopyFrom(timers_to_pb(timers))
        response = await self._session.call(
            "RoomService/CreateRoom", request, pb.CreateRoomResponse
        )
        return room_from_pb(response.room)

    async def get(self, room_id: str) -> Room:
        """A room."""
        response = await self._session.call(
            "RoomService/GetRoom", pb.GetRoomRequest(room_id=room_id), pb.GetRoomResponse
        )
        return room_from_pb(response.room)

    async def update_metadata(self, room_id: str, metadata: Mapping[str, Any]) -> Room:
        """Merge keys."""
        room = pb.Room(room_id=room_id, metadata=struct(metadata))
        return await self._update(room, "metadata")

    async def set_timers(self, room_id: str, timers: RoomTimers) -> Room:
        """Set the timers."""
        room = pb.Room(room_id=room_id, timers=timers_to_pb(timers))
        return await self._update(room, "timers")

    async def _update(self, room: pb.Room, path: str) -> Room:
        response = await self._session.call(
            "RoomService/UpdateRoom",
            pb.UpdateRoomRequest(room=room, update_mask=FieldMask(paths=[path])),
            pb.UpdateRoomResponse,
        )
        return room_from_pb(response.room)

    async def change(self, method: str, room_id: str) -> Room:
        """Pause, resume, close, archive, check timers."""
        request, response = _PLAIN[method]
        answer: Any = await self._session.call(
            f"RoomService/{method}", request(room_id=room_id), response
        )
        return room_from_pb(answer.room)

    async def delete(self, room_id: str) -> None:
        """Remove a room."""
        await self._session.call(
            "RoomService/DeleteRoom",
            pb.DeleteRoomRequest(room_id=room_id),
            pb.DeleteRoomResponse,
        )

    async def check_all_timers(self) -> list[Room]:
        """Fire all timers that are due."""
        response = await self._session.call(
            "RoomService/CheckAllTimers",
            pb.CheckAllTimersRequest(),
            pb.CheckAllTimersResponse,
        )
        return [room_from_pb(room) for room in response.rooms]


_PLAIN: Mapping[str, tuple[Any, Any]] = {
    "PauseRoom": (pb.PauseRoomRequest, pb.PauseRoomResponse),
    "ResumeRoom": (pb.ResumeRoomRequest, pb.ResumeRoomResponse),
    "CloseRoom": (pb.CloseRoomRequest, pb.CloseRoomResponse),
    "ArchiveRoom": (pb.ArchiveRoomRequest, pb.ArchiveRoomResponse),
    "CheckRoomTimers": (pb.CheckRoomTimersRequest, pb.CheckRoomTimersResponse),
}
