"""``roomd room`` and ``roomd send``."""

from __future__ import annotations

import argparse
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from roomd import v1 as pb
from roomd.v1.channel_service_pb2_grpc import ChannelServiceStub
from roomd.v1.event_service_pb2_grpc import EventServiceStub
from roomd.v1.room_service_pb2_grpc import RoomServiceStub
from roomd_server.cli.client import (
    CALL_SECONDS,
    add_connection,
    connect,
    metadata,
    print_json,
    print_table,
)
from roomd_server.core.transcode import text_of

DAY_SECONDS = 86_400
Subparsers = Any  # argparse names its own type only privately


def add(subparsers: Subparsers) -> None:
    """Add the commands."""
    room = subparsers.add_parser(
        "room",
        help="create, list, show, export and watch rooms, let channels in",
        epilog="example: roomd room list",
    )
    verbs = room.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add_create(verbs)
    _add_attach(verbs)
    _add_list(verbs)
    _add_show(verbs)
    _add_export(verbs)
    _add_tail(verbs)

    send = subparsers.add_parser(
        "send",
        help="write a text into a room from one of its channels",
        epilog='example: roomd send support ws-alice "Hello" --participant alice',
    )
    send.add_argument("room_id")
    send.add_argument("channel_id")
    send.add_argument("text")
    send.add_argument("--participant", default="", help="who says it")
    send.add_argument("--wait", action="store_true", help="until everything it starts has ended")
    add_connection(send)
    send.set_defaults(run=send_text)


def _add_create(verbs: Subparsers) -> None:
    create = verbs.add_parser(
        "create", help="make a room", epilog="example: roomd room create support --label team=a"
    )
    create.add_argument("room_id", nargs="?", default="", help="its id; empty: given")
    create.add_argument(
        "--label",
        type=_label,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a label; repeatable",
    )
    create.add_argument(
        "--inactive-after",
        type=float,
        default=0,
        metavar="SECONDS",
        help="quiet for so long, it is paused",
    )
    create.add_argument(
        "--closed-after",
        type=float,
        default=0,
        metavar="SECONDS",
        help="quiet for so long, it is closed",
    )
    create.add_argument(
        "--retention-days",
        type=float,
        metavar="DAYS",
        help="how long events are kept; else as the server says",
    )
    add_connection(create)
    create.set_defaults(run=create_room)


def _add_attach(verbs: Subparsers) -> None:
    attach = verbs.add_parser(
        "attach",
        help="let a channel into a room; one that is not registered becomes a WebSocket channel",
        epilog="example: roomd room attach support ws-alice",
    )
    attach.add_argument("room_id")
    attach.add_argument("channel_id")
    add_connection(attach)
    attach.set_defaults(run=attach_channel)


def _add_list(verbs: Subparsers) -> None:
    listing = verbs.add_parser(
        "list", help="list rooms", epilog="example: roomd room list --limit 20"
    )
    listing.add_argument("--limit", type=int, default=100, help="at most this many")
    add_connection(listing)
    listing.set_defaults(run=list_rooms)


def _add_show(verbs: Subparsers) -> None:
    show = verbs.add_parser(
        "show", help="a room and its timeline", epilog="example: roomd room show support"
    )
    show.add_argument("room_id")
    show.add_argument("--events", type=int, default=50, help="newest events to show")
    add_connection(show)
    show.set_defaults(run=show_room)


def _add_export(verbs: Subparsers) -> None:
    export = verbs.add_parser(
        "export",
        help="everything that is kept of a room, a line of JSON for each thing",
        epilog="example: roomd room export support --participant alice",
    )
    export.add_argument("room_id")
    export.add_argument("--participant", default="", help="only what is of this participant")
    add_connection(export)
    export.set_defaults(run=export_room)


def _add_tail(verbs: Subparsers) -> None:
    tail = verbs.add_parser(
        "tail",
        help="watch a room until Ctrl-C",
        epilog="example: roomd room tail support --from-start",
    )
    tail.add_argument("room_id")
    tail.add_argument(
        "--from-start", action="store_true", help="begin with the first event that is kept"
    )
    add_connection(tail)
    tail.set_defaults(run=tail_room)


def _label(text: str) -> tuple[str, str]:
    """A label as it is written.

    Raises:
        argparse.ArgumentTypeError: it has no value.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


async def create_room(options: argparse.Namespace) -> int:
    """Make a room and print it."""
    labels = dict(options.label)
    timers = pb.RoomTimers()
    if options.inactive_after:
        timers.inactive_after.CopyFrom(Duration(seconds=int(options.inactive_after)))
    if options.closed_after:
        timers.closed_after.CopyFrom(Duration(seconds=int(options.closed_after)))
    retention = None
    if options.retention_days is not None:
        kept = Duration(seconds=int(options.retention_days * DAY_SECONDS))
        retention = pb.RoomRetention(events=kept)
    async with connect(options) as channel:
        response = await RoomServiceStub(channel).CreateRoom(
            pb.CreateRoomRequest(
                room_id=options.room_id, labels=labels, timers=timers, retention=retention
            ),
            metadata=metadata(options),
            timeout=CALL_SECONDS,
        )
    _print_rooms(options, [response.room])
    return 0


async def attach_channel(options: argparse.Namespace) -> int:
    """Let a channel into a room; it is registered first when nobody did."""
    channel_id = options.channel_id
    async with connect(options) as channel:
        stub = ChannelServiceStub(channel)
        try:
            await stub.GetChannel(
                pb.GetChannelRequest(channel_id=channel_id),
                metadata=metadata(options),
                timeout=CALL_SECONDS,
            )
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            live = pb.Channel(channel_id=channel_id, type=pb.CHANNEL_TYPE_WEBSOCKET)
            await stub.RegisterChannel(
                pb.RegisterChannelRequest(channel=live),
                metadata=metadata(options),
                timeout=CALL_SECONDS,
            )
        response = await stub.AttachChannel(
            pb.AttachChannelRequest(room_id=options.room_id, channel_id=channel_id),
            metadata=metadata(options),
            timeout=CALL_SECONDS,
        )
    if options.json:
        print_json(response.binding)
    else:
        print(f"{channel_id} is in {options.room_id}")
    return 0


async def list_rooms(options: argparse.Namespace) -> int:
    """Print the rooms, page by page."""
    rooms: list[pb.Room] = []
    token = ""
    async with connect(options) as channel:
        stub = RoomServiceStub(channel)
        while len(rooms) < options.limit:
            page = await stub.ListRooms(
                pb.ListRoomsRequest(
                    page_size=min(1000, options.limit - len(rooms)), page_token=token
                ),
                metadata=metadata(options),
                timeout=CALL_SECONDS,
            )
            rooms.extend(page.rooms)
            token = page.next_page_token
            if not token:
                break
    _print_rooms(options, rooms)
    return 0


def _print_rooms(options: argparse.Namespace, rooms: list[pb.Room]) -> None:
    if options.json:
        for room in rooms:
            print_json(room)
        return
    print_table(
        "rooms",
        ("room", "status", "events", "labels", "last activity"),
        (
            (
                room.room_id,
                pb.RoomStatus.Name(room.status).removeprefix("ROOM_STATUS_").lower(),
                room.event_count,
                ", ".join(f"{key}={value}" for key, value in sorted(room.labels.items())),
                room.last_activity_time.ToDatetime().isoformat(sep=" ", timespec="seconds"),
            )
            for room in rooms
        ),
    )


async def show_room(options: argparse.Namespace) -> int:
    """Print a room and its newest events."""
    async with connect(options) as channel:
        room = await RoomServiceStub(channel).GetRoom(
            pb.GetRoomRequest(room_id=options.room_id),
            metadata=metadata(options),
            timeout=CALL_SECONDS,
        )
        page = await EventServiceStub(channel).ListEvents(
            pb.ListEventsRequest(
                room_id=options.room_id, page_size=min(1000, options.events), newest_first=True
            ),
            metadata=metadata(options),
            timeout=CALL_SECONDS,
        )
    events = list(reversed(page.events))
    if options.json:
        print_json(room.room)
        for event in events:
            print_json(event)
        return 0
    _print_rooms(options, [room.room])
    print_table(
        "timeline",
        ("index", "from", "status", "says", "hooks"),
        (event_row(event) for event in events),
    )
    return 0


async def export_room(options: argparse.Namespace) -> int:
    """Print everything of a room, page by page."""
    token = ""
    async with connect(options) as channel:
        while True:
            page = await RoomServiceStub(channel).ExportRoom(
                pb.ExportRoomRequest(
                    room_id=options.room_id,
                    participant_id=options.participant,
                    page_size=1000,
                    page_token=token,
                ),
                metadata=metadata(options),
                timeout=CALL_SECONDS,
            )
            for item in page.items:
                print_json(item)
            token = page.next_page_token
            if not token:
                return 0


def event_row(event: pb.RoomEvent) -> tuple[object, ...]:
    """An event as a row of a table."""
    status = pb.EventStatus.Name(event.status).removeprefix("EVENT_STATUS_").lower()
    if event.blocked_by:
        status = f"{status} by {event.blocked_by}: {event.block_reason}"
    who = event.source.participant_id or event.source.channel_id or "system"
    hooks = ", ".join(f"{trace.hook} {trace.decision}" for trace in event.hook_trace)
    return event.index, who, status, text_of(event.content), hooks


async def tail_room(options: argparse.Namespace) -> int:
    """Print what happens in a room until interrupted."""
    start = pb.RoomStart(room_id=options.room_id)
    async with connect(options) as channel:
        if options.from_start:
            # A subscription that would begin with what is not kept any more is refused.
            oldest = await EventServiceStub(channel).ListEvents(
                pb.ListEventsRequest(room_id=options.room_id, page_size=1),
                metadata=metadata(options),
                timeout=CALL_SECONDS,
            )
            start.after_index = oldest.oldest_index - 1
        stream = RoomServiceStub(channel).SubscribeRoom(
            pb.SubscribeRoomRequest(room=start, ephemeral=True), metadata=metadata(options)
        )
        async for response in stream:
            for item in response.items:
                if options.json:
                    print_json(item)
                elif item.HasField("event"):
                    print("\t".join(str(cell) for cell in event_row(item.event)), flush=True)
                elif item.HasField("ephemeral"):
                    kind = pb.EphemeralType.Name(item.ephemeral.type)
                    who = item.ephemeral.user_id or item.ephemeral.channel_id
                    text = item.ephemeral.stream.text
                    word = kind.removeprefix("EPHEMERAL_TYPE_").lower()
                    print(f"~\t{who}\t{word}\t{text}", flush=True)
                elif item.HasField("ending"):
                    print(f"the stream ends: {item.ending.reason}")
    return 0


async def send_text(options: argparse.Namespace) -> int:
    """Send a text; exit code 1 when it was not accepted."""
    async with connect(options) as channel:
        response = await EventServiceStub(channel).SendEvent(
            pb.SendEventRequest(
                room_id=options.room_id,
                channel_id=options.channel_id,
                participant_id=options.participant,
                content=pb.Content(text=pb.TextContent(body=options.text)),
                wait=pb.WAIT_DELIVERED if options.wait else pb.WAIT_COMMITTED,
            ),
            metadata=metadata(options),
            timeout=CALL_SECONDS * 3,
        )
    outcome = pb.Outcome.Name(response.outcome).removeprefix("OUTCOME_").lower()
    if options.json:
        print_json(response)
    else:
        where = f" as event {response.event.index}" if response.HasField("event") else ""
        why = f": {response.reason}" if response.reason else ""
        print(f"{outcome}{where}{why}")
    return 0 if response.outcome in (pb.OUTCOME_ACCEPTED, pb.OUTCOME_DUPLICATE) else 1
