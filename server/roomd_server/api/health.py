"""Health and reflection: what is answered without a credential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection


class Health:
    """``grpc.health.v1`` for the server as a whole and for every service."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = services
        # The stubs do not know the asyncio side.
        self._servicer: Any = cast("Any", health).aio.HealthServicer()

    def register(self, server: aio.Server) -> None:
        """Serve it."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def serving(self) -> None:
        """Say that calls are taken."""
        for service in self._services:
            await self._servicer.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def not_serving(self) -> None:
        """Say, for good, that no more calls are taken."""
        await self._servicer.enter_graceful_shutdown()


def enable_reflection(services: Sequence[str], server: aio.Server) -> None:
    """Let generic clients read the descriptors of ``services``."""
    names = [*services, health.SERVICE_NAME, reflection.SERVICE_NAME]
    reflection.enable_server_reflection(names, server)
