"""The benchmarks: ``roomd bench`` or ``python tests/bench/run.py [--only B1,B7]``.

Every figure is a ratio against the bare echo, taken in the same run and in turn with it,
because machines drift. Prints a table, writes ``bench.csv`` and ``bench.png`` into --out.
The floors are what this project holds itself to; the exit code is 1 when one is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import shutil
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import scenarios
from processes import Echo, Server

from postgres_cluster import Cluster


@dataclass
class Row:
    """One line of the report."""

    id: str
    work: str
    figure: float
    unit: str
    echo: float
    ratio: float
    floor: str
    goal: str
    ok: bool
    note: str = ""


Scenario = Callable[["Bench"], Awaitable[None]]


class Bench:
    """What scenarios share: the echo, a folder, the rows so far."""

    def __init__(self, options: argparse.Namespace, folder: Path, echo: Echo) -> None:
        self.seconds: float = options.seconds
        self.rounds: int = options.rounds
        self.big_room: int = options.big_room
        self.transport: str = options.transport
        self.folder = folder
        self.echo = echo
        self.rows: list[Row] = []
        self._stores = 0
        self._postgres: Cluster | None = None

    def server(self, store: str = "") -> Server:
        """A server on the transport that is measured; without a store on a new SQLite file."""
        return Server(store or self.store(), transport=self.transport)

    def floor(self, *, native: float, grpc: float) -> float:
        """The floor of a ratio by transport. The project's is the one of its fastest; that of
        grpc.aio, which a message costs twice as much, is there to notice what makes it slower.
        """
        return native if self.transport == "native" else grpc

    def store(self) -> str:
        """The URL of a new SQLite file."""
        self._stores += 1
        return f"sqlite:///{self.folder}/bench-{self._stores}.db"

    async def database(self) -> str:
        """The URL of a new database of a PostgreSQL that syncs."""
        if self._postgres is None:
            self._postgres = Cluster(durable=True, on_disk=True)
            await asyncio.to_thread(self._postgres.start)
        return await self._postgres.acreate()

    def close(self) -> None:
        """End what was started for it."""
        if self._postgres is not None:
            self._postgres.remove()

    def add(self, row: Row) -> None:
        """Take a row and print it."""
        self.rows.append(row)
        mark = "ok" if row.ok else "MISSED"
        print(
            f"{row.id:5} {row.work:46} {row.figure:>11,.2f} {row.unit:14}"
            f" echo {row.echo:>9,.2f}  ratio {row.ratio:>6.2f}"
            f"  floor {row.floor:9} goal {row.goal:9} {mark} {row.note}",
            flush=True,
        )

    def rate(
        self,
        name: str,
        work: str,
        pairs: list[tuple[float, float]],
        bars: tuple[float, float],
        note: str = "",
    ) -> None:
        """Add a row for (echo, ours) rates taken in turn; bars are (floor, goal) ratios."""
        ratio = statistics.median(ours / echo for echo, ours in pairs)
        floor, goal = bars
        self.add(
            Row(
                name,
                work,
                statistics.median(ours for _, ours in pairs),
                "/s",
                statistics.median(echo for echo, _ in pairs),
                ratio,
                f">={floor:.2f}" if floor else "-",
                f">={goal:.2f}",
                ratio >= floor,
                note,
            )
        )


def write(rows: list[Row], folder: Path) -> None:
    """Write the figures as CSV and as a plot of the ratios."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "bench.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    ratios = [row for row in rows if row.echo]
    figure, axes = plt.subplots(figsize=(9, 0.6 * len(ratios) + 1.5))
    colours = ["tab:green" if row.ok else "tab:red" for row in ratios]
    axes.barh(
        [f"{row.id} {row.work}" for row in ratios], [row.ratio for row in ratios], color=colours
    )
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xlabel("ratio to the bare limit, same run")
    axes.invert_yaxis()
    figure.tight_layout()
    figure.savefig(folder / "bench.png", dpi=120)
    print(f"wrote {folder / 'bench.csv'} and {folder / 'bench.png'}")


async def main(options: argparse.Namespace) -> int:
    """Run the scenarios that were asked for."""
    wanted = set(options.only.split(",")) if options.only else set(scenarios.ALL)
    unknown = wanted - set(scenarios.ALL)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="roomd-bench-"))
    echo = Echo()
    bench = Bench(options, folder, echo)
    try:
        for name, scenario in scenarios.ALL.items():
            if name in wanted:
                await scenario(bench)
        if bench.rows:
            write(bench.rows, Path(options.out))
        missed = [row.id for row in bench.rows if not row.ok]
        print(f"{len(bench.rows) - len(missed)} floors held, {len(missed)} missed {missed or ''}")
        return 1 if missed else 0
    finally:
        bench.close()
        echo.stop()
        shutil.rmtree(folder, ignore_errors=True)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="for example B1,B7")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements in turn with the echo")
    parser.add_argument("--big-room", type=int, default=1_000_000, help="events of B5's big room")
    parser.add_argument(
        "--transport", choices=("native", "grpc"), default="native", help="of the server"
    )
    parser.add_argument("--out", default="bench-out", help="folder for CSV and plot")
    return parser.parse_args()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise SystemExit(runner.run(main(arguments())))
