"""Subscriptions: gapless from where they start, batched, shared bytes, bounded readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from api_fakes import (
    ROOM,
    Client,
    FakeFeed,
    FakeSource,
    failure_of,
    routes_with,
    serving,
    until,
)
from google.protobuf.duration_pb2 import Duration
from grpc import aio
from hypothesis import given
from hypothesis import strategies as st

from roomd import v1 as pb
from roomd_server.api.cursor import RoomCursors
from roomd_server.api.feeds import PAGE_BYTES, PAGE_ENTRIES, Pacer, SharedFeed
from roomd_server.api.server import ApiOptions
from roomd_server.api.subscriptions import SubscriptionOptions, Subscriptions
from roomd_server.core.errors import InvalidArgument
from roomd_server.core.log import Position

ONE = f"{ROOM}SubscribeRoom"
MANY = f"{ROOM}SubscribeRooms"


@asynccontextmanager
async def watching(
    *feeds: FakeFeed,
    options: ApiOptions | None = None,
    channel_options: tuple[tuple[str, int], ...] = (),
) -> AsyncIterator[tuple[Client, Subscriptions]]:
    subscriptions = Subscriptions(FakeSource(*feeds), SubscriptionOptions())
    routes = routes_with(pushes=dict(subscriptions.routes()))
    async with serving(
        routes,
        options=options,
        drain_hooks=(subscriptions.drain,),
        channel_options=channel_options,
    ) as client:
        yield client, subscriptions


def start(room_id: str = "r", **fields: Any) -> pb.SubscribeRoomRequest:
    own = {key: fields.pop(key) for key in ("cursor", "after_index") if key in fields}
    return pb.SubscribeRoomRequest(room=pb.RoomStart(room_id=room_id, **own), **fields)


class Reader:
    """Reads items one by one."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.items: list[pb.StreamItem] = []
        self.messages = 0

    async def next(self, timeout: float = 5) -> pb.StreamItem:
        while not self.items:
            message = await asyncio.wait_for(self.call.read(), timeout)
            assert message is not aio.EOF, "the stream ended"
            self.messages += 1
            self.items.extend(message.items)
        return self.items.pop(0)

    async def take(self, count: int) -> list[pb.StreamItem]:
        return [await self.next() for _ in range(count)]

    async def ends(self) -> bool:
        assert not self.items
        return await asyncio.wait_for(self.call.read(), 5) is aio.EOF


async def open_reader(client: Client, request: Any, path: str = ONE) -> Reader:
    reader = Reader(client.stream(path, request))
    first = await reader.next()
    assert first.WhichOneof("item") == "subscribed"
    return reader


# ------------------------------------------------------------------ start and order


async def test_subscribed_comes_first_and_says_where_the_room_is() -> None:
    feed = FakeFeed()
    async with watching(feed) as (client, _):
        first = await Reader(client.stream(ONE, start())).next()
        assert first.room_id == "r"
        assert first.subscribed.continuous
        assert first.subscribed.ephemeral_epoch == "e1"
        assert not first.subscribed.HasField("head_index")
        feed.say("a")
        feed.say("b")
        second = await Reader(client.stream(ONE, start())).next()
        assert (second.subscribed.oldest_index, second.subscribed.head_index) == (0, 1)


async def test_without_a_start_only_what_comes_now_is_seen() -> None:
    feed = FakeFeed()
    feed.say("before")
    async with watching(feed) as (client, _):
        reader = await open_reader(client, start())
        feed.say("after")
        assert (await reader.next()).event.content.text.body == "after"


async def test_after_minus_one_reads_everything_in_order_also_from_the_store() -> None:
    feed = FakeFeed(tail=10)
    for i in range(PAGE_ENTRIES * 2 + 7):
        feed.say(f"m{i}")
    async with watching(feed) as (client, _):
        reader = await open_reader(client, start(after_index=-1))
        items = await reader.take(PAGE_ENTRIES * 2 + 7)
        assert [item.event.index for item in items] == list(range(PAGE_ENTRIES * 2 + 7))
        assert feed.loads >= 2
        feed.say("live")
        assert (await reader.next()).event.content.text.body == "live"


async def test_each_item_is_the_stored_item_with_room_and_cursor() -> None:
    feed = FakeFeed()
    event = feed.say("hello")
    feed.change("room_paused")
    async with watching(feed) as (client, _):
        cursors = RoomCursors("default", "r")
        reader = await open_reader(client, start(cursor=cursors.encode(Position(0, 0)).decode()))
        assert await reader.next() == pb.StreamItem(
            event=event, room_id="r", cursor=cursors.encode(Position(1, 0)).decode()
        )
        changed = await reader.next()
        assert changed.room_changed.change == "room_paused"
        assert changed.cursor == cursors.encode(Position(1, 1)).decode()


async def test_every_cursor_resumes_exactly_behind_its_item() -> None:
    feed = FakeFeed()
    for i in range(6):
        feed.say(f"m{i}")
        feed.change(f"c{i}")
    async with watching(feed) as (client, _):
        first = RoomCursors("default", "r").encode(Position(0, 0)).decode()
        everything = await (await open_reader(client, start(cursor=first))).take(12)
        for i, item in enumerate(everything[:-1]):
            reader = await open_reader(client, start(cursor=item.cursor))
            assert await reader.take(11 - i) == everything[i + 1 :]


async def test_changes_after_an_index_start_are_those_from_now_on() -> None:
    feed = FakeFeed()
    feed.say("a")
    feed.change("old")
    feed.say("b")
    async with watching(feed) as (client, _):
        reader = await open_reader(client, start(after_index=0))
        feed.change("new")
        seen = await reader.take(2)
        assert seen[0].event.content.text.body == "b"
        assert seen[1].room_changed.change == "new"


# ------------------------------------------------------------------ starts that are refused


async def test_a_cursor_of_another_room_is_refused() -> None:
    async with watching(FakeFeed("r"), FakeFeed("q")) as (client, _):
        foreign = await Reader(client.stream(ONE, start("q"))).next()
        for cursor in (foreign.cursor, "", "x", "A" * 32, foreign.cursor[:-1] + "é"):
            failure = await failure_of(client.stream(ONE, start(cursor=cursor)).read())
            assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
            assert failure.reason == "BAD_CURSOR"


async def test_a_start_outside_of_what_is_kept_is_truncation() -> None:
    feed = FakeFeed()
    for i in range(5):
        feed.say(f"m{i}")
    feed.kept_from = Position(3, 0)
    old = RoomCursors("default", "r").encode(Position(2, 0)).decode()
    ahead = RoomCursors("default", "r").encode(Position(9, 0)).decode()
    async with watching(feed) as (client, _):
        for request in (
            start(after_index=-1),
            start(after_index=1),
            start(cursor=old),
            start(cursor=ahead),
            start(after_index=5),
        ):
            failure = await failure_of(client.stream(ONE, request).read())
            assert failure.code is grpc.StatusCode.OUT_OF_RANGE
            assert failure.reason == "HISTORY_TRUNCATED"
        reader = Reader(client.stream(ONE, start(after_index=2)))
        subscribed = (await reader.next()).subscribed
        assert (subscribed.oldest_index, subscribed.head_index) == (3, 4)
        assert (await reader.next()).event.index == 3


async def test_a_room_that_is_not_there_is_not_found() -> None:
    async with watching(FakeFeed()) as (client, subscriptions):
        failure = await failure_of(client.stream(ONE, start("nowhere")).read())
        assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "ROOM_NOT_FOUND")
        assert failure.info.metadata["room_id"] == "nowhere"
        assert subscriptions.count == 0


# ------------------------------------------------------------------ filters and fleeting things


async def test_the_filter_leaves_out_other_events_but_no_changes() -> None:
    feed = FakeFeed()
    async with watching(feed) as (client, _):
        reader = await open_reader(client, start(event_types=[pb.EVENT_TYPE_EDIT]))
        feed.say("no")
        feed.say("yes", pb.EVENT_TYPE_EDIT)
        feed.change("changed")
        feed.say("no")
        feed.say("also", pb.EVENT_TYPE_EDIT)
        seen = await reader.take(3)
        assert seen[0].event.content.text.body == "yes"
        assert seen[1].room_changed.change == "changed"
        assert seen[2].event.content.text.body == "also"


async def test_fleeting_things_come_only_when_asked_for() -> None:
    feed = FakeFeed()
    async with watching(feed) as (client, _):
        plain = await open_reader(client, start())
        full = await open_reader(client, start(ephemeral=True))
        feed.type("alice")
        feed.say("hello")
        typed = await full.next()
        assert typed.ephemeral.user_id == "alice"
        assert typed.room_id == "r"
        assert not typed.cursor
        assert (await full.next()).event.content.text.body == "hello"
        assert (await plain.next()).event.content.text.body == "hello"


async def test_lost_fleeting_things_are_counted() -> None:
    feed = FakeFeed()
    feed.ephemeral_ring = 5
    async with watching(feed) as (client, _):
        reader = await open_reader(client, start(ephemeral=True))
        for i in range(12):
            feed.ephemerals.append(
                pb.StreamItem(ephemeral=pb.EphemeralEvent(user_id=f"u{i}")).SerializeToString()
            )
        feed.ring()
        dropped = await reader.next()
        assert (dropped.dropped.count, dropped.room_id) == (7, "r")
        assert [item.ephemeral.user_id for item in await reader.take(5)] == [
            f"u{i}" for i in range(7, 12)
        ]


async def test_one_who_comes_late_gets_the_answers_being_written() -> None:
    feed = FakeFeed()
    late = pb.EphemeralEvent(type=pb.EPHEMERAL_TYPE_STREAM_START)
    late.stream.text = "so far"
    feed.late = [pb.StreamItem(ephemeral=late).SerializeToString()]
    async with watching(feed) as (client, _):
        reader = await open_reader(client, start(ephemeral=True))
        assert (await reader.next()).ephemeral.stream.text == "so far"


async def test_a_new_epoch_begins_at_its_first_number() -> None:
    feed = FakeFeed()
    for i in range(5):
        feed.type(f"old{i}")
    async with watching(feed) as (client, subscriptions):
        reader = await open_reader(client, start(ephemeral=True))
        again = FakeFeed()
        again.head, again.entries = feed.head, feed.entries
        again.ephemeral_epoch = "e2"
        subscriptions._source.feeds["r"] = again  # type: ignore[attr-defined]
        feed.stale = True
        feed.ring()
        await asyncio.sleep(0.05)
        again.type("new")
        assert (await reader.next()).ephemeral.user_id == "new"
        again.say("hello")
        assert (await reader.next()).event.content.text.body == "hello"
        assert feed.bells == []


async def test_silence_is_filled_with_heartbeats() -> None:
    async with watching(FakeFeed()) as (client, _):
        reader = await open_reader(client, start(heartbeat=Duration(seconds=1)))
        assert (await reader.next()).WhichOneof("item") == "heartbeat"
        assert (await reader.next()).WhichOneof("item") == "heartbeat"


async def test_a_lost_doorbell_costs_a_second_at_most() -> None:
    feed = FakeFeed()
    async with watching(feed) as (client, _):
        reader = await open_reader(client, start())
        feed.say("unheard", ring=False)
        assert (await reader.next(timeout=3)).event.content.text.body == "unheard"


# ------------------------------------------------------------------ many rooms


async def test_many_rooms_share_a_stream_each_from_its_own_start() -> None:
    feeds = [FakeFeed(f"r{i}") for i in range(3)]
    for feed in feeds:
        feed.say("first")
        feed.say("second")
    request = pb.SubscribeRoomsRequest(
        rooms=[
            pb.RoomStart(room_id="r0", after_index=-1),
            pb.RoomStart(room_id="r1", after_index=0),
            pb.RoomStart(room_id="r2"),
        ]
    )
    async with watching(*feeds) as (client, _):
        reader = Reader(client.stream(MANY, request))
        opened = await reader.take(3)
        assert [item.room_id for item in opened] == ["r0", "r1", "r2"]
        assert all(item.HasField("subscribed") for item in opened)
        for feed in feeds:
            feed.say("live")
        seen: dict[str, list[str]] = {}
        for item in await reader.take(6):
            seen.setdefault(item.room_id, []).append(item.event.content.text.body)
        assert seen == {
            "r0": ["first", "second", "live"],
            "r1": ["second", "live"],
            "r2": ["live"],
        }


async def test_a_room_may_be_listed_once() -> None:
    request = pb.SubscribeRoomsRequest(rooms=[pb.RoomStart(room_id="r")] * 2)
    async with watching(FakeFeed()) as (client, _):
        failure = await failure_of(client.stream(MANY, request).read())
        assert failure.details["BadRequest"].field_violations[0].field == "rooms[1].room_id"


async def test_a_thousand_rooms_fit_on_one_stream() -> None:
    feeds = [FakeFeed(f"r{i}") for i in range(1000)]
    request = pb.SubscribeRoomsRequest(rooms=[pb.RoomStart(room_id=f.room_id) for f in feeds])
    async with watching(*feeds) as (client, subscriptions):
        reader = Reader(client.stream(MANY, request))
        await reader.take(1000)
        for feed in feeds[::100]:
            feed.say("x")
        assert {item.room_id for item in await reader.take(10)} == {
            feed.room_id for feed in feeds[::100]
        }
        reader.call.cancel()
        await until(lambda: not subscriptions.count)
        assert all(not feed.bells for feed in feeds)


# ------------------------------------------------------------------ ends


async def test_a_deleted_room_ends_its_stream_and_only_it() -> None:
    gone, stays = FakeFeed("gone"), FakeFeed("stays")
    rooms = [pb.RoomStart(room_id="gone"), pb.RoomStart(room_id="stays")]
    async with watching(gone, stays) as (client, _):
        single = await open_reader(client, start("gone"))
        both = Reader(client.stream(MANY, pb.SubscribeRoomsRequest(rooms=rooms)))
        await both.take(2)
        gone.deleted = True
        gone.ring()
        for reader in (single, both):
            item = await reader.next()
            assert (item.ending.reason, item.room_id) == ("ROOM_DELETED", "gone")
        assert await single.ends()
        stays.say("still here")
        assert (await both.next()).event.content.text.body == "still here"


async def test_drain_tells_every_reader_to_come_back_elsewhere() -> None:
    async with watching(FakeFeed()) as (client, subscriptions):
        readers = [await open_reader(client, start()) for _ in range(3)]
        await asyncio.wait_for(client.server.drain(5), 5)
        for reader in readers:
            ending = (await reader.next()).ending
            assert ending.reason == "NODE_DRAINING"
            assert ending.reconnect_jitter.seconds == 2
            assert await reader.ends()
        assert subscriptions.count == 0


async def test_leaving_lets_go_of_the_room() -> None:
    feed = FakeFeed()
    async with watching(feed) as (client, subscriptions):
        reader = await open_reader(client, start())
        assert len(feed.bells) == 1
        reader.call.cancel()
        await until(lambda: not subscriptions.count)
        assert feed.bells == []


async def test_a_history_that_vanishes_under_a_reader_is_said_not_skipped() -> None:
    feed = FakeFeed(tail=1)
    async with watching(feed) as (client, _):
        reader = await open_reader(client, start())
        feed.say("a", ring=False)
        feed.say("b", ring=False)
        feed.kept_from = Position(1, 0)
        feed.ring()
        failure = await failure_of(reader.next())
        assert failure.reason == "HISTORY_TRUNCATED"


async def test_a_reader_that_stops_is_closed_with_a_cursor_and_resumes_without_a_gap() -> None:
    feed = FakeFeed()
    body = "x" * 50_000
    options = ApiOptions(write_timeout_seconds=0.5)
    async with watching(feed, options=options) as (client, subscriptions):
        stopped = client.stream(ONE, start())
        await until(lambda: subscriptions.count)
        other = await open_reader(client, start())
        written = 0
        while subscriptions.count == 2:
            feed.say(f"{written}:{body}")
            written += 1
            await other.next()
            assert written < 5000
        # What was written before the end arrives, then the status says where to resume.
        received: list[int] = []

        async def read_on() -> None:
            async for message in stopped:
                received.extend(i.event.index for i in message.items if i.HasField("event"))

        failure = await failure_of(read_on())
        assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert failure.reason == "SLOW_CONSUMER"
        resumed = await open_reader(client, start(cursor=failure.info.metadata["cursor"]))
        feed.say("last")
        while not received or received[-1] < written:
            received.append((await resumed.next()).event.index)
        assert received == list(range(written + 1))


# ------------------------------------------------------------------ shared bytes


class _Silent:
    def __init__(self, behind: int = 0) -> None:
        self.notified = 0
        self.behind = behind

    def notify(self, feed: SharedFeed) -> None:
        self.notified += 1

    def unread(self, feed: SharedFeed) -> int:
        return self.behind


async def test_the_log_is_told_how_far_the_slowest_reader_is_behind() -> None:
    feed = FakeFeed()
    shared = SharedFeed("o", "r", feed, Pacer())
    slow = _Silent(behind=300)
    shared.watchers |= {_Silent(behind=1), slow}
    shared.publish()
    slow.behind = 7
    shared.look()  # nothing new was said meanwhile
    shared.look()
    assert feed.unread == [300, 7]
    shared.close()


async def test_readers_in_lockstep_share_one_object() -> None:
    feed = FakeFeed()
    shared = SharedFeed("o", "r", feed, Pacer())
    for i in range(5):
        feed.say(f"m{i}")
    shared.publish()
    first = shared.chunk(Position(0, 0), None)
    looked = feed.sinces
    assert all(shared.chunk(Position(0, 0), None) is first for _ in range(100))
    assert feed.sinces == looked
    other = shared.chunk(Position(0, 0), frozenset({pb.EVENT_TYPE_EDIT}))
    assert other is not None
    assert (other.data, other.after) == (b"", Position(5, 0))
    shared.close()


async def test_events_that_flow_are_published_together() -> None:
    feed = FakeFeed()
    shared = SharedFeed("o", "r", feed, Pacer())
    watcher = _Silent()
    shared.watchers.add(watcher)
    await asyncio.sleep(0.01)
    feed.say("alone")
    assert watcher.notified == 1, "what comes after silence goes out at once"
    for _ in range(50):
        feed.say("more")
    assert watcher.notified == 1
    await asyncio.sleep(0.02)
    assert watcher.notified == 2
    assert shared.ready == feed.head
    shared.close()


@pytest.mark.parametrize("size", [1, 100, 127, 128, 16_383, 16_384, 70_000, PAGE_BYTES * 9])
async def test_joined_bytes_are_the_message(size: int) -> None:
    feed = FakeFeed("räum")
    events = [feed.say("a" * size), feed.say("b")]
    shared = SharedFeed("o", "räum", feed, Pacer())
    position = Position(0, 0)
    items: list[pb.StreamItem] = []
    while shared.behind(position) > 0:
        chunk = shared.chunk(position, None)
        assert chunk is not None
        items += pb.SubscribeRoomResponse.FromString(chunk.data).items
        position = chunk.after
    assert items == [
        pb.StreamItem(
            event=event,
            room_id="räum",
            cursor=shared.cursors.encode(Position(event.index + 1, 0)).decode(),
        )
        for event in events
    ]
    shared.close()


async def test_a_page_is_bounded() -> None:
    feed = FakeFeed(tail=10_000)
    for _ in range(40):
        feed.say("x" * (PAGE_BYTES // 10))
    shared = SharedFeed("o", "r", feed, Pacer())
    chunk = shared.chunk(Position(0, 0), None)
    assert chunk is not None
    assert PAGE_BYTES // 2 < len(chunk.data) <= PAGE_BYTES * 1.1
    shared.close()


# ------------------------------------------------------------------ cursors


@given(st.integers(0, 2**63), st.integers(0, 2**63), st.text(), st.text())
def test_a_cursor_leads_back_to_its_place(index: int, change: int, org: str, room: str) -> None:
    try:
        cursors = RoomCursors(org, room)
    except UnicodeEncodeError:
        return
    token = cursors.encode(Position(index, change)).decode()
    assert cursors.decode(token) == Position(index, change)
    with pytest.raises(InvalidArgument):
        RoomCursors(org + "x", room).decode(token)
    with pytest.raises(InvalidArgument):
        RoomCursors(org, room + "x").decode(token)


@given(st.text(max_size=40) | st.text("abcAB09-_", min_size=32, max_size=32))
def test_no_made_up_cursor_is_taken(token: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        RoomCursors("o", "r").decode(token)
    assert caught.value.reason == pb.ERROR_REASON_BAD_CURSOR


async def test_many_subscribers_all_see_everything_in_order() -> None:
    feed = FakeFeed()
    async with watching(feed) as (client, _):
        readers = [await open_reader(client, start()) for _ in range(20)]
        for i in range(300):
            feed.say(f"m{i}")
            if i % 7 == 0:
                await asyncio.sleep(0.001)
        for reader in readers:
            items = await reader.take(300)
            assert [item.event.index for item in items] == list(range(300))
            assert reader.messages < 200
