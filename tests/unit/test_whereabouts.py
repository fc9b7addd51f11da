"""Who is in which rooms in memory, however rooms come and go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from roomd import v1 as pb
from roomd_server.core.times import timestamp
from roomd_server.core.whereabouts import CROWD_ROOMS, Whereabouts

PEOPLE = ("ann", "bob")


@dataclass(eq=False)
class Live:
    """As much of a room as is looked at."""

    org: str = "acme"
    participants: dict[str, Any] = field(default_factory=dict)
    room: pb.Room = field(default_factory=pb.Room)


class WhereaboutsMachine(RuleBasedStateMachine):
    """Rooms with people in them come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.known: Any = Whereabouts()
        self.live: list[Live] = []

    @rule(people=st.sets(st.sampled_from(PEOPLE)), count=st.sampled_from([1, 1, CROWD_ROOMS]))
    def rooms_come(self, people: set[str], count: int) -> None:
        for _ in range(count):
            room = Live(participants=dict.fromkeys(people))
            self.live.append(room)
            self.known.enter(room)

    @rule(which=st.integers(0, 1000), who=st.sampled_from(PEOPLE))
    def somebody_joins(self, which: int, who: str) -> None:
        if self.live and who not in (room := self.live[which % len(self.live)]).participants:
            self.known.join(room, who)
            room.participants[who] = None

    @rule(which=st.integers(0, 1000), count=st.sampled_from([1, 1, 1, CROWD_ROOMS]))
    def rooms_go(self, which: int, count: int) -> None:
        for _ in range(min(count, len(self.live))):
            self.known.leave(self.live.pop(which % len(self.live)))

    @invariant()
    def it_is_never_wrong(self) -> None:
        for who in PEOPLE:
            rooms = [room for room in self.live if who in room.participants]
            found = self.known.rooms_of("acme", who)
            if found is None:
                assert rooms, "a crowd is forgotten when it is gone"
            else:
                assert set(found) == set(rooms)
            assert self.known.rooms_of("other", who) == ()


TestWhereabouts = WhereaboutsMachine.TestCase
TestWhereabouts.settings = settings(max_examples=60, deadline=None)


def test_few_rooms_are_known_and_many_are_counted() -> None:
    known: Any = Whereabouts()
    rooms = [Live(participants={"ann": None}) for _ in range(CROWD_ROOMS + 1)]
    for room in rooms[:-1]:
        known.enter(room)
    assert known.rooms_of("acme", "ann") == tuple(rooms[:-1])
    known.enter(rooms[-1])
    assert known.rooms_of("acme", "ann") is None


def test_what_was_let_go_tells_how_new_it_was() -> None:
    known: Any = Whereabouts()
    for activity in (5.0, 9.0, 7.0):
        room = Live(room=pb.Room(last_activity_time=timestamp(activity)))
        known.enter(room)
        known.let_go(room)
    assert known.newest_let_go == 9.0
