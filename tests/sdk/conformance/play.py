"""Play cases with any worker: ``python tests/sdk/conformance/play.py [options] -- COMMAND …``.

For who writes an SDK: no pytest, no table; prints one line per case and what failed.
"""

from __future__ import annotations

import argparse
import asyncio
import fnmatch
import sys
import time

from conform_cases import cases_for
from conform_process import WorkerProcess
from conform_sdk_role import failure_of_case


def main() -> int:
    """Play; 0 when all passed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="*", help="pattern of case ids, such as 'drain/*'")
    parser.add_argument("--quiet", action="store_true", help="only the names of what failed")
    parser.add_argument("command", nargs="+", help="of the worker")
    options = parser.parse_args()
    kept: list[WorkerProcess] = []
    failed = 0
    for case in cases_for("sdk"):
        if not fnmatch.fnmatch(case.id, options.only):
            continue
        if case.own_process or not kept or not kept[0].alive:
            process = WorkerProcess(options.command)
            process.start()
            if not case.own_process:
                kept[:] = [process]
        else:
            process = kept[0]
        began = time.monotonic()
        why = asyncio.run(failure_of_case(case, process))
        if case.own_process:
            process.end()
        failed += bool(why)
        if why or not options.quiet:
            print(f"{'FAILED' if why else 'ok    '} {case.id} {time.monotonic() - began:.1f} s")
        if why and not options.quiet:
            print(f"{why}\n")
    for process in kept:
        process.end()
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
