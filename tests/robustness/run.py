"""The long versions: ``python tests/robustness/run.py`` tries every fault, in hours.

``run.py R05 D4`` tries some. ``--store postgres`` tries them on a PostgreSQL that is made for it,
on the disk, and syncs. ``--short`` takes the sizes of CI. ``--unsafe`` also tries each
without its precautions, in the short size: there a broken bar is what is wanted. ``--rounds``,
``--points``, ``--rooms`` and ``--seed`` are those of R01. The page ``--report`` is written after
every fault. The exit code is 1 when a bar was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent), str(HERE.parent / "api")]  # kits of the tests are there

import r01_kills  # noqa: E402
from faults import FAULTS, STORES, stores_of  # noqa: E402
from findings import Fault  # noqa: E402
from r18_disk_full import NoMounts  # noqa: E402
from report import Run, page  # noqa: E402
from rounds import POINTS  # noqa: E402
from site_of_test import Site  # noqa: E402

from postgres_cluster import Cluster  # noqa: E402

ALL = {fault.fault_id: fault for fault in (r01_kills.FAULT, *FAULTS)}


def main() -> int:
    options = arguments()
    if options.store == "sqlite":
        return try_all(options, Site)
    cluster = Cluster(durable=True, on_disk=True)
    try:
        cluster.start()
        return try_all(options, lambda folder: Site(folder, database=cluster.create()))
    finally:
        cluster.remove()


def try_all(options: argparse.Namespace, site: Callable[[Path], Site]) -> int:
    """Try the faults, each on a new site; the exit code."""
    runs: list[Run] = []
    broken = False
    for fault_id in options.faults or those_of(options.store):
        fault = ALL[fault_id]
        size = fault.short if options.short else fault.long
        if fault is r01_kills.FAULT and not options.short:
            points = tuple(options.points)
            size = r01_kills.Size(options.rounds, points, options.rooms, options.seed)
        runs.append(tried(fault, size, site))
        broken |= runs[-1].verdict == "broken"
        if options.unsafe:
            found = {one: seen(fault, one, what, site) for one, what in fault.without.items()}
            runs[-1] = runs[-1]._replace(seen=found)
            broken |= not all(found.values())
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        title = f"Robustness on {options.store}, {when} UTC, load {load()}"
        options.report.write_text(page(title, runs), encoding="utf-8")
    print(f"\n{options.report}")
    return 1 if broken else 0


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"of: {', '.join(ALL)}")
    parser.add_argument("--store", choices=STORES, default=STORES[0])
    parser.add_argument("--short", action="store_true", help="the sizes of CI")
    parser.add_argument("--unsafe", action="store_true", help="also without the precautions")
    parser.add_argument("--rounds", type=int, default=50, help="kills at each failpoint")
    parser.add_argument("--points", nargs="+", choices=POINTS, default=POINTS, metavar="POINT")
    parser.add_argument("--rooms", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=Path("robustness.html"), metavar="FILE")
    options = parser.parse_args()
    unknown = [one for one in options.faults if one not in ALL]
    if unknown:
        parser.error(f"no such fault: {', '.join(unknown)}; there are {', '.join(ALL)}")
    return options


def those_of(store: str) -> list[str]:
    """The faults that are tried on a store unless some are named."""
    return [name for name, fault in ALL.items() if store in stores_of(fault)]


def load() -> str:
    """What else the machine does."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def tried(
    fault: Fault, size: Any, site: Callable[[Path], Site], without: tuple[str, ...] = ()
) -> Run:
    """Try a fault, and say what came of it."""
    began = time.monotonic()
    title = " without ".join((fault.title, *without))
    print(f"\n== {fault.fault_id}: {title}")
    with tempfile.TemporaryDirectory(prefix="roomd-robustness-") as folder:
        try:
            here = replace(site(Path(folder)), without=without)
            report = asyncio.run(fault.run(here, size))
        except NoMounts as why:
            print(f"NOT TRIED, it needs a small tmpfs: {why}")
            return Run(fault.fault_id, fault.title, 0.0, None, str(why))
    for finding in report.findings:
        mark = "  " if finding.held else "✗ "
        bar = f"  ({finding.bar})" if finding.bar else ""
        print(f"{mark}{finding.what}: {finding.measured}{bar}", flush=True)
    return Run(fault.fault_id, fault.title, time.monotonic() - began, report)


def seen(fault: Fault, without: str, what: str, site: Callable[[Path], Site]) -> bool:
    """Whether a run without a precaution sees what it prevents."""
    run = tried(fault, fault.short, site, (without,))
    if run.report is None:
        return True
    found = what in {finding.what for finding in run.report.broken}
    print("seen" if found else f"NOT SEEN: {what}")
    return found


if __name__ == "__main__":
    raise SystemExit(main())
