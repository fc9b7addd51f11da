"""R19: requests at the edge and of chance to every RPC; too large and too deep ones."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import grpc
from d3_hostile_frames import RAW
from findings import Fault, Report
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests_of_chance import at_the_edge, requests
from site_of_test import Site
from workers import allow, hook
from world import World, reason_of, world_of

from roomd import v1 as pb
from roomd_server.api.methods import Method, Shape, methods

METHODS = list(methods())
FORBIDDEN = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
FAULTS = "INTERNAL, UNKNOWN, or a fault of the server"
CALL_SECONDS = 3.0
FIRST_SECONDS = 0.05
"""How long a stream may take to answer with something."""
TOGETHER = 6
"""Requests at once."""


@dataclass(frozen=True)
class Size:
    """How much."""

    rounds: int
    oversize: int
    """RPCs that get 5 MiB."""


class Faults(logging.Handler):
    """Everything that the server logs as a fault."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        if record.name.startswith(("roomd", "asyncio")):
            self.found.append(f"{record.getMessage()} {record.exc_text or record.exc_info}")


@dataclass
class Fuzz:
    """What came back."""

    world: World
    codes: Counter[str] = field(default_factory=Counter)
    reached: set[str] = field(default_factory=set)
    """RPCs that answered OK at least once."""
    wrong: list[str] = field(default_factory=list)

    async def together(self, calls: list[tuple[Method, Message]]) -> None:
        """Send requests at once."""
        await asyncio.gather(*(self._one(method, one.SerializeToString()) for method, one in calls))

    async def _one(self, method: Method, data: bytes) -> None:
        code, reason = await self.outcome(method, data)
        self.codes[code.name] += 1
        if code is grpc.StatusCode.OK:
            self.reached.add(method.name)
        no_reason = (
            code not in (grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED) and not reason
        )
        if code in FORBIDDEN or reason == "SERVER_FAULT" or no_reason:
            request = str(method.request_type.FromString(data)).replace("\n", " ")
            self.wrong.append(f"{method.name}: {code.name} {reason} for {request[:500]}")

    async def outcome(self, method: Method, data: bytes) -> tuple[grpc.StatusCode, str]:
        """Code and reason of a call."""
        try:
            if method.shape is Shape.UNARY:
                call = self.world.connection.unary_unary(method.path)
                await call(data, metadata=self.world.metadata, timeout=CALL_SECONDS)
            else:
                await self._first(method, data)
        except grpc.aio.AioRpcError as error:
            return error.code(), reason_of(error)
        return grpc.StatusCode.OK, ""

    async def _first(self, method: Method, data: bytes) -> None:
        """Read a stream for a moment."""
        if method.shape is Shape.SERVER_STREAM:
            call = self.world.connection.unary_stream(method.path)(
                data, metadata=self.world.metadata
            )
        else:
            call = self.world.connection.stream_stream(method.path)(metadata=self.world.metadata)
            await call.write(data)
        try:
            async with asyncio.timeout(FIRST_SECONDS if len(data) < 10_000 else CALL_SECONDS):
                await call.read()
        except TimeoutError:
            pass
        finally:
            call.cancel()

    async def settle_in(self) -> None:
        """Make what the requests name, as far as it is gone."""
        channels = (
            pb.Channel(channel_id="in", type=pb.CHANNEL_TYPE_WEBSOCKET),
            pb.Channel(
                channel_id="ai",
                type=pb.CHANNEL_TYPE_AI,
                implementation={"script": {"responses": ["hello"]}},
            ),
        )
        wanted: list[tuple[str, dict[str, Any]]] = [("CreateRoom", {"room_id": "room"})]
        wanted += [("RegisterChannel", {"channel": one}) for one in channels]
        wanted += [
            ("AttachChannel", {"room_id": "room", "channel_id": one.channel_id}) for one in channels
        ]
        for rpc, fields in wanted:
            try:
                await self.world.call(rpc, **fields)
            except grpc.aio.AioRpcError as error:
                if error.code() in FORBIDDEN:
                    self.wrong.append(f"{rpc}: {error}")


async def run(site: Site, size: Size) -> Report:
    """Requests at the edge, those of chance, then those that are too much."""
    report, faults = Report(), Faults()
    logging.getLogger().addHandler(faults)
    try:
        async with site.embedded() as running, world_of(running) as world:
            fuzz = Fuzz(world)
            async with world.worker(lambda _: allow(), hook("gate", timeout=1.0)):
                await edges(fuzz)
                loop = asyncio.get_running_loop()
                await asyncio.to_thread(made_up, loop, fuzz, size)
            refused = await too_much(fuzz, size)
            alive = bool((await world.call("GetServerInfo")).version)
    finally:
        logging.getLogger().removeHandler(faults)
    report.note("calls", dict(fuzz.codes))
    report.note("RPCs that took one", f"{len(fuzz.reached)} of {len(METHODS)}")
    report.equal(FAULTS, (fuzz.wrong + faults.found)[:3], [])
    report.equal("too deep or too large ones that were not refused as such", refused, [])
    report.equal("the server lives", alive, expected=True)
    return report


async def edges(fuzz: Fuzz) -> None:
    """Send every RPC the lowest and the highest numbers."""
    await fuzz.settle_in()
    for highest in (False, True):
        calls = [(one, at_the_edge(one.request_type.DESCRIPTOR, highest)) for one in METHODS]
        for first in range(0, len(calls), TOGETHER):
            await fuzz.together(calls[first : first + TOGETHER])


def made_up(loop: asyncio.AbstractEventLoop, fuzz: Fuzz, size: Size) -> None:
    """Let Hypothesis make up requests, in a thread of its own."""
    one = st.sampled_from(METHODS).flatmap(
        lambda method: st.tuples(st.just(method), requests(method.request_type.DESCRIPTOR))
    )
    rounds = 0

    @settings(
        max_examples=size.rounds,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(one, min_size=TOGETHER, max_size=TOGETHER))
    def called(calls: list[tuple[Method, Message]]) -> None:
        nonlocal rounds
        if rounds % 5 == 0:
            asyncio.run_coroutine_threadsafe(fuzz.settle_in(), loop).result(60)
        rounds += 1
        asyncio.run_coroutine_threadsafe(fuzz.together(calls), loop).result(60)

    called()


async def too_much(fuzz: Fuzz, size: Size) -> list[str]:
    """RPCs that take what is too deep or too large."""
    wrong = []
    for number, method in enumerate(METHODS):
        for name in ("200 levels", "5 MiB"):
            if name == "5 MiB" and number >= size.oversize:
                continue
            data, expected = RAW[name]
            _, reason = await fuzz.outcome(method, data)
            if reason != expected:
                wrong.append(f"{method.name}: {reason} for {name}")
    return wrong


FAULT = Fault(
    "R19",
    "requests of chance to every RPC",
    run,
    short=Size(rounds=80, oversize=5),
    long=Size(rounds=20_000, oversize=1000),
    without={"validation": FAULTS},
)
