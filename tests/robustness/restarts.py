"""Rounds of R03: restart PostgreSQL in a hurry under traffic, or kill it, again and again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import grpc
from checker import Violation, check
from cluster import SERVER, Cluster
from grpc_health.v1 import health_pb2, health_pb2_grpc
from history import History
from traffic import Traffic, dial

from postgres_cluster import Cluster as Database

NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
BACK_SECONDS = 5.0
"""How long after the database everything may take to be as before."""
TRAFFIC_SECONDS = 1.5
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Plan:
    """What to do."""

    restarts: int
    kills: int = 0
    """Besides: ended with SIGKILL, postmaster and backends."""
    rooms: int = 8
    program: tuple[str, ...] = SERVER
    away_seconds: float = 0.5
    """How long the database is away each time."""
    settle_seconds: float = 30.0


@dataclass
class Report:
    """What was seen."""

    history: History
    violations: list[Violation]
    back_seconds: list[float]
    """After each return of the database, until a message was acknowledged."""
    not_serving: int
    """Times away in which health said so."""


async def run(database: Database, plan: Plan) -> Report:
    """End and start it as often as planned; what happened, and what broke a promise."""
    server = Cluster(await database.acreate(), plan.program)
    await server.start()
    traffic = Traffic(server.address, plan.rooms)
    report = Report(traffic.history, [], [], 0)
    try:
        await traffic.prepare()
        traffic.start()
        ends = [database.stop_at_once] * plan.restarts + [database.kill] * plan.kills
        for end in ends:
            await asyncio.sleep(TRAFFIC_SECONDS)
            await asyncio.to_thread(end)
            report.not_serving += await _says_so(server.address, plan.away_seconds)
            await asyncio.to_thread(database.start)
            report.back_seconds.append(await _acknowledged(traffic.history))
        await asyncio.sleep(TRAFFIC_SECONDS)
        await traffic.finish(plan.settle_seconds)
    finally:
        await traffic.close()
        await server.kill()
    report.violations = check(traffic.history)
    return report


async def _says_so(address: str, seconds: float) -> bool:
    """Whether health says within so many seconds that calls are of no use; takes them all."""
    end = time.monotonic() + seconds
    async with dial(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        said = False
        while time.monotonic() < end:
            try:
                answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=1.0)
            except grpc.aio.AioRpcError:
                said = False
            else:
                said = said or answer.status == NOT_SERVING
            await asyncio.sleep(POLL_SECONDS)
    return said


async def _acknowledged(history: History) -> float:
    """Seconds until somebody who begins to send now is answered."""
    began = time.monotonic()
    while not any(send.began > began and send.acks for send in history.sends.values()):
        if time.monotonic() - began > 2 * BACK_SECONDS:
            break
        await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - began
