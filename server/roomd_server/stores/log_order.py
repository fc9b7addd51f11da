"""The order of a room's log: events and changes, merged by position. Pure; for all stores."""

from __future__ import annotations

from roomd import v1 as pb
from roomd_server.core.ports import Change


def merged(events: list[pb.RoomEvent], changes: list[Change]) -> list[pb.RoomEvent | Change]:
    """Put events and changes, each in its order, into the order of the log."""
    entries: list[pb.RoomEvent | Change] = []
    taken = 0
    for event in events:
        while taken < len(changes) and changes[taken].after_index < event.index:
            entries.append(changes[taken])
            taken += 1
        entries.append(event)
    entries.extend(changes[taken:])
    return entries
