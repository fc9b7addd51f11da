"""Health and reflection: what is answered without a credential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc


class GenericOnly:
    """A server as generated code sees it, without its registered methods: ``aio.Server`` waits
    for the next call of each of those apart, and every call pays for all of them.
    """

    def __init__(self, server: aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(
        self, handlers: Sequence[grpc.GenericRpcHandler[Any, Any]]
    ) -> None:
        """Pass them on."""
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, _service: str, _handlers: object) -> None:
        """Leave them out: the generic handlers serve the same methods."""


class Health:
    """``grpc.health.v1`` for the server as a whole and for every service."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = services
        # The stubs do not know the asyncio side.
        self._servicer: Any = cast("Any", health).aio.HealthServicer()

    def register(self, server: aio.Server) -> None:
        """Serve it."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, GenericOnly(server))

    async def serving(self, is_of_use: bool = True) -> None:
        """Say whether calls are of use now; nothing any more after ``not_serving``."""
        kinds = health_pb2.HealthCheckResponse
        for service in ("", *self._services):
            await self._servicer.set(service, kinds.SERVING if is_of_use else kinds.NOT_SERVING)

    async def not_serving(self) -> None:
        """Say, for good, that no more calls are taken."""
        await self._servicer.enter_graceful_shutdown()


def enable_reflection(services: Sequence[str], server: aio.Server) -> None:
    """Let generic clients read the descriptors of ``services``."""
    names = [*services, health.SERVICE_NAME, reflection.SERVICE_NAME]
    servicer: Any = cast("Any", reflection).aio.ReflectionServicer(names)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, GenericOnly(server))
