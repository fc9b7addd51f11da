"""The long version: ``python tests/robustness/run.py --rounds 50`` prints a short report.

``--points`` takes some failpoints only, ``--rooms`` widens the traffic, ``--seed`` chooses
other moments. The exit code is 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from checker import Violation, repeated
from history import History
from rounds import MAX_READY_SECONDS, POINTS, Plan, run

SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50, help="kills at each failpoint")
    parser.add_argument("--points", nargs="+", choices=POINTS, default=POINTS, metavar="POINT")
    parser.add_argument("--rooms", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    plan = Plan(tuple(options.points) * options.rounds, rooms=options.rooms, seed=options.seed)
    with tempfile.TemporaryDirectory(prefix="roomd-robustness-") as folder:
        history, violations = asyncio.run(run(Path(folder), plan))
    return report(history, violations)


def report(history: History, violations: list[Violation]) -> int:
    ready = sorted(crash.ready_seconds for crash in history.crashes if crash.ready_seconds)
    events = sum(len(timeline) for timeline in history.timelines.values())
    retried = sum(send.attempts > len(send.acks) for send in history.sends.values())
    again = len(history.receipts) - len({one.delivery_id for one in history.receipts})
    print(f"kills             {len(history.crashes)}")
    print(f"ready again       median {ready[len(ready) // 2]:.2f} s, worst {ready[-1]:.2f} s")
    print(f"messages          {len(history.sends)}, of which {retried} were retried by key")
    print(f"events            {events} in {len(history.timelines)} rooms")
    print(f"deliveries        {len(history.receipts)}, of which {again} repeated")
    print(f"most repetitions  {repeated(history)} of one delivery, over all crashes")
    print(f"surprises         {len(history.surprises)}")
    print(f"violations        {len(violations)}")
    for line in (*history.surprises[:SHOWN], *map(str, violations[:SHOWN])):
        print(f"  {line}")
    slow = ready[-1] > MAX_READY_SECONDS
    return 1 if violations or history.surprises or slow else 0


if __name__ == "__main__":
    raise SystemExit(main())
