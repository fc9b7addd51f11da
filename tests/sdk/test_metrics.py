"""The metrics' page: moved by real traffic, the same as the README says, few series."""

from __future__ import annotations

import asyncio
import re
import time
import urllib.error
from pathlib import Path

import pytest
from mission_rooms import ai, furnish, say, sms, until, websocket
from observed import Watched, read, watched

from roomd import HookExecution, HookResult, HookTrigger, RoomContext, RoomEvent
from roomd import v1 as pb
from roomd_server.api.fronts import StartupError
from roomd_server.config import Settings
from roomd_server.core.tallies import TIME_BOUNDS, Histogram, quantile
from roomd_server.hooks.tallies import MAX_NAMES, OTHERS, HookTallies
from roomd_server.telemetry.metrics import METRICS, Gauges, Kind, Unread
from roomd_server.wiring import Server

README = Path(__file__).resolve().parents[2] / "README.md"


async def talk(one: Watched) -> None:
    """A room with a hook that blocks, an observer, a phone and an AI."""

    @one.kit.hook(HookTrigger.BEFORE_BROADCAST, name="judge")
    async def judge(event: RoomEvent, _ctx: RoomContext) -> HookResult:
        if event.content.body == "bad":
            return HookResult.block("no such words")
        return HookResult.allow()

    seen = []

    @one.kit.hook(HookTrigger.AFTER_BROADCAST, HookExecution.ASYNC, name="audit")
    async def audit(event: RoomEvent, _ctx: RoomContext) -> None:
        seen.append(event.id)

    await furnish(one.kit, "room", websocket("ws"), sms("phone"), ai("bot"))
    for body in ("good", "bad", "better"):
        await say(one.kit, "ws", body)
    await until(lambda: len(seen) == 4)  # two messages and the AI's two answers


async def test_traffic_moves_the_numbers() -> None:
    async with watched() as one:
        before = await one.scrape()
        await talk(one)
        async with asyncio.timeout(5):
            while (now := await one.scrape()).value("roomd_lane_backlog"):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert before.value("roomd_messages_total", outcome="accepted") == 0
    assert now.value("roomd_messages_total", outcome="accepted") == 4
    assert now.value("roomd_messages_total", outcome="blocked") == 1
    assert now.value("roomd_hook_verdicts_total", hook="judge", verdict="allow") == 4
    assert now.value("roomd_hook_verdicts_total", hook="judge", verdict="block") == 1
    assert now.value("roomd_hook_verdicts_total", hook="audit", verdict="done") == 4
    assert now.value("roomd_hook_seconds_count", hook="judge") == 5
    assert 0 < now.value("roomd_hook_seconds_sum", hook="judge") < 5
    assert now.value("roomd_stage_seconds_count", stage="route") == 3
    assert now.value("roomd_stage_seconds_count", stage="hooks") == 5
    assert now.value("roomd_stage_seconds_count", stage="commit") == 5
    assert now.value("roomd_deliveries_total", channel_type="sms", state="sent") == 4
    assert now.value("roomd_delivery_attempt_seconds_count", channel_type="sms") == 4
    assert now.value("roomd_worker_sessions") == 1
    assert now.value("roomd_rooms_live") == 1
    assert now.value("roomd_store_transaction_sets_count") > 4
    assert now.value("roomd_store_transaction_sets_sum") >= 13
    inbound = {"method": "EventService/ProcessInbound", "code": "OK"}
    assert now.value("roomd_rpc_seconds_count", **inbound) == 3
    assert now.value("roomd_rpc_seconds_bucket", le="+Inf", **inbound) == 3
    assert now.value("process_resident_memory_bytes") > 1e6


async def test_the_lag_of_the_event_loop_is_measured() -> None:
    async with watched() as one:
        async with asyncio.timeout(5):
            while (await one.scrape()).value("roomd_loop_lag_seconds_count") < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        time.sleep(0.3)  # noqa: ASYNC251 the loop itself is late
        await asyncio.sleep(0.05)
        now = await one.scrape()
    assert now.value("roomd_loop_lag_seconds_sum") > 0.1


async def test_errors_are_counted_by_code() -> None:
    async with watched() as one:
        client = await one.kit._session.ready()
        get = client.channel.unary_unary(
            "/roomd.v1.RoomService/GetRoom",
            request_serializer=pb.GetRoomRequest.SerializeToString,
            response_deserializer=pb.GetRoomResponse.FromString,
        )
        with pytest.raises(Exception, match="no room"):
            await get(pb.GetRoomRequest(room_id="nowhere"), metadata=client.metadata())
        now = await one.scrape()
    missing = {"method": "RoomService/GetRoom", "code": "NOT_FOUND"}
    assert now.value("roomd_rpc_seconds_count", **missing) == 1


async def test_a_thousand_rooms_add_no_series() -> None:
    async with watched() as one:
        await talk(one)
        await one.kit.create_room(room_id="first")
        before = await one.scrape()
        for number in range(1000):
            await one.kit.create_room(room_id=f"room-{number}")
        after = await one.scrape()
    assert after.value("roomd_rooms_live") == 1002
    assert set(after.samples) == set(before.samples)
    written = " ".join(f"{name}{labels}" for name, labels in after.samples)
    assert "room-" not in written


def test_names_of_hooks_are_bounded() -> None:
    tallies = HookTallies()
    for number in range(MAX_NAMES + 50):
        tally = tallies.open(f"hook-{number}")
        tally.count("allow", 0.001)
        if number % 2:
            tallies.close(tally)
    sums = tallies.by_label()
    assert len(sums) == MAX_NAMES + 1
    assert sums[OTHERS].verdicts["allow"] == 50
    assert sum(one.verdicts["allow"] for one in sums.values()) == MAX_NAMES + 50


def test_what_a_removed_hook_counted_stays() -> None:
    tallies = HookTallies()
    for _ in range(3):
        tally = tallies.open("judge")
        tally.count("block", 0.2)
        tallies.close(tally)
        tallies.close(tally)
    times = tallies.by_label()["judge"].times
    assert times is not None
    assert sum(times.counts) == tallies.by_label()["judge"].verdicts["block"] == 3


def test_quantiles_are_right_within_ten_percent() -> None:
    histogram = Histogram()
    for step in range(1, 10_001):
        histogram.observe(step / 1000)
    for share in (0.5, 0.9, 0.99):
        assert quantile(histogram.counts, share) == pytest.approx(share * 10, rel=0.1)
    assert quantile([0] * (len(TIME_BOUNDS) + 1), 0.5) == 0.0


def test_the_readme_lists_all_metrics() -> None:
    listed = re.findall(r"^\| `(roomd_\w+)` \| (.*?) \|", README.read_text("utf-8"), re.MULTILINE)
    declared = [(one.name, ", ".join(f"`{label}`" for label in one.labels)) for one in METRICS]
    assert [(name, labels.strip()) for name, labels in listed] == declared


def test_every_metric_has_a_reader() -> None:
    with pytest.raises(Unread, match="roomd_messages_total"):
        Gauges({})


def test_names_say_what_they_count() -> None:
    for one in METRICS:
        assert one.name.endswith("_total") == (one.kind is Kind.COUNTER), one.name
        assert one.kind is not Kind.HISTOGRAM or one.name.endswith(("_seconds", "_sets"))
        assert one.meaning


async def test_only_the_page_is_there() -> None:
    async with watched() as one:
        base = f"http://{one.embedded.server.metrics_address}"
        with pytest.raises(urllib.error.HTTPError) as refused:
            await asyncio.to_thread(read, f"{base}/")
        refused.value.close()
    assert refused.value.code == 404


async def test_without_an_address_there_is_no_page() -> None:
    async with watched(metrics_address="") as one:
        assert one.embedded.server.metrics_address == ""


async def test_an_address_in_use_says_what_to_change() -> None:
    async with watched() as one:
        taken = one.embedded.server.metrics_address
        settings = Settings(listen="127.0.0.1:0", store="sqlite://:memory:", metrics_address=taken)
        with pytest.raises(StartupError, match="--metrics-address"):
            await Server.start(settings)
