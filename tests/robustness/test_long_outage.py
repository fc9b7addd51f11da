"""A database that is killed in the middle of a commit, and stays away: who waits for that commit
is told in time that it is in doubt, and its next try under the same key ends the doubt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from api_fakes import Failure, read_failure
from grpc_health.v1 import health_pb2, health_pb2_grpc
from site_of_test import Site
from workers import Answer, provider, sent
from world import IN, World, until, world_of

from postgres_cluster import Cluster
from roomd import v1 as pb
from roomd_server import wiring
from roomd_server.failpoints import Failpoints
from roomd_server.stores.postgres_writer import DOUBT_SECONDS

ROOM, KEY = "room", "key"
BACK_SECONDS = 10.0
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Trap(Failpoints):
    """Springs when a point is hit next after it was set."""

    def __init__(self, point: str, spring: Callable[[], None]) -> None:
        super().__init__({})
        self._point = point
        self._spring = spring
        self.set = False

    def hit(self, point: str) -> None:
        if self.set and point == self._point:
            self.set = False
            self._spring()


@pytest.fixture
def database(postgres_parts: Callable[..., Cluster]) -> Iterator[Cluster]:
    cluster = postgres_parts(durable=True)
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture
def trap(
    request: pytest.FixtureRequest, database: Cluster, monkeypatch: pytest.MonkeyPatch
) -> Trap:
    """Kills the database at the point that the test names, and what it had answered is lost."""

    def kill_unheard() -> None:
        database.kill()
        raise ConnectionResetError

    made = Trap(request.param, kill_unheard)
    monkeypatch.setattr(wiring, "failpoints_from_environment", lambda: made)
    return made


@pytest.mark.parametrize(
    ("trap", "outcome"),
    [("commit.before", pb.OUTCOME_ACCEPTED), ("commit.after", pb.OUTCOME_DUPLICATE)],
    indirect=["trap"],
)
async def test_who_is_in_doubt_is_told_and_finds_out(
    database: Cluster, trap: Trap, outcome: int, tmp_path: Path
) -> None:
    site = Site(tmp_path, database=await database.acreate())
    async with site.embedded() as running, world_of(running) as world:
        await world.settle_in(ROOM)
        await world.add_worker_channel("phone", "phone", ROOM)
        delivered: list[str] = []

        def deliver(invocation: pb.Invocation) -> Answer:
            delivered.append(invocation.call.deliver.event.content.text.body)
            return sent(f"sms-{len(delivered)}")

        async with world.worker(deliver, provider("phone")):
            await world.say(ROOM, "before")
            assert await until(lambda: is_stored(world), BACK_SECONDS)
            trap.set = True
            began = time.monotonic()
            failure = await refused(world)
            assert DOUBT_SECONDS * 0.9 <= time.monotonic() - began <= DOUBT_SECONDS + 5.0
            assert failure.info.metadata["in_doubt"] == "true"
            assert await health(world) == NOT_SERVING
            assert "in_doubt" not in (await refused(world)).info.metadata
            await asyncio.to_thread(database.start)
            assert await until(lambda: is_serving(world), BACK_SECONDS)
            assert (await world.say(ROOM, "doubtful", KEY)).outcome == outcome
            assert await until(lambda: len(delivered) == 2, BACK_SECONDS)
        said = [one.content.text.body for one in await world.events(ROOM) if is_said(one)]
    assert said == delivered == ["before", "doubtful"]


async def is_stored(world: World) -> bool:
    """Whether the outcome of the first delivery is, so that nothing else is on its way."""
    return len(await world.deliveries(ROOM, pb.DELIVERY_STATE_SENT)) == 1


async def refused(world: World) -> Failure:
    """How the message is refused, with the time to try again."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.say(ROOM, "doubtful", KEY)
    failure = read_failure(caught.value)
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "STORE_DOWN")
    assert failure.details["RetryInfo"].retry_delay.seconds == 1
    return failure


async def health(world: World) -> int:
    """What health says."""
    stub = health_pb2_grpc.HealthStub(world.connection)
    return int((await stub.Check(health_pb2.HealthCheckRequest())).status)


async def is_serving(world: World) -> bool:
    """Whether health says that calls are of use."""
    return await health(world) == SERVING


def is_said(event: pb.RoomEvent) -> bool:
    """Whether somebody said it."""
    return event.type == pb.EVENT_TYPE_MESSAGE and event.source.channel_id == IN
