"""``roomd bench``: the benchmarks of the source checkout."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

Subparsers = Any  # argparse names its own type only privately

RUNNER = Path("tests") / "bench" / "run.py"
OPTIONS = {
    "only": "for example B1,B7",
    "seconds": "of each measurement",
    "rounds": "measurements in turn with the echo",
    "big-room": "events of B5's big room",
    "out": "folder for CSV and plot",
}


def add(subparsers: Subparsers) -> None:
    """Add the command."""
    command = subparsers.add_parser(
        "bench",
        help="measure this machine: ratios against a bare grpc.aio echo",
        epilog="example: roomd bench --only B1,B7 --seconds 5",
    )
    for option, text in OPTIONS.items():
        command.add_argument(f"--{option}", default=None, help=text)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the benchmarks of the checkout that this command is part of, or stands in."""
    for root in (Path(__file__).resolve().parents[3], Path.cwd()):
        if (root / RUNNER).is_file():
            given = {name: getattr(options, name.replace("-", "_")) for name in OPTIONS}
            arguments = [f"--{name}={value}" for name, value in given.items() if value]
            command = [sys.executable, str(root / RUNNER), *arguments]
            return subprocess.run(command, check=False).returncode
    print("the benchmarks are part of the source checkout; run this inside one", file=sys.stderr)
    return 2
