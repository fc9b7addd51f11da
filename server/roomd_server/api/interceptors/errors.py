"""The last stop of an error: what a caller sees, and what only the log sees."""

from __future__ import annotations

import asyncio
from typing import NoReturn, Protocol

import grpc
from grpc import aio

from roomd import v1 as pb
from roomd_server.api.interceptors.logging import log_fault
from roomd_server.api.interceptors.request_id import REQUEST_ID_KEY
from roomd_server.api.status import STATUS_DETAILS_KEY, rich_status, status_code
from roomd_server.core.errors import RoomdError, Unavailable


class Abortable(Protocol):
    """The part of a servicer context that ends a call with an error."""

    async def abort(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: tuple[tuple[str, str | bytes], ...] = (),
    ) -> NoReturn:
        """End the call."""


async def refuse(context: Abortable, error: RoomdError, request_id: str) -> NoReturn:
    """End the call with the error as a ``google.rpc.Status``.

    Raises:
        CancelledError: the caller left before it could be told.
    """
    status = rich_status(error, request_id)
    try:
        await context.abort(
            status_code(error),
            status.message,
            ((REQUEST_ID_KEY, request_id), (STATUS_DETAILS_KEY, status.SerializeToString())),
        )
    except aio.InternalError:
        raise asyncio.CancelledError from None


def server_fault(method: str, request_id: str, fault: Exception) -> RoomdError:
    """Log a fault with its traceback, and build what the caller sees instead."""
    log_fault(method, request_id, fault)
    return Unavailable(
        pb.ERROR_REASON_SERVER_FAULT,
        f"a fault of the server; the log knows it as request {request_id}",
    )
