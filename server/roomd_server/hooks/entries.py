"""A hook ready to be called, and the index that finds those of a trigger and room."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping

from roomd import v1 as pb
from roomd_server.core.ports import Subject
from roomd_server.core.times import seconds_of
from roomd_server.hooks.circuit import Circuit
from roomd_server.hooks.filters import compile_filter
from roomd_server.hooks.seats import Group
from roomd_server.hooks.specs import TIMEOUTS
from roomd_server.hooks.tallies import HookTally

Chain = tuple["HookEntry", ...]
_NOBODY: Chain = ()


class HookEntry:
    """A hook: the stored message, what is compiled from it, and what is counted."""

    __slots__ = (
        "_matches",
        "backlog",
        "becomes_persistent",
        "blocks_on_failure",
        "circuit",
        "context",
        "context_key",
        "dropped",
        "durable",
        "group",
        "hook",
        "longest_seconds",
        "max_attempts",
        "max_backlog",
        "mode",
        "name",
        "order",
        "parked",
        "priority",
        "removed",
        "shadow",
        "tally",
        "timeout_seconds",
    )

    def __init__(self, hook: pb.Hook, group: Group, circuit: Circuit, tally: HookTally) -> None:
        self.name = hook.name
        self.tally = tally
        self.group = group
        self.circuit = circuit
        self.dropped = hook.dropped
        """Observations that nobody got."""
        self.backlog = 0
        """Rows that wait, when it is durable."""
        self.parked = 0
        """Rows that were given up."""
        self.removed = False
        self.becomes_persistent = False
        """The store is writing it for the first time."""
        self.describe(hook)

    def describe(self, hook: pb.Hook) -> None:
        """Take a new version of the message; it must not be changed afterwards."""
        spec = hook.spec
        self.hook = hook
        self.mode = spec.mode
        self.priority = spec.priority
        # Of one priority those that modify come first, so that VALIDATE sees the result.
        self.order = (spec.priority, spec.mode, hook.name)
        self.timeout_seconds = seconds_of(spec.timeout)
        observes = spec.mode == pb.HOOK_MODE_OBSERVE
        self.longest_seconds = self.timeout_seconds * 10 if observes else TIMEOUTS[spec.mode][1]
        self.blocks_on_failure = spec.failure_policy == pb.FAILURE_POLICY_BLOCK
        self.shadow = spec.shadow and not observes
        self.durable = spec.delivery == pb.HOOK_DELIVERY_DURABLE
        self.max_attempts = spec.max_attempts
        self.max_backlog = spec.max_backlog
        self.context_key = spec.context.SerializeToString(deterministic=True)
        self.context = spec.context if self.context_key else None
        """None: it asked for nothing."""
        self._matches = compile_filter(spec.filter)

    @property
    def org(self) -> str:
        """Whose hook."""
        return self.hook.organization_id

    @property
    def persistent(self) -> bool:
        """Whether it is stored."""
        return self.hook.spec.lifetime == pb.LIFETIME_PERSISTENT

    @property
    def paused(self) -> bool:
        """Whether it is as if it did not exist."""
        return self.hook.state == pb.Hook.STATE_PAUSED

    def matches(self, subject: Subject, labels: Mapping[str, str]) -> bool:
        """Whether its filter lets the subject through."""
        return self._matches is None or self._matches(subject, labels)


class TriggerIndex:
    """Active hooks of one organization and trigger: those of all rooms, and those of one."""

    __slots__ = ("_everywhere", "_merged", "_rooms")

    def __init__(self) -> None:
        self._everywhere: Chain = ()
        self._rooms: dict[str, Chain] = {}
        self._merged: dict[str, Chain] = {}  # bounded: a subset of the keys of _rooms

    @property
    def empty(self) -> bool:
        """Whether there is none."""
        return not self._everywhere and not self._rooms

    def wants(self, room_id: str) -> bool:
        """Whether there may be one for the room."""
        return bool(self._everywhere) or room_id in self._rooms

    def chain(self, room_id: str) -> Chain:
        """Those that may match in the room, in the order of the chain."""
        if room_id not in self._rooms:
            return self._everywhere
        found = self._merged.get(room_id)
        if found is None:
            both = [*self._everywhere, *self._rooms[room_id]]
            both.sort(key=lambda entry: entry.order)
            found = self._merged[room_id] = tuple(both)
        return found

    def add(self, entry: HookEntry) -> None:
        """Take a hook in."""
        rooms = entry.hook.spec.filter.room_ids
        if not rooms:
            self._everywhere = _with(self._everywhere, entry)
            self._merged.clear()
        for room_id in rooms:
            chain = self._rooms.get(room_id, _NOBODY)
            if entry not in chain:
                self._rooms[room_id] = _with(chain, entry)
                self._merged.pop(room_id, None)

    def remove(self, entry: HookEntry) -> None:
        """Take a hook out; it must not have changed since it was taken in."""
        rooms = entry.hook.spec.filter.room_ids
        if not rooms:
            self._everywhere = _without(self._everywhere, entry)
            self._merged.clear()
        for room_id in rooms:
            left = _without(self._rooms.get(room_id, _NOBODY), entry)
            self._merged.pop(room_id, None)
            if left:
                self._rooms[room_id] = left
            else:
                self._rooms.pop(room_id, None)


def _with(chain: Chain, entry: HookEntry) -> Chain:
    entries = list(chain)
    insort(entries, entry, key=lambda one: one.order)
    return tuple(entries)


def _without(chain: Chain, entry: HookEntry) -> Chain:
    return tuple(one for one in chain if one is not entry)


class HookIndex:
    """Active hooks by trigger and organization."""

    def __init__(self) -> None:
        count = max(pb.HookTrigger.values()) + 1
        self._deciding: list[dict[str, TriggerIndex]] = [{} for _ in range(count)]
        self._observing: list[dict[str, TriggerIndex]] = [{} for _ in range(count)]
        self._keeping: list[dict[str, TriggerIndex]] = [{} for _ in range(count)]

    def wants(self, org: str, trigger: int, room_id: str) -> bool:
        """Whether any active hook may match, durable ones apart; two look-ups, nothing is
        built.
        """
        found = self._deciding[trigger].get(org)
        if found is not None and found.wants(room_id):
            return True
        found = self._observing[trigger].get(org)
        return found is not None and found.wants(room_id)

    def keeps(self, org: str, trigger: int, room_id: str) -> bool:
        """Whether any active durable hook may match: as cheap as ``wants``."""
        found = self._keeping[trigger].get(org)
        return found is not None and found.wants(room_id)

    def keeping(self, org: str, trigger: int, room_id: str) -> Chain:
        """Durable OBSERVE hooks that may match."""
        found = self._keeping[trigger].get(org)
        return found.chain(room_id) if found is not None else _NOBODY

    def deciding(self, org: str, trigger: int, room_id: str) -> Chain:
        """DECIDE and VALIDATE hooks that may match, in the order of the chain."""
        found = self._deciding[trigger].get(org)
        return found.chain(room_id) if found is not None else _NOBODY

    def observing(self, org: str, trigger: int, room_id: str) -> Chain:
        """OBSERVE hooks that may match and are told at once."""
        found = self._observing[trigger].get(org)
        return found.chain(room_id) if found is not None else _NOBODY

    def add(self, entry: HookEntry) -> None:
        """Take in an active hook; a paused one is left out."""
        if entry.paused:
            return
        for table in self._tables(entry):
            index = table.get(entry.org)
            if index is None:
                index = table[entry.org] = TriggerIndex()
            index.add(entry)

    def remove(self, entry: HookEntry) -> None:
        """Take a hook out, before its message changes."""
        for table in self._tables(entry):
            index = table.get(entry.org)
            if index is not None:
                index.remove(entry)
                if index.empty:
                    del table[entry.org]

    def _tables(self, entry: HookEntry) -> list[dict[str, TriggerIndex]]:
        tables = self._deciding
        if entry.mode == pb.HOOK_MODE_OBSERVE:
            tables = self._keeping if entry.durable else self._observing
        return [tables[trigger] for trigger in set(entry.hook.spec.triggers)]
