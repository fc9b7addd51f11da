"""What may listen in front of the gRPC server, and what is said when nothing can."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

import grpc

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
"""Takes and gives bytes."""
Handlers: TypeAlias = Mapping[str, Handler]
"""Path → handler."""


class StartupError(Exception):
    """The server cannot start as configured; the message says what to change."""


class Front(Protocol):
    """Listens on an address; answers some methods, and hands on the others."""

    port: int
    """The bound port."""

    def start(self) -> None:
        """Take calls from now on."""

    async def stop(self) -> None:
        """End what is left, then the connections."""


ChannelOptions: TypeAlias = tuple[tuple[str, int], ...]
"""Names and values as gRPC knows them."""
FrontFactory = Callable[[str, Handlers, str, ChannelOptions], Front]
"""Makes one from an address, the handlers by path, the Unix socket for the rest, and options."""
