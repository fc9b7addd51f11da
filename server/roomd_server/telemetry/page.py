"""The page that Prometheus reads: ``GET /metrics`` on a listener of its own.

Numbers are read on the event loop, which takes about a millisecond; writing the page and
everything with sockets is done by threads.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import TimeoutError as FutureTimeoutError
from http import HTTPStatus
from socketserver import TCPServer
from typing import TYPE_CHECKING, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, make_wsgi_app
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from roomd_server.telemetry.metrics import Gathered, Gauges, families

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PATH = "/metrics"
READ_SECONDS = 5.0
"""How long a scrape waits for an event loop that is busy."""
SOCKET_SECONDS = 10.0
"""How long a client may take to ask and to read."""
MAX_CLIENTS = 16
"""Scrapes at once; more are closed unanswered."""


class LoopCollector(Collector):
    """Reads the metrics on their event loop, for a thread that writes them down."""

    def __init__(self, gauges: Gauges, loop: asyncio.AbstractEventLoop) -> None:
        self._gauges = gauges
        self._loop = loop

    def collect(self) -> Iterable[Metric]:
        """All metrics; raises ``TimeoutError`` when the loop does not come to it."""
        return families(self._read())

    def _read(self) -> list[Gathered]:
        async def gather() -> list[Gathered]:
            return self._gauges.gather()

        reading = asyncio.run_coroutine_threadsafe(gather(), self._loop)
        return reading.result(READ_SECONDS)


class MetricsPage:
    """Serves the page. Bound when it returns from ``start``.

    Args:
        gauges: What it shows.
        address: ``host:port``; port 0 takes a free one.
    """

    def __init__(self, gauges: Gauges, address: str) -> None:
        self._gauges = gauges
        self._host, _, self._port = address.rpartition(":")
        self._server: WSGIServer | None = None
        self._thread: threading.Thread | None = None
        self.address = ""
        """``host:port`` once it listens."""

    def start(self) -> None:
        """Listen; call it on the event loop whose numbers are shown.

        Raises:
            OSError: the address cannot be bound.
            ValueError: the port is no number.
        """
        registry = CollectorRegistry(auto_describe=False)
        registry.register(LoopCollector(self._gauges, asyncio.get_running_loop()))
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        kind = _Server6 if ":" in self._host else _Server
        server = make_server(
            self._host.strip("[]"), int(self._port), _only_metrics(registry), kind, _Handler
        )
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, name="metrics-page", daemon=True
        )
        self._thread.start()
        self.address = f"{self._host}:{server.server_port}"

    async def close(self) -> None:
        """Listen no more."""
        server, thread = self._server, self._thread
        self._server = None
        if server is not None and thread is not None:
            await asyncio.to_thread(server.shutdown)
            await asyncio.to_thread(thread.join)
            server.server_close()


App = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes]]


def _only_metrics(registry: CollectorRegistry) -> App:
    write = cast("App", make_wsgi_app(registry))

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return _refuse(start_response, HTTPStatus.NOT_FOUND, f"only {PATH} is here\n")
        try:
            return write(environ, start_response)
        except FutureTimeoutError:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return _refuse(start_response, status, "the server is too busy to read its metrics\n")

    return app


def _refuse(start_response: StartResponse, status: HTTPStatus, text: str) -> list[bytes]:
    start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain")])
    return [text.encode()]


class _Handler(WSGIRequestHandler):
    timeout = SOCKET_SECONDS

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not worth a line each."""


class _Server(WSGIServer):
    """Answers each client in a thread, a few at a time."""

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        self._places = threading.BoundedSemaphore(MAX_CLIENTS)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without asking the name service who we are, which may take long."""
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()

    def process_request(self, request: object, client_address: object) -> None:
        """Answer in a thread when there is a place."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)  # type: ignore[arg-type]
            return
        threading.Thread(
            target=self._answer, args=(request, client_address), name="metrics", daemon=True
        ).start()

    def _answer(self, request: socket.socket, client_address: object) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # the client has left, or took too long
        finally:
            self.shutdown_request(request)
            self._places.release()


class _Server6(_Server):
    address_family = socket.AF_INET6
