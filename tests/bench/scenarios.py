"""What is measured: one function per figure, named as in the README's table."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import fill
from loads import (
    BidiSender,
    Call,
    Watchers,
    echo_calls,
    latencies,
    measure,
    percentile,
    prepare,
    send_calls,
)
from processes import Echo, Process, Server, Subscribers, Worker, channels, gauges, metadata

from roomd import v1 as pb

if TYPE_CHECKING:
    from run import Bench

ROOMS = [f"room-{number}" for number in range(100)]
CLIENT_CHANNELS = 2


def _row(bench: Bench, **fields: object) -> None:
    from run import Row

    bench.add(Row(**fields))  # type: ignore[arg-type]


async def _paired(
    bench: Bench, server: Process, calls: list[Call], in_flight: int
) -> tuple[list[tuple[float, float]], float]:
    """Echo and ours in turn; the rates, and the median ratio of server CPU per call."""
    echo_channels = channels(bench.echo.address, CLIENT_CHANNELS)
    bare = [
        call
        for channel in echo_channels
        for call in echo_calls(channel, in_flight // CLIENT_CHANNELS)
    ]
    pairs, cpu = [], []
    for _ in range(bench.rounds):
        echo = await measure(bench.echo, bare, bench.seconds)
        ours = await measure(server, calls, bench.seconds)
        pairs.append((echo.per_second, ours.per_second))
        cpu.append(ours.cpu_us / echo.cpu_us)
    for channel in echo_channels:
        await channel.close()
    return pairs, statistics.median(cpu)


async def _sends(
    bench: Bench, rooms: list[str], in_flight: int, *, hook: bool, store: str = ""
) -> tuple[list[tuple[float, float]], float]:
    """Unary SendEvent, two subscribers, perhaps a remote DECIDE hook."""
    server = bench.server(store)
    worker = None
    try:
        await prepare(server.address, rooms)
        worker = Worker(server.address) if hook else None
        watchers = Watchers(server.address, rooms)
        senders = channels(server.address, CLIENT_CHANNELS)
        calls = [
            call
            for channel in senders
            for call in send_calls(channel, rooms, in_flight // CLIENT_CHANNELS)
        ]
        result = await _paired(bench, server, calls, in_flight)
        await _print_statements(server)
        if not watchers.messages:
            raise RuntimeError("the subscribers saw nothing")
        await watchers.close()
        for channel in senders:
            await channel.close()
        return result
    finally:
        if worker is not None:
            worker.stop()
        server.stop()


async def _print_statements(server: Server) -> None:
    """Say how many statements a message took, where that is counted."""
    counted = await gauges(server.address)
    if sets := counted.get("store_sets"):
        statements = counted["store_statements"]
        print(f"      {statements / sets:.3f} statements per write set ({sets:,.0f} sets)")


async def b0(bench: Bench) -> None:
    """What the transport itself makes possible: a bare echo on it against one on grpc.aio."""
    bare = Echo(bench.transport)
    echo = channels(bare.address, CLIENT_CHANNELS)
    calls = [call for channel in echo for call in echo_calls(channel, 64 // CLIENT_CHANNELS)]
    try:
        pairs, cpu = await _paired(bench, bare, calls, 64)
    finally:
        for channel in echo:
            await channel.close()
        bare.stop()
    bench.rate("B0", "bare echo, 64 in flight", pairs, (0.0, 1.0), f"CPU x{cpu:.2f}")


async def b1(bench: Bench) -> None:
    """SendEvent, COMMITTED, SQLite FULL."""
    pairs, cpu = await _sends(bench, ROOMS, 64, hook=False)
    bars = (bench.floor(native=0.60, grpc=0.35), 0.75)
    bench.rate("B1", "SendEvent, 2 subscribers, 64 in flight", pairs, bars, f"CPU x{cpu:.2f}")


async def b2(bench: Bench) -> None:
    """The same with one remote DECIDE hook."""
    pairs, cpu = await _sends(bench, ROOMS, 64, hook=True)
    bars = (bench.floor(native=0.45, grpc=0.20), 0.60)
    bench.rate("B2", "B1 + remote DECIDE hook, 64 in flight", pairs, bars, f"CPU x{cpu:.2f}")
    pairs, cpu = await _sends(bench, ROOMS, 256, hook=True)
    bench.rate(
        "B2", "B1 + remote DECIDE hook, 256 in flight", pairs, (0.0, 0.75), f"CPU x{cpu:.2f}"
    )


async def b2r(bench: Bench) -> None:
    """All in one room, in strict order."""
    pairs, cpu = await _sends(bench, ROOMS[:1], 64, hook=True)
    bench.rate("B2r", "B2 in one room, strict order", pairs, (0.0, 0.20), f"CPU x{cpu:.2f}")


async def b2s(bench: Bench) -> None:
    """Messages over live connections instead of unary calls."""
    server = bench.server()
    worker = None
    try:
        await prepare(server.address, ROOMS)
        worker = Worker(server.address)
        watchers = Watchers(server.address, ROOMS)
        streams = channels(server.address, CLIENT_CHANNELS)
        senders = [BidiSender(channel, ROOMS) for channel in streams for _ in range(2)]
        calls = [sender.call for sender in senders for _ in range(64 // len(senders))]
        pairs, cpu = await _paired(bench, server, calls, 64)
        for sender in senders:
            await sender.close()
        await watchers.close()
        for channel in streams:
            await channel.close()
    finally:
        if worker is not None:
            worker.stop()
        server.stop()
    bench.rate("B2s", "B2 over bidi streams, 64 in flight", pairs, (0.0, 1.00), f"CPU x{cpu:.2f}")


async def b3(bench: Bench) -> None:
    """Against the RoomKit library, when it can be installed."""
    python = shutil.which("python3.12") or shutil.which("python3.13") or shutil.which("python3.14")
    reason = "needs Python >= 3.12 beside this one" if python is None else "not run"
    if python is not None:
        from library import library_rate

        outcome = library_rate(python, bench.folder)
        if isinstance(outcome, float):
            pairs, _ = await _sends(bench, ROOMS, 64, hook=False)
            ours = statistics.median(rate for _, rate in pairs)
            _row(
                bench,
                id="B3",
                work="B1 against the RoomKit library in process",
                figure=ours,
                unit="/s",
                echo=outcome,
                ratio=ours / outcome,
                floor="-",
                goal=">=3",
                ok=True,
                note="echo column: the library",
            )
            return
        reason = outcome
    print(f"B3    SKIPPED: the RoomKit library {reason}", file=sys.stderr, flush=True)


async def b4(bench: Bench) -> None:
    """B1 on PostgreSQL."""
    store = await bench.database()
    pairs, cpu = await _sends(bench, ROOMS, 64, hook=False, store=store)
    bars = (bench.floor(native=0.55, grpc=0.25), 0.70)
    bench.rate("B4", "B1 on PostgreSQL", pairs, bars, f"CPU x{cpu:.2f}")


async def b5(bench: Bench) -> None:
    """A room with very many events against a fresh one."""
    await _big_room(bench, "B5", bench.store())


async def b5_postgres(bench: Bench) -> None:
    """The same on PostgreSQL."""
    await _big_room(bench, "B5p", await bench.database())


async def _big_room(bench: Bench, name: str, store: str) -> None:
    began = time.monotonic()
    await fill.fill_room(store, "big", bench.big_room)
    filled = time.monotonic() - began
    server = bench.server(store)
    try:
        await prepare(server.address, ["fresh"])
        await fill.attach(server.address, "big")
        (channel,) = channels(server.address, 1)
        fresh, big = (send_calls(channel, [room], 16) for room in ("fresh", "big"))
        pairs = []
        for _ in range(bench.rounds + 2):
            one = await measure(server, fresh, bench.seconds / 2)
            other = await measure(server, big, bench.seconds / 2)
            pairs.append((one.per_second, other.per_second))
        await channel.close()
    finally:
        server.stop()
    bench.rate(
        name,
        f"room with {bench.big_room:,} events / fresh room",
        pairs,
        (0.90, 0.95),
        f"echo column: fresh room; filled in {filled:.0f} s",
    )


async def b6(bench: Bench) -> None:
    """What a remote hook adds to one message at a time."""
    medians = {}
    for hook in (False, True):
        server = bench.server()
        worker = None
        try:
            await prepare(server.address, ROOMS[:1])
            worker = Worker(server.address) if hook else None
            (channel,) = channels(server.address, 1)
            times = await latencies(send_calls(channel, ROOMS[:1], 1)[0], 1500)
            medians[hook] = percentile(times, 0.5)
            await channel.close()
        finally:
            if worker is not None:
                worker.stop()
            server.stop()
    (channel,) = channels(bench.echo.address, 1)
    stream = channel.stream_stream("/bare.Echo/Stream")()

    async def ping() -> None:
        await stream.write(b"x" * 100)
        await stream.read()

    bare = percentile(await latencies(ping, 1500), 0.5)
    stream.cancel()
    await channel.close()
    added = medians[True] - medians[False]
    _row(
        bench,
        id="B6",
        work="a remote hook adds, one at a time, p50",
        figure=added,
        unit="ms",
        echo=bare,
        ratio=added / bare,
        floor="<=1 ms",
        goal="<=3x",
        ok=added <= 1.0,
        note=f"{medians[False]:.2f} -> {medians[True]:.2f} ms; echo column: bare ping-pong",
    )


async def b7(bench: Bench) -> None:
    """Fan-out to a hundred subscribers of one room."""
    server = bench.server()
    readers = None
    try:
        await prepare(server.address, ROOMS[:1])
        readers = Subscribers(server.address, ROOMS[0], 100)
        streams = channels(server.address, CLIENT_CHANNELS)
        senders = [BidiSender(channel, ROOMS[:1]) for channel in streams]
        stop = asyncio.Event()

        async def push(call: Call) -> None:
            while not stop.is_set():
                await call()

        tasks = [asyncio.create_task(push(s.call)) for s in senders for _ in range(128)]
        await asyncio.sleep(1)
        rates = []
        loop = asyncio.get_running_loop()
        for _ in range(bench.rounds):
            before, began = await loop.run_in_executor(None, readers.received), time.perf_counter()
            await asyncio.sleep(bench.seconds)
            after = await loop.run_in_executor(None, readers.received)
            rates.append((after - before) / (time.perf_counter() - began))
        stop.set()
        await asyncio.gather(*tasks)
        for sender in senders:
            await sender.close()
        for channel in streams:
            await channel.close()
    finally:
        if readers is not None:
            readers.stop()
        server.stop()
    rate = statistics.median(rates)
    _row(
        bench,
        id="B7",
        work="fan-out to 100 subscribers",
        figure=rate,
        unit="deliveries/s",
        echo=0.0,
        ratio=0.0,
        floor=">=70,000",
        goal=">=100,000",
        ok=rate >= 70_000,
        note=f"{rate / 100:,.0f} events/s committed",
    )


async def b9(bench: Bench) -> None:
    """Memory of an idle subscription and of a live room."""
    server = bench.server()
    try:
        await prepare(server.address, ["idle"])
        streams = channels(server.address, 4)
        request = pb.SubscribeRoomRequest(room=pb.RoomStart(room_id="idle")).SerializeToString()
        before, calls = server.rss_bytes(), []
        for number in range(2000):
            subscribe = streams[number % 4].unary_stream("/roomd.v1.RoomService/SubscribeRoom")
            calls.append(subscribe(request, metadata=metadata()))
            await calls[-1].read()
        each = (server.rss_bytes() - before) / len(calls) / 1024
        for call in calls:
            call.cancel()
        for channel in streams:
            await channel.close()
        _row(
            bench,
            id="B9",
            work="memory of an idle subscription",
            figure=each,
            unit="KiB",
            echo=0.0,
            ratio=0.0,
            floor="<=64 KiB",
            goal="<=64 KiB",
            ok=each <= 64,
        )
    finally:
        server.stop()
    store = bench.store()
    await fill.fill_rooms(store, 100_000)
    server = bench.server(store)
    try:
        (channel,) = channels(server.address, 1)
        get = channel.unary_unary(
            "/roomd.v1.RoomService/GetParticipant",
            request_serializer=pb.GetParticipantRequest.SerializeToString,
            response_deserializer=pb.GetParticipantResponse.FromString,
        )
        before = server.rss_bytes()
        for number in range(10_000):
            await get(
                pb.GetParticipantRequest(room_id=f"known-{number:06}", participant_id="bench"),
                metadata=metadata(),
            )
        each = (server.rss_bytes() - before) / 10_000 / 1024
        await channel.close()
    finally:
        server.stop()
    _row(
        bench,
        id="B9",
        work="memory of a live room, 100,000 known",
        figure=each,
        unit="KiB",
        echo=0.0,
        ratio=0.0,
        floor="<=16 KiB",
        goal="<=16 KiB",
        ok=each <= 16,
    )


async def b10(bench: Bench) -> None:
    """From the start of the process to serving."""
    store = bench.store()
    times = []
    for _ in range(5):
        server = bench.server(store)
        times.append(server.started_seconds)
        server.stop()
    bare = []
    for _ in range(3):
        began = time.monotonic()
        Echo().stop()
        bare.append(time.monotonic() - began)
    median = statistics.median(times)
    _row(
        bench,
        id="B10",
        work="cold start to serving",
        figure=median,
        unit="s",
        echo=statistics.median(bare),
        ratio=median / statistics.median(bare),
        floor="<=1.5 s",
        goal="<=1.5 s",
        ok=median <= 1.5,
        note="echo column: the bare server",
    )


ALL: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "B0": b0,
    "B1": b1,
    "B2": b2,
    "B2r": b2r,
    "B2s": b2s,
    "B3": b3,
    "B4": b4,
    "B5": b5,
    "B5p": b5_postgres,
    "B6": b6,
    "B7": b7,
    "B9": b9,
    "B10": b10,
}
