"""R01 and R02 for the report: what ``rounds`` did, as figures beside their bars."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from checker import repeated
from findings import Fault, Report
from rounds import MAX_READY_SECONDS, POINTS, Plan
from rounds import run as run_rounds
from site_of_test import Site


@dataclass(frozen=True)
class Size:
    """How much."""

    rounds: int
    points: tuple[str, ...] = POINTS
    rooms: int = 4
    seed: int = 1


async def run(site: Site, size: Size) -> Report:
    """Kill the server at every point, again and again."""
    plan = Plan(size.points * size.rounds, rooms=size.rooms, seed=size.seed)
    history, violations = await run_rounds(site.store, plan)
    report = Report()
    ready = [crash.ready_seconds for crash in history.crashes if crash.ready_seconds]
    retried = sum(send.attempts > len(send.acks) for send in history.sends.values())
    again = len(history.receipts) - len({one.delivery_id for one in history.receipts})
    report.note("kills", len(history.crashes))
    report.note("messages, and those retried by key", (len(history.sends), retried))
    report.note("deliveries, and those repeated", (len(history.receipts), again))
    report.note("most repetitions of one delivery, over all crashes", repeated(history))
    report.note("ready again, median", f"{median(ready):.2f} s")
    report.at_most("ready again, worst", max(ready), MAX_READY_SECONDS, "s")
    report.equal("violations of P1 to P5", [str(one) for one in violations[:20]], [])
    report.equal("surprises", history.surprises[:20], [])
    report.series["ready again, s"] = list(enumerate(ready))
    return report


FAULT = Fault("R01", "SIGKILL at each failpoint", run, Size(1), Size(50), without={})
