"""What a room shows to those who watch it: its log, and what is fleeting."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from roomd import v1 as pb
from roomd_server.core.directory import RoomDirectory
from roomd_server.core.log import (
    BEGINNING,
    LogEntry,
    Position,
    bare,
    changed_event_id,
    event_item,
    revised_change,
    shown,
)
from roomd_server.core.ports import LogPage
from roomd_server.core.room import RoomActor


class LogStretch(NamedTuple):
    """Part of a room's durable log."""

    entries: list[LogEntry]
    oldest: Position
    """The first position from which nothing is missing."""


class RoomFeed:
    """One room for any number of readers; they hold only positions."""

    def __init__(self, actor: RoomActor) -> None:
        self._actor = actor

    @property
    def head(self) -> Position:
        """Position after the newest durable entry."""
        return self._actor.log.next

    @property
    def deleted(self) -> bool:
        """Whether the room was deleted."""
        return self._actor.deleted

    @property
    def stale(self) -> bool:
        """Whether the room has another owner object now: open it again."""
        return self._actor.broken

    def watch(self, bell: Callable[[], None]) -> None:
        """Call ``bell`` whenever something is new; the room stays in memory meanwhile."""
        self._actor.pins += 1
        self._actor.log.watch(bell)

    def unwatch(self, bell: Callable[[], None]) -> None:
        """Call it no more."""
        self._actor.log.unwatch(bell)
        self._actor.pins -= 1

    def release(self, unread: int) -> None:
        """The slowest of those who watch is this many entries behind."""
        self._actor.log.release(unread)

    def since(self, position: Position, limit: int) -> list[LogEntry] | None:
        """Entries from memory; None when they are not there."""
        return self._actor.log.since(position, limit)

    async def load(self, position: Position, limit: int) -> LogStretch:
        """Entries from the store."""
        page = await self._page(position, limit)
        present: dict[str, pb.RoomEvent] = {
            entry.event_id: shown(entry)
            for entry in page.entries
            if isinstance(entry, pb.RoomEvent)
        }
        entries = []
        for entry in page.entries:
            if isinstance(entry, pb.RoomEvent):
                position = Position(entry.index + 1, position.change)
                entries.append(LogEntry(event_item(entry), position, entry.type))
            else:
                position = Position(position.index, entry.sequence + 1)
                item = await self._as_now(entry.item, present)
                entries.append(LogEntry(item, position, 0))
        return LogStretch(entries, page.oldest)

    async def _as_now(self, item: bytes, present: dict[str, pb.RoomEvent]) -> bytes:
        """A stored change as it may be read now: it was written with what its event said
        then, and that may have been edited or withdrawn since.

        Args:
            item: The change.
            present: Events by id, as they are now; those that are read are put in.
        """
        told = pb.StreamItem.FromString(item)
        event_id = changed_event_id(told)
        if not event_id:
            return item
        if event_id not in present:
            actor = self._actor
            stored = await actor.store.get_event(actor.org, actor.room_id, event_id)
            present[event_id] = bare(told.event_changed.event) if stored is None else shown(stored)
        return revised_change(item, present[event_id])

    async def oldest(self) -> Position:
        """The first position from which nothing is missing."""
        return (await self._page(BEGINNING, 1)).oldest

    async def _page(self, position: Position, limit: int) -> LogPage:
        actor = self._actor
        return await actor.store.read_log(
            actor.org, actor.room_id, position.index, position.change, limit
        )

    @property
    def ephemeral_epoch(self) -> str:
        """Epoch of the fleeting events' numbers."""
        return self._actor.ephemerals.epoch

    @property
    def next_ephemeral(self) -> int:
        """Number of the next fleeting event."""
        return self._actor.ephemerals.next_sequence

    def ephemerals_since(self, sequence: int) -> tuple[list[bytes], int, int]:
        """Fleeting events from a number on, the next number, and how many are lost."""
        return self._actor.ephemerals.since(sequence)

    def late_starts(self) -> list[bytes]:
        """The text so far of every answer being written."""
        return self._actor.ephemerals.late_starts()


class Feeds:
    """Opens the feed of a room."""

    def __init__(self, directory: RoomDirectory) -> None:
        self._directory = directory

    async def open(self, org: str, room_id: str) -> RoomFeed:
        """The feed of a room.

        Raises:
            NotFound: ROOM_NOT_FOUND.
            Unavailable: the store does not answer.
        """
        return RoomFeed(await self._directory.get(org, room_id))
