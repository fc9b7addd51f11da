"""Text that streams in from a worker faster than it is taken: bounded, in order."""

from __future__ import annotations

import asyncio
from collections import deque

from roomd import v1 as pb
from roomd_server.hooks.invocation import Outcome


class ChunkBuffer:
    """Deltas of one streamed answer. Holes are refused; a backlog of many small deltas is
    joined, so that it takes bytes and not entries.
    """

    __slots__ = ("_bytes", "_deltas", "_max_bytes", "_max_entries", "_next", "_wake")

    def __init__(self, *, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._deltas: deque[str] = deque()  # bounded: joined beyond max_entries
        self._bytes = 0
        self._next = 0
        self._wake: asyncio.Future[None] | None = None

    @property
    def started(self) -> bool:
        """Whether anything has come: then another worker cannot begin anew."""
        return self._next > 0

    def push(self, chunk: pb.ResultChunk) -> str:
        """Take the next chunk.

        Returns:
            What is wrong with it; empty when it was taken.
        """
        if chunk.sequence != self._next:
            return f"chunk {chunk.sequence} came where {self._next} was due"
        if chunk.chunk.WhichOneof("kind") != "text_delta":
            return "the chunk has no text_delta"
        delta = chunk.chunk.text_delta
        size = len(delta.encode())
        if self._bytes + size > self._max_bytes:
            return f"more than {self._max_bytes} bytes were streamed ahead of the reader"
        self._next += 1
        self._bytes += size
        if len(self._deltas) >= self._max_entries:
            self._deltas[-1] += delta
        else:
            self._deltas.append(delta)
        self.wake()
        return ""

    def wake(self) -> None:
        """Let the reader look again."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def next(self, ended: asyncio.Future[Outcome]) -> str | None:
        """The next delta; None when there is none left and ``ended`` is done.

        ``wake`` must be called when ``ended`` becomes done.
        """
        while not self._deltas:
            if ended.done():
                return None
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        delta = self._deltas.popleft()
        self._bytes -= len(delta.encode())
        return delta
