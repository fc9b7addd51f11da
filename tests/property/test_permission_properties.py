"""Visibility × access × mute × direction × category against tables written by hand."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomd import v1 as pb
from roomd_server.core import permissions

# The tables of semantics 2 and 4, as they are read aloud.
WRITES_AND_HEARS = {
    # access: (may write, hears)
    "UNSPECIFIED": (True, True),
    "READ_WRITE": (True, True),
    "READ_ONLY": (False, True),
    "WRITE_ONLY": (True, False),
    "NONE": (False, False),
}
GOES = {
    # direction: (into the room, out of the room)
    "UNSPECIFIED": (True, True),
    "BIDIRECTIONAL": (True, True),
    "INBOUND": (True, False),
    "OUTBOUND": (False, True),
}
SEEN_BY = {
    # scope: (transport, intelligence); None: who is listed
    "UNSPECIFIED": (True, True),
    "ALL": (True, True),
    "NONE": (False, False),
    "TRANSPORT": (True, False),
    "INTELLIGENCE": (False, True),
    "INTERNAL": (False, False),
    "CHANNELS": None,
}
CATEGORIES = ("TRANSPORT", "INTELLIGENCE")
SOURCE, TARGET, OTHER = "source", "target", "other"


def binding(
    channel_id: str, access: str, direction: str, category: str, *, muted: bool, analyse: bool
) -> pb.Binding:
    return pb.Binding(
        channel_id=channel_id,
        access=pb.Access.Value(f"ACCESS_{access}"),
        direction=pb.Direction.Value(f"DIRECTION_{direction}"),
        category=pb.ChannelCategory.Value(f"CHANNEL_CATEGORY_{category}"),
        muted=muted,
        analyse_while_muted=analyse,
    )


def visibility(scope: str, listed: list[str]) -> pb.Visibility:
    return pb.Visibility(scope=pb.Visibility.Scope.Value(f"SCOPE_{scope}"), channel_ids=listed)


def test_the_tables_are_complete() -> None:
    assert {f"ACCESS_{name}" for name in WRITES_AND_HEARS} == set(pb.Access.keys())
    assert {f"DIRECTION_{name}" for name in GOES} == set(pb.Direction.keys())
    assert {f"SCOPE_{name}" for name in SEEN_BY} == set(pb.Visibility.Scope.keys())


@pytest.mark.parametrize("muted", [False, True])
@pytest.mark.parametrize("direction", GOES)
@pytest.mark.parametrize("access", WRITES_AND_HEARS)
def test_who_may_write_and_who_hears(access: str, direction: str, muted: bool) -> None:
    one = binding(SOURCE, access, direction, "TRANSPORT", muted=muted, analyse=False)
    writes = WRITES_AND_HEARS[access][0] and GOES[direction][0]
    expected = "source_read_only" if not writes else "source_muted" if muted else ""
    assert permissions.can_write(one) == expected
    assert permissions.can_hear(one) is (WRITES_AND_HEARS[access][1] and GOES[direction][1])


def sees(scope: str, listed: list[str], channel_id: str, category: str) -> bool:
    row = SEEN_BY[scope]
    return channel_id in listed if row is None else row[CATEGORIES.index(category)]


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("scope", SEEN_BY)
def test_who_sees(scope: str, category: str) -> None:
    for listed in ([], [TARGET], [OTHER], [OTHER, TARGET]):
        value = pb.ChannelCategory.Value(f"CHANNEL_CATEGORY_{category}")
        seen = permissions.sees(visibility(scope, listed), TARGET, value)
        assert seen is sees(scope, listed, TARGET, category)


LISTED = st.sampled_from([[], [TARGET], [OTHER], [SOURCE, TARGET]])
BINDING = st.tuples(
    st.sampled_from(sorted(WRITES_AND_HEARS)),
    st.sampled_from(sorted(GOES)),
    st.sampled_from(CATEGORIES),
    st.booleans(),
    st.booleans(),
)


class Case(NamedTuple):
    """One event and one binding that may get it."""

    target: tuple[str, str, str, bool, bool]
    source: tuple[str, str, str, bool, bool]
    event_scope: str
    binding_scope: str
    listed: list[str]
    addressed: list[str] | None
    is_own: bool
    echoing: bool
    kind: str
    mode: str


CASES = st.builds(
    Case,
    BINDING,
    BINDING,
    st.sampled_from(sorted(SEEN_BY)),
    st.sampled_from(sorted(SEEN_BY)),
    LISTED,
    st.none() | LISTED,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["MESSAGE", "EDIT", "SYSTEM", "TOOL_CALL_START"]),
    st.sampled_from(["UNSPECIFIED", "BROADCAST", "DIRECT"]),
)


def found(case: Case) -> list[str]:
    """What the engine says."""
    access, direction, category, muted, analyse = case.target
    receiver = binding(TARGET, access, direction, category, muted=muted, analyse=analyse)
    sender = receiver
    if not case.is_own:
        *fields, muted, analyse = case.source
        sender = binding(SOURCE, *fields, muted=muted, analyse=analyse)
    sender.visibility.CopyFrom(visibility(case.binding_scope, case.listed))
    event = pb.RoomEvent(
        type=pb.EventType.Value(f"EVENT_TYPE_{case.kind}"),
        source=pb.EventSource(channel_id=sender.channel_id),
        visibility=visibility(case.event_scope, case.listed),
    )
    if case.addressed is not None:
        event.addressed_to.CopyFrom(pb.Addressing(channel_ids=case.addressed))
        event.addressed_to.SetInParent()
    mode = pb.DeliveryMode.Value(f"DELIVERY_MODE_{case.mode}")
    got = permissions.targets(
        event,
        sender,
        [receiver],
        permissions.Turns(),
        echoes=lambda _: case.echoing,
        caps=lambda _: pb.Capabilities(delivery_mode=mode),
    )
    return [one.channel_id for one in got]


def expected(case: Case) -> list[str]:
    """What the documents say."""
    access, direction, category, muted, analyse = case.target
    own = case.event_scope not in ("UNSPECIFIED", "ALL")
    scope = case.event_scope if own else case.binding_scope
    conditions = [
        WRITES_AND_HEARS[access][1],
        GOES[direction][1],
        sees(scope, case.listed, TARGET, category),
    ]
    if category == "INTELLIGENCE":
        conditions += [
            case.kind == "MESSAGE",
            not case.is_own,
            not muted or analyse,
            case.addressed is None or TARGET in case.addressed,
        ]
    else:
        conditions.append(not case.is_own or case.echoing)
    if case.mode == "DIRECT":
        is_listed = scope == "CHANNELS" and TARGET in case.listed
        conditions.append(TARGET in (case.addressed or []) or is_listed)
    return [TARGET] if all(conditions) else []


@given(CASES)
@settings(max_examples=200, deadline=None)
def test_who_gets_an_event(case: Case) -> None:
    assert found(case) == expected(case)


def test_who_gets_an_event_of_every_plain_combination() -> None:
    """All of scope × category × access × direction × mute × analysis × own, none by chance."""
    flags = (False, True)
    rows = itertools.product(
        WRITES_AND_HEARS, GOES, CATEGORIES, flags, flags, SEEN_BY, SEEN_BY, flags
    )
    for access, direction, category, muted, analyse, event_scope, binding_scope, is_own in rows:
        target = (access, direction, category, muted, analyse)
        scopes = (event_scope, binding_scope)
        case = Case(target, target, *scopes, [TARGET], None, is_own, True, "MESSAGE", "BROADCAST")
        assert found(case) == expected(case), case


@given(
    names=st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True),
    senders=st.lists(st.sampled_from("abcdefgh-"), max_size=30),
)
@settings(max_examples=100, deadline=None)
def test_turns_are_fair(names: list[str], senders: list[str]) -> None:
    """Whoever speaks in between: over a round of others, everybody has had a turn."""
    bindings = [
        binding(name, "READ_WRITE", "BIDIRECTIONAL", "TRANSPORT", muted=False, analyse=False)
        for name in names
    ]
    in_turn = pb.Capabilities(delivery_mode=pb.DELIVERY_MODE_ROUND_ROBIN)
    turns = permissions.Turns()

    def next_of(sender: str) -> list[str]:
        event = pb.RoomEvent(source=pb.EventSource(channel_id=sender))
        chosen = permissions.targets(
            event, None, bindings, turns, echoes=lambda _: False, caps=lambda _: in_turn
        )
        return [one.channel_id for one in chosen]

    for sender in senders:
        assert len(next_of(sender)) == (names != [sender])
    rounds = [one for _ in range(2 * len(names)) for one in next_of(SOURCE)]
    assert sorted(rounds) == sorted(names * 2)
