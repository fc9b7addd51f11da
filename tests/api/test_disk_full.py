"""A disk that is full: writes are refused with a reason, reads go on, nothing that was
acknowledged is lost, and the room goes on without a hole when there is space again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
from api_fakes import read_failure

from roomd import v1 as pb
from roomd.v1.channel_service_pb2_grpc import ChannelServiceStub
from roomd.v1.event_service_pb2_grpc import EventServiceStub
from roomd.v1.room_service_pb2_grpc import RoomServiceStub
from roomd_server.wiring import EmbeddedServer, start_embedded


def reason_of(error: grpc.aio.AioRpcError) -> str:
    return read_failure(error).reason


async def limit(server: EmbeddedServer, spare_pages: int) -> None:
    """Let the database grow by so many pages and no more."""

    def work(connection: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()  # type: ignore[attr-defined]
        connection.execute(f"PRAGMA max_page_count = {pages + spare_pages}")  # type: ignore[attr-defined]

    await server.server._store.writer.run(work)


async def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    server = await start_embedded(str(tmp_path / "full.db"))
    key = (("authorization", f"Bearer {server.key}"),)
    async with grpc.aio.insecure_channel(server.address) as channel:
        events = EventServiceStub(channel)
        await RoomServiceStub(channel).CreateRoom(pb.CreateRoomRequest(room_id="r"), metadata=key)
        channels = ChannelServiceStub(channel)
        await channels.RegisterChannel(
            pb.RegisterChannelRequest(
                channel=pb.Channel(channel_id="ws", type=pb.CHANNEL_TYPE_WEBSOCKET)
            ),
            metadata=key,
        )
        await channels.AttachChannel(
            pb.AttachChannelRequest(room_id="r", channel_id="ws"), metadata=key
        )

        async def send(number: int) -> pb.RoomEvent:
            response = await events.SendEvent(
                pb.SendEventRequest(
                    room_id="r",
                    channel_id="ws",
                    content=pb.Content(text=pb.TextContent(body=f"{number} " + "x" * 2000)),
                    idempotency_key=f"k{number}",
                ),
                metadata=key,
            )
            assert response.outcome == pb.OUTCOME_ACCEPTED
            return response.event

        async def timeline() -> list[pb.RoomEvent]:
            page = await events.ListEvents(
                pb.ListEventsRequest(room_id="r", page_size=1000), metadata=key
            )
            return list(page.events)

        await limit(server, 30)
        outcomes = await asyncio.gather(*(send(n) for n in range(200)), return_exceptions=True)
        kept = [one for one in outcomes if isinstance(one, pb.RoomEvent)]
        refused = [one for one in outcomes if isinstance(one, grpc.aio.AioRpcError)]
        assert refused
        assert {one.code() for one in refused} == {grpc.StatusCode.UNAVAILABLE}
        # Those behind a failed write of their room, too, are told that it is the store.
        assert {reason_of(one) for one in refused} <= {"STORE_READ_ONLY", "STORE_DOWN"}
        stored = {event.event_id: event.index for event in await timeline()}
        assert all(stored.get(event.event_id) == event.index for event in kept)

        await limit(server, 100_000)
        again = await asyncio.gather(*(send(n) for n in range(200, 260)))
        final = await timeline()
        assert [event.index for event in final] == list(range(len(final)))
        everything = {event.event_id: event.index for event in final}
        assert all(everything.get(one.event_id) == one.index for one in [*kept, *again])
    await server.stop()
