"""The gRPC server: every method of the descriptors, its policy, its handler; ports; drain.

No business: handlers come in through ``Routes``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import grpc
from grpc import aio

from roomd import v1 as pb
from roomd_server.api.calls import Concerns, bidi_call, push_call, stream_call, unary_call
from roomd_server.api.fronts import (
    ChannelOptions,
    Front,
    FrontFactory,
    Handler,
    Handlers,
    StartupError,
)
from roomd_server.api.health import Health, enable_reflection
from roomd_server.api.interceptors.decode import HARD_MAX_MESSAGE_BYTES
from roomd_server.api.interceptors.errors import refuse
from roomd_server.api.interceptors.limits import Admission, Limits
from roomd_server.api.interceptors.request_id import REQUEST_ID_KEY, RequestIds
from roomd_server.api.interceptors.standing import LOOK_SECONDS, StandingWatch
from roomd_server.api.interceptors.writes import WriteWatch
from roomd_server.api.methods import Method, Shape, methods, service_names
from roomd_server.api.policy import POLICIES, Policy
from roomd_server.api.routes import BidiHandler, Routes, StreamHandler
from roomd_server.api.status import MethodUnknown
from roomd_server.api.tallies import RpcTallies
from roomd_server.core.tracing import Tracer
from roomd_server.security.credentials import Credentials

_log = logging.getLogger("roomd.api")

DrainHook = Callable[[float], Awaitable[None]]
"""Ends long-lived streams politely; gets the seconds that it has."""

_STOP_SECONDS = 0.5
"""For what is still open after the drain: health watches, reflection, stragglers."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the server's certificate lies, PEM."""

    certificate: Path
    key: Path
    client_authority: Path | None = None
    """Clients must show a certificate of this authority (mTLS)."""


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """How to listen and how much to take on."""

    addresses: Sequence[str] = ("127.0.0.1:0",)
    """``host:port``; port 0: any free one. ``unix:`` paths too."""
    tls: TlsFiles | None = None
    allow_plaintext_remote: bool = False
    """Listen without TLS on addresses that others can reach (behind a proxy that ends TLS)."""
    limits: Limits = field(default_factory=Limits)
    tracer: Tracer | None = None
    """None: nobody traces."""
    front: FrontFactory | None = None
    """Listens instead of grpc.aio, which then serves behind it. None: nothing does."""
    write_timeout_seconds: float = 10.0
    """How long a write may wait for a reader."""
    standing_look_seconds: float = LOOK_SECONDS
    """How often the keys of open streams are looked at again."""


class ApiServer:
    """Serves ``roomd.v1`` over gRPC.

    Args:
        routes: A handler for every method.
        credentials: Who may call.
        options: Addresses and limits.
        drain_hooks: Called once, together, when the server drains.

    Raises:
        StartupError: a method without a handler or policy, or one too many of either.
    """

    def __init__(
        self,
        routes: Routes,
        credentials: Credentials,
        options: ApiOptions | None = None,
        drain_hooks: Sequence[DrainHook] = (),
    ) -> None:
        self._options = options or ApiOptions()
        self._credentials = credentials
        self._drain_hooks = list(drain_hooks)
        self._request_ids = RequestIds()
        self.admission = Admission(self._options.limits)
        """What is in flight, for gauges."""
        self.tallies = RpcTallies()
        self._concerns = Concerns(
            credentials,
            self._request_ids,
            self.admission,
            WriteWatch(self._options.write_timeout_seconds),
            StandingWatch(credentials, self._options.standing_look_seconds),
            self.tallies,
            self._options.tracer,
        )
        self._handlers = _build_handlers(routes, self._concerns)
        self._health = Health(service_names())
        self._server: aio.Server | None = None
        self._fronts: list[Front] = []
        self._socket_folder: TemporaryDirectory[str] | None = None
        self._drained = False
        self._saying: asyncio.Future[None] | None = None
        self.ports: list[int] = []
        """Bound ports, in the order of the addresses."""

    async def start(self) -> list[int]:
        """Listen; when it returns, calls are served.

        Returns:
            The bound ports, in the order of ``options.addresses``.

        Raises:
            StartupError: an address cannot be bound, or is not safe to listen on.
        """
        self._check_addresses()
        server = aio.server(options=_CHANNEL_OPTIONS)
        by_path = _by_path(self._handlers)
        server.add_generic_rpc_handlers((cast("Any", _Methods(by_path)),))
        self._health.register(server)
        enable_reflection(service_names(), server)
        server.add_generic_rpc_handlers((cast("Any", _UnknownMethods(self._request_ids)),))
        if self._options.front is not None:
            self._put_in_front(self._options.front, by_path, server)
        else:
            self.ports = [self._bind(server, address) for address in self._options.addresses]
        await self._health.serving()
        await server.start()
        for front in self._fronts:
            front.start()
        self._server = server
        return self.ports

    def say_serving(self, is_of_use: bool) -> None:
        """Say by health whether calls are of use now: while the store is away they are not."""
        if self._server is not None:
            self._saying = asyncio.ensure_future(self._health.serving(is_of_use))

    async def drain(self, grace_seconds: float) -> None:
        """Stop without losing anything; repeating it does nothing.

        Health says NOT_SERVING, new calls are refused with NODE_DRAINING, the hooks end the
        streams, calls in flight finish; what is left after ``grace_seconds`` is cancelled.
        """
        if self._server is None or self._drained:
            return
        self._drained = True
        loop = asyncio.get_running_loop()
        end = loop.time() + grace_seconds
        await self._health.not_serving()
        self.admission.drain()
        await asyncio.gather(*(_drained(hook, grace_seconds) for hook in self._drain_hooks))
        await self.admission.wait_until_idle(max(0.0, end - loop.time()))
        await self._server.stop(_STOP_SECONDS)
        await asyncio.gather(*(front.stop() for front in self._fronts))
        if self._socket_folder is not None:
            self._socket_folder.cleanup()

    def _put_in_front(self, make: FrontFactory, by_path: Handlers, server: aio.Server) -> None:
        if self._options.tls is not None:
            raise StartupError(
                "the native transport has no TLS: leave it out, or end TLS in a proxy before it"
            )
        self._socket_folder = TemporaryDirectory(prefix="roomd-")
        behind = str(Path(self._socket_folder.name, "behind.sock"))
        server.add_insecure_port(f"unix:{behind}")
        self._fronts = [
            make(address, by_path, behind, _CHANNEL_OPTIONS) for address in self._options.addresses
        ]
        self.ports = [front.port for front in self._fronts]

    def _check_addresses(self) -> None:
        for address in self._options.addresses:
            if is_loopback(address):
                continue
            if self._credentials.loopback_only:
                raise StartupError(
                    f"{address}: without a key the server listens on loopback only; set a key"
                )
            if self._options.tls is None and not self._options.allow_plaintext_remote:
                raise StartupError(
                    f"{address}: others can reach this address and there is no TLS; give a "
                    "certificate and key, or allow plaintext behind a proxy that ends TLS"
                )

    def _bind(self, server: aio.Server, address: str) -> int:
        try:
            if self._options.tls is None:
                port = server.add_insecure_port(address)
            else:
                port = server.add_secure_port(address, _tls_credentials(self._options.tls))
        except RuntimeError as error:
            tls = ", and are the TLS files good" if self._options.tls else ""
            raise StartupError(f"{address}: cannot listen; is it in use{tls}?") from error
        return int(port)


async def _drained(hook: DrainHook, grace_seconds: float) -> None:
    try:
        async with asyncio.timeout(grace_seconds):
            await hook(grace_seconds)
    except TimeoutError:
        _log.warning("a drain hook took longer than %.1f s", grace_seconds)
    except Exception:  # boundary: one part must not keep the others from ending politely
        _log.exception("a drain hook failed")


def is_loopback(address: str) -> bool:
    """Whether only this machine can connect to the address (``host:port`` or ``unix:``)."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _tls_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    try:
        pair = (files.key.read_bytes(), files.certificate.read_bytes())
        authority = files.client_authority.read_bytes() if files.client_authority else None
    except OSError as error:
        raise StartupError(f"{error.filename}: cannot be read: {error.strerror}") from error
    return grpc.ssl_server_credentials(
        [pair], root_certificates=authority, require_client_auth=authority is not None
    )


def _build_handlers(routes: Routes, concerns: Concerns) -> dict[str, dict[str, Handler]]:
    handlers: dict[str, dict[str, Handler]] = {}
    left = {*routes.unary, *routes.streams, *routes.pushes}
    for method in methods():
        policy = POLICIES.get(method.path)
        if policy is None:
            raise StartupError(f"{method.path} has no row in api/policy.py")
        handlers.setdefault(method.service, {})[method.name] = _build_handler(
            method, policy, routes, concerns
        )
        left.discard(method.path)
    if left:
        raise StartupError(f"routes without a method: {', '.join(sorted(left))}")
    return handlers


def _build_handler(method: Method, policy: Policy, routes: Routes, concerns: Concerns) -> Handler:
    path = method.path
    if method.shape is Shape.UNARY and path in routes.unary:
        return unary_call(method, policy, routes.unary[path], concerns)
    if method.shape is Shape.SERVER_STREAM and path in routes.pushes:
        return push_call(method, policy, routes.pushes[path], concerns)
    if method.shape is Shape.SERVER_STREAM and path in routes.streams:
        return stream_call(method, policy, cast("StreamHandler", routes.streams[path]), concerns)
    if method.shape is Shape.BIDI and path in routes.streams:
        return bidi_call(method, policy, cast("BidiHandler", routes.streams[path]), concerns)
    raise StartupError(f"{path} ({method.shape.value}) has no handler")


def _by_path(handlers: dict[str, dict[str, Handler]]) -> dict[str, Handler]:
    return {
        f"/{service}/{name}": handler
        for service, methods_of in handlers.items()
        for name, handler in methods_of.items()
    }


class _Methods:
    """A ``grpc.GenericRpcHandler`` for all services: one look-up, whatever their number."""

    def __init__(self, by_path: Handlers) -> None:
        self._by_path = by_path

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Find the handler; None: somebody else's."""
        return self._by_path.get(handler_call_details.method)


class _UnknownMethods:
    """A ``grpc.GenericRpcHandler``, asked last: whatever arrives here does not exist."""

    def __init__(self, request_ids: RequestIds) -> None:
        self._request_ids = request_ids

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        """Serve every method by refusing it."""
        path = handler_call_details.method
        accept = self._request_ids.accept

        async def serve(_: object, context: aio.ServicerContext[Any, Any]) -> None:
            shown = dict(context.invocation_metadata() or ()).get(REQUEST_ID_KEY)
            error = MethodUnknown(
                pb.ERROR_REASON_METHOD_UNKNOWN,
                f"no method {path[:200]}; the reflection service lists what there is",
            )
            await refuse(context, error, accept(cast("str | None", shown)))

        return grpc.stream_stream_rpc_method_handler(serve)


# Answers to pings, protocol.md: SDKs ping every 20 s, also on idle connections.
_CHANNEL_OPTIONS: ChannelOptions = (
    ("grpc.max_receive_message_length", HARD_MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # A connection whose other end is gone is found and closed within 10 s.
    ("grpc.keepalive_time_ms", 6_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    # A keepalive ping is a ping, too, and is waited for so long: a minute by default.
    ("grpc.http2.ping_timeout_ms", 3_000),
)
