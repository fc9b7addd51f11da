"""Rounds of R01 and R02: kill the server at a failpoint under traffic, again and again."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from checker import Violation, check
from cluster import SERVER, Cluster, DiedStarting
from history import Crash, History
from traffic import Traffic

POINTS = (
    "commit.before",
    "commit.after",
    "ack.before",
    "lane.taken",
    "provider.sent",
    "result.before",
)
DEATH_SECONDS = 30.0
"""How long the traffic may take to come to the failpoint so often."""
MAX_READY_SECONDS = 3.0


@dataclass(frozen=True)
class Plan:
    """What to do."""

    points: Iterable[str]
    """The failpoints, one after another."""
    rooms: int = 4
    program: tuple[str, ...] = SERVER
    settle_seconds: float = 30.0
    """How long everything may take to arrive after the last crash."""
    seed: int = 1


async def run(store: str, plan: Plan) -> tuple[History, list[Violation]]:
    """Kill the server of a store at every point of the plan; what happened, and what broke a
    promise.
    """
    cluster = Cluster(store, plan.program)
    chance = random.Random(plan.seed)
    await cluster.start(program=SERVER)  # what is there from the beginning is there for sure
    traffic = Traffic(cluster.address, plan.rooms)
    try:
        await traffic.prepare()
        await cluster.kill()
        traffic.start()
        for point in plan.points:
            armed = f"{point}=kill@{chance.randint(5, 40)}"
            code = await _die(cluster, traffic.history, armed)
            traffic.history.crashes.append(Crash(point, code, 0.0))
        _note_ready(traffic.history, await cluster.start())
        await traffic.finish(plan.settle_seconds)
    finally:
        await traffic.close()
        await cluster.kill()
    return traffic.history, check(traffic.history)


async def _die(cluster: Cluster, history: History, armed: str) -> int:
    """Start it and wait for its end, which may come while it takes up unfinished work."""
    try:
        ready_seconds = await cluster.start(armed)
    except DiedStarting as died:
        return died.exit_code
    _note_ready(history, ready_seconds)
    return await cluster.died(DEATH_SECONDS)


def _note_ready(history: History, seconds: float) -> None:
    if history.crashes:
        history.crashes[-1] = history.crashes[-1]._replace(ready_seconds=seconds)
