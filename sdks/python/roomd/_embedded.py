"""A server inside the process, for ``RoomKit()`` without an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

from roomd.exceptions import NotSupportedError


class Embedded(Protocol):
    """A server in this event loop."""

    address: str
    key: str

    async def stop(self) -> None:
        """Stop it."""


async def start(path: str | None, options: Mapping[str, object]) -> Embedded:
    """Start a server on loopback.

    Raises:
        NotSupportedError: only the client is installed.
    """
    try:
        from roomd_server.wiring import start_embedded  # noqa: PLC0415 - the server is optional
    except ImportError as error:
        raise NotSupportedError(
            "RoomKit() without an address runs a server in this process, which needs the full "
            f"distribution of roomd: {error}"
        ) from error
    return cast("Embedded", await start_embedded(path, options))
