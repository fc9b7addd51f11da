"""Durable observers: whatever fails, of each room everything is told in order, and nothing twice
that was acknowledged.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import ExitStack
from typing import Any
from unittest import mock

from api_fakes import until
from durable_kit import HOPELESS, NAME, RETRY, Rooms, durable
from hook_kit import ORG, Rig, Worker, hook, plain_worker, rig
from hypothesis import given, settings
from hypothesis import strategies as st

from roomd import v1 as pb
from roomd_server.hooks import backlog, observing
from roomd_server.hooks import durable as delivering

ROOMS = ["r", "s", "t"]
DONE, AGAIN, NEVER, DIE, WRONG = "done", "again", "never", "die", "wrong"
ANSWERS = {DONE: pb.Done(), AGAIN: RETRY, NEVER: HOPELESS, WRONG: pb.HookDecision()}
ATTEMPTS = 4

scripts = st.lists(st.sampled_from([DONE, DONE, DONE, AGAIN, NEVER, DIE, WRONG]), max_size=25)
"""What the observer answers, one after another; then it takes everything."""
sayings = st.lists(st.sampled_from(ROOMS), min_size=1, max_size=20)
"""The rooms in which something happens."""
SMALL = {
    (backlog, "MAX_ROOMS"): 2,
    (backlog, "ROOM_ROWS"): 2,
    (backlog, "SCAN_ROWS"): 3,
    (delivering, "ROOM_ROWS"): 2,
    (delivering, "SCAN_ROWS"): 3,
    (observing, "FIRST_RETRY_SECONDS"): 0.001,
    (observing, "LONGEST_RETRY_SECONDS"): 0.002,
}
"""Little memory, so that most of it waits in the store; short pauses."""


class Observer:
    """An observer that follows a script, and comes back when it died."""

    def __init__(self, made: Rig, script: list[str]) -> None:
        self.made = made
        self.script = list(script)
        self.told: list[tuple[str, int]] = []
        self.worker: Worker | None = None
        self.dying: set[asyncio.Task[None]] = set()

    async def come(self) -> None:
        """Attach."""
        self.worker = await plain_worker(self.made, hook(NAME), behave=self.answer)

    async def die(self) -> None:
        """Go without a word, and come back."""
        worker, self.worker = self.worker, None
        if worker is not None:
            await worker.kill()
            await self.come()

    def answer(self, invocation: pb.Invocation) -> Any:
        self.told.append((invocation.room_id, invocation.hook.event.index))
        step = self.script.pop(0) if self.script else DONE
        if step == DIE and self.worker is None:
            step = AGAIN  # it is being born
        if step == DIE:
            task = asyncio.create_task(self.die())
            self.dying.add(task)
            task.add_done_callback(self.dying.discard)
            return None
        return ANSWERS[step]


async def play(script: list[str], before: list[str], after: list[str]) -> None:
    async with rig() as made:
        rooms = Rooms(made)
        await made.create(NAME, durable(max_attempts=ATTEMPTS))
        observer = Observer(made, script)
        for room_id in before:
            await rooms.say("x", room_id=room_id)
        await observer.come()
        for room_id in after:
            await rooms.say("x", room_id=room_id)
        entry = made.plane.registry.find(ORG, NAME)
        assert entry is not None
        await until(lambda: not entry.backlog and not observer.dying)
        said: defaultdict[str, int] = defaultdict(int)
        for room_id in (*before, *after):
            said[room_id] += 1
        judge(observer.told, said)
        counts = [(one.waiting, one.parked) for one in await rooms.counts()]
        assert counts == ([(0, entry.parked)] if entry.parked else [])
        assert len(await rooms.parked()) == entry.parked


def judge(told: list[tuple[str, int]], said: dict[str, int]) -> None:
    """Everything was told; of each room nothing before its predecessor, or after its successor."""
    for room_id, count in said.items():
        order = [index for place, index in told if place == room_id]
        assert sorted(set(order)) == list(range(count))
        assert order == sorted(order)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(scripts, sayings, sayings)
def test_whatever_fails_each_room_is_told_everything_in_order(
    script: list[str], before: list[str], after: list[str]
) -> None:
    with ExitStack() as patched:
        for (module, name), value in SMALL.items():
            patched.enter_context(mock.patch.object(module, name, value))
        asyncio.run(play(script, before, after))
