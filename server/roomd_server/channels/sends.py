"""Messages that a client sends over its connection: in order per room, side by side else."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from roomd import v1 as pb
from roomd_server.channels.live import Connection
from roomd_server.channels.wire import result_frame
from roomd_server.core import errors
from roomd_server.core.ports import Caller

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 256
"""Messages of one connection that are not answered yet; then it is not read."""

Inbound = Callable[
    [Caller, pb.ProcessInboundRequest, str, Callable[[], None]],
    Awaitable[pb.ProcessInboundResponse],
]
"""Takes a message in: (caller, request, connection it came from, called once its place in the
room is fixed)."""
Validate = Callable[[pb.SendItem], None]


class Sends:
    """The messages of one connection that are under way.

    Messages to one room enter it in the order they were sent. Messages without a room are
    routed one after another. A message is in flight until its answer is taken out of the
    outbox, so a client that does not read cannot pile answers up.
    """

    def __init__(
        self, caller: Caller, connection: Connection, inbound: Inbound, validate: Validate
    ) -> None:
        self._caller = caller
        self._connection = connection
        self._inbound = inbound
        self._validate = validate
        self._rooms: dict[str, deque[pb.SendItem]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._freed: asyncio.Future[None] | None = None
        self.in_flight = 0
        """Messages whose answer was not written yet."""
        self.open = 0
        """Messages that are not decided yet."""

    @property
    def full(self) -> bool:
        """Whether no more may be taken now."""
        return self.in_flight >= MAX_IN_FLIGHT

    async def room(self) -> None:
        """Wait until one more may be taken; only one task may wait."""
        while self.full:
            self._freed = asyncio.get_running_loop().create_future()
            await self._freed

    def take(self, item: pb.SendItem) -> None:
        """Take a message when there is room for it."""
        self.in_flight += 1
        self.open += 1
        waiting = self._rooms.get(item.room_id)
        if waiting is not None:
            waiting.append(item)
            return
        waiting = self._rooms[item.room_id] = deque((item,))  # bounded: by MAX_IN_FLIGHT
        task = asyncio.ensure_future(self._work(item.room_id, waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def release(self, answers: int) -> None:
        """So many answers are on their way to the client."""
        self.in_flight -= answers
        if self._freed is not None and not self._freed.done():
            self._freed.set_result(None)

    async def cancel(self) -> None:
        """Stop; what was not decided yet is not answered, and may be repeated."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, room_id: str, waiting: deque[pb.SendItem]) -> None:
        """Bring the messages of one room in, one behind the other: the next begins when the
        place of the one before is fixed, not when the disk has answered.
        """
        loop = asyncio.get_running_loop()
        try:
            while waiting:
                placed: asyncio.Future[None] = loop.create_future()
                task = asyncio.ensure_future(self._answer(waiting.popleft(), placed))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                await placed
        finally:
            del self._rooms[room_id]

    async def _answer(self, item: pb.SendItem, placed: asyncio.Future[None]) -> None:
        def place() -> None:
            if not placed.done():
                placed.set_result(None)

        try:
            result = await self._process(item, place)
        finally:
            place()
        self.open -= 1
        self._connection.outbox.put_result(result_frame(result))
        self._connection.ring()

    async def _process(self, item: pb.SendItem, place: Callable[[], None]) -> pb.SendResult:
        try:
            self._validate(item)
            response = await self._inbound(
                self._caller, self._request(item), self._connection.connection_id, place
            )
        except errors.RoomdError as error:
            return pb.SendResult(
                send_id=item.send_id, room_id=item.room_id, status=error.to_status()
            )
        except Exception:  # boundary: one message must not end the stream of all others
            log.exception("a message failed in a way nobody foresaw")
            fault = errors.Unavailable(
                pb.ERROR_REASON_SERVER_FAULT, "the server could not take it; see its log"
            )
            return pb.SendResult(
                send_id=item.send_id, room_id=item.room_id, status=fault.to_status()
            )
        event = response.event
        result = pb.SendResult(
            send_id=item.send_id,
            outcome=response.outcome,
            event_id=event.event_id,
            room_id=response.room_id,
            blocked_by=response.blocked_by,
            reason=response.reason,
        )
        if event.HasField("index"):
            result.index = event.index
        return result

    def _request(self, item: pb.SendItem) -> pb.ProcessInboundRequest:
        sender_id = item.sender_id or self._connection.participant_id
        if not sender_id:
            raise errors.invalid("sender_id", "must be set: the connection has no participant")
        message = pb.InboundMessage(
            channel_id=self._connection.channel_id,
            sender_id=sender_id,
            content=item.content,
            idempotency_key=item.idempotency_key,
            parent_event_id=item.parent_event_id,
        )
        for name in _OPTIONAL:
            if item.HasField(name):
                getattr(message, name).CopyFrom(getattr(item, name))
        return pb.ProcessInboundRequest(message=message, room_id=item.room_id)


_OPTIONAL = ("visibility", "response_visibility", "addressed_to", "metadata")
