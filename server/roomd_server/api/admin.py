"""What operators ask of a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from roomd import v1 as pb
from roomd_server.core.ports import Caller
from roomd_server.core.times import timestamp


@dataclass(frozen=True, slots=True)
class About:
    """What does not change while a server runs."""

    version: str
    node_id: str
    store: str
    started: float
    """Wall time."""
    max_message_bytes: int
    unmet_promises: Sequence[str]


class Admin:
    """Serves ``AdminService.GetServerInfo``."""

    def __init__(self, about: About, gauges: Callable[[], Mapping[str, float]]) -> None:
        self._about = about
        self._gauges = gauges

    async def get_server_info(
        self, _caller: Caller, _request: pb.GetServerInfoRequest
    ) -> pb.GetServerInfoResponse:
        """Say what this server is and how busy it is."""
        about = self._about
        return pb.GetServerInfoResponse(
            version=about.version,
            node_id=about.node_id,
            start_time=timestamp(about.started),
            store=about.store,
            max_message_bytes=about.max_message_bytes,
            unmet_promises=about.unmet_promises,
            gauges=self._gauges(),
        )
