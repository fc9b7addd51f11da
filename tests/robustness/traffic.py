"""Those who use the server while it is killed: senders, subscribers, a worker with a channel.

All of them come back by themselves and note in the history what they saw.
"""

from __future__ import annotations

import asyncio
import itertools
import time

import grpc
from cluster import KEY
from history import Ack, History, Reading, Receipt, Send, Stored

from roomd import v1 as pb
from roomd.v1.channel_service_pb2_grpc import ChannelServiceStub
from roomd.v1.event_service_pb2_grpc import EventServiceStub
from roomd.v1.hook_service_pb2_grpc import HookServiceStub
from roomd.v1.room_service_pb2_grpc import RoomServiceStub

METADATA = (("authorization", f"Bearer {KEY}"),)
CALL_SECONDS = 5.0
SETUP_SECONDS = 30.0
PAUSE_SECONDS = 0.05
COME_BACK_SECONDS = 0.05
PAGE = 500
IN, OUT, HANDLER = "in", "out", "text"

UNFINISHED = (pb.DELIVERY_STATE_PENDING, pb.DELIVERY_STATE_SENDING)
LOST = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
)
"""What a crash may look like from outside; everything else is a surprise."""


def dial(address: str) -> grpc.aio.Channel:
    """A connection that dials again soon."""
    backoff = ("initial", 50), ("min", 1000), ("max", 200)
    options = [(f"grpc.{which}_reconnect_backoff_ms", ms) for which, ms in backoff]
    return grpc.aio.insecure_channel(
        address, options=[*options, ("grpc.use_local_subchannel_pool", 1)]
    )


class Traffic:
    """Senders and subscribers of some rooms, and one worker that serves their text channel."""

    def __init__(self, address: str, rooms: int, senders: int = 2) -> None:
        self.history = History()
        self.rooms = [f"room-{number}" for number in range(rooms)]
        self._senders = senders
        self._channel = dial(address)
        self._worker_channel = dial(address)
        self._numbers = itertools.count()
        self._stopping = False
        self._sending: list[asyncio.Task[None]] = []
        self._listening: list[asyncio.Task[None]] = []

    # -------------------------------------------------------------- start and end

    async def prepare(self) -> None:
        """Make rooms with a channel to send by and one that the worker serves."""
        channels, rooms = ChannelServiceStub(self._channel), RoomServiceStub(self._channel)
        worker = pb.ChannelImplementation(worker=pb.ChannelImplementation.Worker(handler=HANDLER))
        for channel in (
            pb.Channel(channel_id=IN, type=pb.CHANNEL_TYPE_WEBSOCKET),
            pb.Channel(channel_id=OUT, type=pb.CHANNEL_TYPE_SMS, implementation=worker),
        ):
            request = pb.RegisterChannelRequest(channel=channel)
            await channels.RegisterChannel(request, metadata=METADATA, timeout=SETUP_SECONDS)
        phone = pb.Binding()
        phone.metadata.update({"phone_number": "+15550100"})
        for room_id in self.rooms:
            made = pb.CreateRoomRequest(room_id=room_id)
            await rooms.CreateRoom(made, metadata=METADATA, timeout=SETUP_SECONDS)
            for channel_id, binding in ((IN, None), (OUT, phone)):
                attach = pb.AttachChannelRequest(
                    room_id=room_id, channel_id=channel_id, binding=binding
                )
                await channels.AttachChannel(attach, metadata=METADATA, timeout=SETUP_SECONDS)

    def start(self) -> None:
        """Let everybody begin."""
        self._listening.append(asyncio.create_task(self._serve()))
        for room_id in self.rooms:
            for number in range(2):
                reading = Reading(f"{room_id}/{number}", room_id)
                self.history.readings.append(reading)
                self._listening.append(asyncio.create_task(self._read(reading)))
            for number in range(self._senders):
                name = f"{room_id}/{number}"
                self._sending.append(asyncio.create_task(self._send(room_id, name)))

    async def finish(self, seconds: float) -> None:
        """Stop sending, let what is under way arrive for at most so long, read back."""
        self._stopping = True
        _, unanswered = await asyncio.wait(self._sending, timeout=seconds)
        for task in unanswered:
            task.cancel()
        for room_id in self.rooms:
            self.history.timelines[room_id] = await self._timeline(room_id)
        end = time.monotonic() + seconds
        while not await self._settled():
            if time.monotonic() > end:
                break  # the checker says what is missing
            await asyncio.sleep(COME_BACK_SECONDS)
        await self._reuse_keys()

    async def close(self) -> None:
        """Hang up."""
        for task in (*self._sending, *self._listening):
            task.cancel()
        await asyncio.gather(*self._sending, *self._listening, return_exceptions=True)
        await self._channel.close(None)
        await self._worker_channel.close(None)

    async def _settled(self) -> bool:
        """Whether every subscriber has read everything, and nothing is to be delivered."""
        for reading in self.history.readings:
            if len(reading.seen) < len(self.history.timelines[reading.room_id]):
                return False
        for room_id in self.rooms:
            request = pb.ListDeliveriesRequest(room_id=room_id, states=UNFINISHED)
            listed = await EventServiceStub(self._channel).ListDeliveries(
                request, metadata=METADATA, timeout=SETUP_SECONDS
            )
            if listed.deliveries:
                return False
        return True

    async def _timeline(self, room_id: str) -> list[Stored]:
        stored: list[Stored] = []
        token = ""
        while True:
            page = await EventServiceStub(self._channel).ListEvents(
                pb.ListEventsRequest(room_id=room_id, page_size=PAGE, page_token=token),
                metadata=METADATA,
                timeout=SETUP_SECONDS,
            )
            stored += [_stored(event) for event in page.events]
            token = page.next_page_token
            if not token:
                return stored

    # -------------------------------------------------------------- senders

    async def _send(self, room_id: str, name: str) -> None:
        """One message after another, each with its key until it is answered."""
        while not self._stopping:
            key = f"{name}/{next(self._numbers)}"
            send = Send(key, room_id, f"message {key}", time.monotonic())
            self.history.sends[key] = send
            while not send.acks:
                await self._attempt(send)
            if len(self.history.sends) % 4 == 0:
                await self._attempt(send)  # who is not sure asks again
            await asyncio.sleep(PAUSE_SECONDS)

    async def _attempt(self, send: Send) -> None:
        send.attempts += 1
        try:
            answer = await EventServiceStub(self._channel).SendEvent(
                _request(send, send.body), metadata=METADATA, timeout=CALL_SECONDS
            )
        except grpc.aio.AioRpcError as error:
            self._note(f"send {send.key}", error)
            await asyncio.sleep(COME_BACK_SECONDS)
            return
        if answer.outcome not in (pb.OUTCOME_ACCEPTED, pb.OUTCOME_DUPLICATE):
            self.history.surprises.append(f"send {send.key}: {answer}")
        send.acks.append(Ack(time.monotonic(), answer.event.event_id, answer.event.index))

    async def _reuse_keys(self) -> None:
        """Send the last keys of every room again: as they were, and with another content."""
        last = {send.room_id: send for send in self.history.sends.values()}
        for send in last.values():
            await self._attempt(send)
            said = "accepted"
            try:
                await EventServiceStub(self._channel).SendEvent(
                    _request(send, "another content"), metadata=METADATA, timeout=CALL_SECONDS
                )
            except grpc.aio.AioRpcError as error:
                reused = error.code() is grpc.StatusCode.ALREADY_EXISTS
                said = "KEY_REUSED" if reused else str(error.details())
            self.history.reused[send.key] = said

    def _note(self, who: str, error: grpc.aio.AioRpcError) -> None:
        self.history.failures[error.code().name] += 1
        if error.code() not in LOST:
            self.history.surprises.append(f"{who}: {error.code()} {error.details()}")

    # -------------------------------------------------------------- subscribers

    async def _read(self, reading: Reading) -> None:
        """Subscribe from the beginning; after a crash from the last cursor."""
        start = pb.RoomStart(room_id=reading.room_id, after_index=-1)
        while True:
            try:
                call = RoomServiceStub(self._channel).SubscribeRoom(
                    pb.SubscribeRoomRequest(room=start), metadata=METADATA
                )
                async for response in call:
                    for item in response.items:
                        _take(reading, item)
                        if item.cursor:
                            start.cursor = item.cursor
            except grpc.aio.AioRpcError as error:
                self._note(f"subscriber {reading.name}", error)
            await asyncio.sleep(COME_BACK_SECONDS)

    # -------------------------------------------------------------- the worker

    async def _serve(self) -> None:
        """Serve the text channel; after a crash attach again."""
        while True:
            try:
                await self._serve_once()
            except grpc.aio.AioRpcError as error:
                self._note("worker", error)
            except asyncio.InvalidStateError:
                pass  # the stream had ended when the answer was to be written
            await asyncio.sleep(COME_BACK_SECONDS)

    async def _serve_once(self) -> None:
        hello = pb.Hello(
            protocol_revision=1, worker_id="worker", window=pb.SetWindow(reply_window=256)
        )
        spec = pb.HandlerSpec(channel_provider=pb.ChannelProviderSpec())
        attach = pb.Attach(handlers=[pb.Handler(name=HANDLER, spec=spec)], attach_id=1)
        node_id = ""
        call = HookServiceStub(self._worker_channel).Connect(metadata=METADATA)
        try:
            await call.write(pb.ConnectRequest(hello=hello))
            await call.write(pb.ConnectRequest(attach=attach))
            async for frame in call:
                kind = frame.WhichOneof("message")
                if kind == "welcome":
                    node_id = frame.welcome.node_id
                elif kind == "ping":
                    await call.write(pb.ConnectRequest(pong=pb.Pong(nonce=frame.ping.nonce)))
                elif kind == "invocations":
                    results = [self._deliver(one, node_id) for one in frame.invocations.invocations]
                    await call.write(pb.ConnectRequest(results=pb.ResultBatch(results=results)))
        finally:
            call.cancel()

    def _deliver(self, invocation: pb.Invocation, node_id: str) -> pb.Result:
        """Note a delivery and say that it was sent."""
        asked = invocation.call.deliver
        self.history.receipts.append(
            Receipt(invocation.room_id, asked.event.event_id, asked.delivery_id, node_id)
        )
        sent = pb.DeliveryResult(
            state=pb.DELIVERY_STATE_SENT, provider_message_id=f"sent-{asked.delivery_id}"
        )
        return pb.Result(
            invocation_id=invocation.invocation_id,
            lease=invocation.lease,
            value=pb.HandlerResult(delivery=pb.DeliveryOutcome(result=sent)),
        )


def _request(send: Send, body: str) -> pb.SendEventRequest:
    return pb.SendEventRequest(
        room_id=send.room_id,
        channel_id=IN,
        participant_id="sender",
        content=pb.Content(text=pb.TextContent(body=body)),
        idempotency_key=send.key,
    )


def _stored(event: pb.RoomEvent) -> Stored:
    return Stored(
        event.event_id,
        event.index,
        event.idempotency_key,
        event.content.text.body,
        event.type == pb.EVENT_TYPE_MESSAGE and not event.blocked_by,
    )


def _take(reading: Reading, item: pb.StreamItem) -> None:
    kind = item.WhichOneof("item")
    if kind == "event":
        reading.seen.append((item.event.index, item.event.event_id))
    elif kind == "subscribed" and not item.subscribed.continuous:
        reading.truncated.add(len(reading.seen))
