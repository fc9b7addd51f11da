"""The pure parts of the hook plane: circuits, filters, specs, the index of hooks."""

from __future__ import annotations

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import strategies as st

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument
from roomd_server.core.ports import Subject
from roomd_server.core.triggers import TRIGGERS
from roomd_server.hooks import specs
from roomd_server.hooks.circuit import Circuit
from roomd_server.hooks.entries import HookEntry, HookIndex
from roomd_server.hooks.filters import compile_filter
from roomd_server.hooks.seats import Group
from roomd_server.hooks.tallies import HookTally

BEFORE, AFTER = pb.HOOK_TRIGGER_BEFORE_BROADCAST, pb.HOOK_TRIGGER_AFTER_BROADCAST
DECIDE, VALIDATE, OBSERVE = pb.HOOK_MODE_DECIDE, pb.HOOK_MODE_VALIDATE, pb.HOOK_MODE_OBSERVE


# ------------------------------------------------------------------ circuit


def test_a_circuit_opens_after_failures_in_a_row_only():
    circuit = Circuit(5, 30)
    for _ in range(3):
        assert [circuit.failed(0) for _ in range(4)] == [False] * 4
        circuit.succeeded()
    assert [circuit.failed(0) for _ in range(5)] == [False] * 4 + [True]
    assert circuit.is_open


def test_an_open_circuit_admits_one_probe_per_period():
    circuit = Circuit(1, 30)
    circuit.failed(100)
    assert [circuit.admits(now) for now in (100, 129, 130, 130, 159, 160)] == [
        False,
        False,
        True,
        False,
        False,
        True,
    ]
    assert not circuit.failed(160)
    assert circuit.seconds_to_probe(170) == 20


def test_a_new_worker_is_probed_at_once_and_a_success_closes():
    circuit = Circuit(1, 30)
    circuit.failed(100)
    circuit.probe_soon()
    assert circuit.admits(101)
    assert not circuit.admits(102)
    circuit.succeeded()
    assert circuit.admits(102)
    assert not circuit.is_open


# ------------------------------------------------------------------ filters


@pytest.mark.parametrize("field", ["channel_types", "channel_ids", "directions", "event_types"])
def test_a_subject_without_the_property_does_not_match_a_list_that_asks_for_it(field):
    values = ["x"] if field == "channel_ids" else [1]
    matches = compile_filter(pb.HookFilter(**{field: values}))
    assert not matches(Subject(), {})


def test_lists_are_any_of_and_combine_with_and():
    matches = compile_filter(pb.HookFilter(channel_ids=["a", "b"], directions=[1]))
    assert matches(Subject(channel_id="b", direction=1), {})
    assert not matches(Subject(channel_id="b", direction=2), {})
    assert not matches(Subject(channel_id="c", direction=1), {})


def test_an_empty_filter_costs_nothing():
    assert compile_filter(pb.HookFilter()) is None


# ------------------------------------------------------------------ specs


@pytest.mark.parametrize("mode", [DECIDE, VALIDATE, OBSERVE])
@pytest.mark.parametrize("trigger", sorted(TRIGGERS))
def test_every_trigger_takes_the_modes_of_its_row_and_no_others(trigger, mode):
    spec = pb.HookSpec(triggers=[trigger], mode=mode)
    if mode in TRIGGERS[trigger].modes:
        assert specs.complete(spec, pb.LIFETIME_SESSION).mode == mode
        return
    with pytest.raises(InvalidArgument) as caught:
        specs.complete(spec, pb.LIFETIME_SESSION)
    assert caught.value.reason == pb.ERROR_REASON_TRIGGER_MODE_MISMATCH


@pytest.mark.parametrize(
    ("mode", "trigger", "default", "most"),
    [(DECIDE, BEFORE, 2, 10), (VALIDATE, BEFORE, 2, 10), (OBSERVE, AFTER, 30, 300)],
)
def test_timeouts_have_a_default_and_a_cap(mode, trigger, default, most):
    spec = pb.HookSpec(triggers=[trigger], mode=mode)
    assert specs.complete(spec, pb.LIFETIME_SESSION).timeout.seconds == default
    spec.timeout.seconds = most
    assert specs.complete(spec, pb.LIFETIME_SESSION).timeout.seconds == most
    spec.timeout.nanos = 1
    with pytest.raises(InvalidArgument):
        specs.complete(spec, pb.LIFETIME_SESSION)


def test_completing_leaves_the_original_alone():
    spec = pb.HookSpec(triggers=[BEFORE], mode=DECIDE)
    before = spec.SerializeToString()
    specs.complete(spec, pb.LIFETIME_SESSION)
    assert spec.SerializeToString() == before


def test_a_mask_takes_its_fields_and_clears_what_is_unset():
    old = pb.HookSpec(triggers=[BEFORE], mode=DECIDE, priority=4, shadow=True)
    old.filter.room_labels["a"] = "1"
    new = pb.HookSpec(priority=9)
    taken = specs.merged(old, new, FieldMask(paths=["shadow", "filter"]))
    assert (taken.priority, taken.shadow, len(taken.filter.room_labels)) == (4, False, 0)
    assert list(taken.triggers) == [BEFORE]
    assert specs.merged(old, new, FieldMask()) == new
    assert specs.merged(old, new, FieldMask(paths=["*"])) == new


# ------------------------------------------------------------------ the index


def entry(name, rooms=(), priority=0, mode=DECIDE, org="o", state=pb.Hook.STATE_ACTIVE):
    trigger = AFTER if mode == OBSERVE else BEFORE
    spec = pb.HookSpec(triggers=[trigger], mode=mode, priority=priority)
    spec.filter.room_ids.extend(rooms)
    hook = pb.Hook(name=name, organization_id=org, spec=spec, state=state)
    return HookEntry(hook, Group(org, name), Circuit(5, 30), HookTally(name))


hooks = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["r1", "r2", "r3"]), max_size=3),
        st.integers(-2, 2),
        st.sampled_from([DECIDE, VALIDATE, OBSERVE]),
        st.sampled_from(["o", "p"]),
        st.booleans(),
    ),
    max_size=12,
)


@given(hooks)
def test_the_index_finds_what_a_search_through_all_hooks_finds(described):
    index = HookIndex()
    live = []
    for number, (rooms, priority, mode, org, stays) in enumerate(described):
        one = entry(f"h{number}", rooms, priority, mode, org)
        index.add(one)
        # Read in between, so that what is cached must be renewed.
        index.deciding(org, BEFORE, "r1")
        if stays:
            live.append(one)
        else:
            index.remove(one)
    for org in ("o", "p"):
        for room in ("r1", "r2", "r9"):
            mine = [
                one
                for one in live
                if one.org == org
                and (not one.hook.spec.filter.room_ids or room in one.hook.spec.filter.room_ids)
            ]
            gates = sorted(
                (one for one in mine if one.mode != OBSERVE),
                key=lambda one: (one.priority, one.mode, one.name),
            )
            watchers = {one.name for one in mine if one.mode == OBSERVE}
            assert list(index.deciding(org, BEFORE, room)) == gates
            assert {one.name for one in index.observing(org, AFTER, room)} == watchers
            assert index.wants(org, BEFORE, room) is bool(gates)
            assert index.wants(org, AFTER, room) is bool(watchers)


def test_paused_hooks_are_not_in_the_index():
    index = HookIndex()
    index.add(entry("h", state=pb.Hook.STATE_PAUSED))
    assert not index.wants("o", BEFORE, "r")
