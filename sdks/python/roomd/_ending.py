"""Why a stream that was written to has ended. No reconnecting here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import grpc

T = TypeVar("T")

Call = grpc.aio.StreamStreamCall[Any, Any]

STATUS_SECONDS = 0.5
"""How long the server's status may come after the write that failed because of it."""
_WRITE_FAILED = "Internal error from Core"


class Ending:
    """The status with which the server ended a stream, whatever was written meanwhile.

    grpc.aio puts INTERNAL in its place when a write comes too late for the stream
    (github.com/grpc/grpc/issues/36066): a client that is told "no" while it writes would not
    see the "no". Each status passes by the call's callbacks; the server's is kept.

    Args:
        call: The stream, as it begins.
    """

    def __init__(self, call: Call) -> None:
        self._told: asyncio.Future[grpc.aio.AioRpcError | None] = (
            asyncio.get_running_loop().create_future()
        )
        call.add_done_callback(self._note)

    async def explain(self, error: grpc.aio.AioRpcError) -> None:
        """Return when the server ended the stream without an error.

        Args:
            error: What a read of the stream raised.

        Raises:
            AioRpcError: why the server ended it; ``error`` itself when the server did not say.
        """
        if not _is_of_a_write(error):
            raise error
        try:
            told = await asyncio.wait_for(asyncio.shield(self._told), STATUS_SECONDS)
        except TimeoutError:
            raise error from None
        if told is not None:
            raise told from None

    def _note(self, call: Call) -> None:
        if self._told.done():
            return
        code, details = _at_once(call.code()), _at_once(call.details())
        if code == grpc.StatusCode.OK:
            self._told.set_result(None)
            return
        initial, trailing = call.initial_metadata(), call.trailing_metadata()
        error = grpc.aio.AioRpcError(code, _at_once(initial), _at_once(trailing), details, "")
        if not _is_of_a_write(error):
            self._told.set_result(error)


def _is_of_a_write(error: grpc.aio.AioRpcError) -> bool:
    return error.code() == grpc.StatusCode.INTERNAL and error.details() == _WRITE_FAILED


def _at_once(of_call: Coroutine[Any, Any, T]) -> T:
    """What a call that is over says of itself, which it does without waiting: a moment later
    it would be something else.
    """
    try:
        of_call.send(None)
    except StopIteration as said:
        value: T = said.value
        return value
    of_call.close()
    raise RuntimeError("a call that is over had to be waited for")
