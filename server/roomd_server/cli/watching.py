"""``roomd hooks watch``: what hooks do, as it happens."""

from __future__ import annotations

import argparse
import time
from collections.abc import AsyncIterable
from typing import Any, Literal

from rich.console import Console
from rich.live import Live
from rich.table import Table

from roomd import v1 as pb
from roomd.v1.hook_service_pb2_grpc import HookServiceStub
from roomd_server.cli.client import add_connection, connect, metadata, print_json
from roomd_server.core.times import duration, seconds_of

Subparsers = Any  # argparse names its own type only privately

COLUMNS = ("hook", "per s", "p50 ms", "p99 ms", "timeouts", "verdicts", "in flight", "workers", "")


def add(verbs: Subparsers) -> None:
    """Add the command."""
    watch = verbs.add_parser(
        "watch",
        help="invocations of hooks as they happen; ends with Ctrl-C",
        epilog="example: roomd hooks watch --interval 2 --only moderation",
    )
    watch.add_argument("--interval", type=float, default=1.0, help="seconds; default %(default)s")
    watch.add_argument("--only", action="append", default=[], help="a hook's name; repeatable")
    watch.add_argument("--count", type=int, default=0, help="end after so many intervals")
    add_connection(watch)
    watch.set_defaults(run=watch_hooks)


async def watch_hooks(options: argparse.Namespace) -> int:
    """Show what hooks do: a table in place, or with ``--json`` a line per interval."""
    request = pb.WatchHooksRequest(interval=duration(options.interval), hooks=options.only)
    async with connect(options) as channel:
        answers = HookServiceStub(channel).WatchHooks(request, metadata=metadata(options))
        if options.json:
            await _print_lines(answers, options.count)
        else:
            await _refresh(answers, options.count)
    return 0


async def _print_lines(answers: AsyncIterable[pb.WatchHooksResponse], count: int) -> None:
    left = count
    async for answer in answers:
        if not answer.HasField("interval"):
            continue  # what was in flight when it began
        print_json(
            {
                "time": round(time.time(), 3),
                "interval_seconds": round(seconds_of(answer.interval), 3),
                "hooks": [_line(answer, one) for one in answer.hooks],
                "omitted": answer.omitted,
            }
        )
        left -= 1
        if not left:
            return


def _line(answer: pb.WatchHooksResponse, one: pb.WatchHooksResponse.Activity) -> dict[str, object]:
    return {
        "hook": one.hook,
        "invocations": one.invocations,
        "per_second": round(_rate(answer, one), 3),
        "p50_ms": _milliseconds(one, "p50"),
        "p99_ms": _milliseconds(one, "p99"),
        "timeouts": one.verdicts.get("timeout", 0),
        "verdicts": dict(sorted(one.verdicts.items())),
        "in_flight": one.in_flight,
        "waiting": one.waiting,
        "workers": one.workers,
        "circuit_open": one.circuit_open,
    }


async def _refresh(answers: AsyncIterable[pb.WatchHooksResponse], count: int) -> None:
    left = count
    with Live(console=Console(), auto_refresh=False) as live:
        async for answer in answers:
            live.update(_table(answer), refresh=True)
            if answer.HasField("interval"):
                left -= 1
                if not left:
                    return


def _table(answer: pb.WatchHooksResponse) -> Table:
    more = f"; {answer.omitted} more, less busy" if answer.omitted else ""
    title = f"hooks, {len(answer.hooks)}{more}" if answer.hooks else "hooks: none"
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in ("hook", "verdicts", "") else "right")
    for one in answer.hooks:
        verdicts = (f"{verdict} {count}" for verdict, count in sorted(one.verdicts.items()))
        waiting = f" + {one.waiting}" if one.waiting else ""
        table.add_row(
            one.hook,
            f"{_rate(answer, one):.1f}",
            _text(_milliseconds(one, "p50")),
            _text(_milliseconds(one, "p99")),
            str(one.verdicts.get("timeout", 0)),
            ", ".join(verdicts),
            f"{one.in_flight}{waiting}",
            str(one.workers),
            "circuit open" if one.circuit_open else "",
        )
    return table


def _rate(answer: pb.WatchHooksResponse, one: pb.WatchHooksResponse.Activity) -> float:
    seconds = seconds_of(answer.interval)
    return one.invocations / seconds if seconds else 0.0


def _milliseconds(one: pb.WatchHooksResponse.Activity, name: Literal["p50", "p99"]) -> float | None:
    if not one.HasField(name):
        return None
    return round(seconds_of(getattr(one, name)) * 1000, 2)


def _text(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.1f}"
