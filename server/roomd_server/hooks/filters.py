"""Hook filters, compiled once. They look at the subject, whatever the payload is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from roomd import v1 as pb
from roomd_server.core.ports import Subject

Matches = Callable[[Subject, Mapping[str, str]], bool]
"""Whether a hook wants a subject in a room with these labels."""

_LISTS = (
    # Field of the filter, field of the subject.
    ("channel_types", "channel_type"),
    ("channel_ids", "channel_id"),
    ("directions", "direction"),
    ("event_types", "event_type"),
    ("room_ids", "room_id"),
)


def compile_filter(spec: pb.HookFilter) -> Matches | None:
    """Build the test of a filter; None when it matches everything.

    Lists mean "any of" and combine with "and". A subject without the property (its zero
    value) does not match a list that asks for it.
    """
    wanted = []
    for field, name in _LISTS:
        values = getattr(spec, field)
        if values:
            # A property that is not known never matches, even if the list names its zero.
            allowed = frozenset(value for value in values if value)
            wanted.append((Subject._fields.index(name), allowed))
    labels = dict(spec.room_labels)
    if not wanted and not labels:
        return None

    def matches(subject: Subject, room_labels: Mapping[str, str]) -> bool:
        for position, allowed in wanted:
            if subject[position] not in allowed:
                return False
        return all(room_labels.get(name) == value for name, value in labels.items())

    return matches
