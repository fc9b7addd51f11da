"""The only file that names concrete classes: store, hooks, channels, API, put together."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry.trace import TracerProvider
from pydantic import SecretStr

from roomd_server import __version__
from roomd_server.api.admin import About, Admin
from roomd_server.api.fronts import FrontFactory, StartupError
from roomd_server.api.interceptors.decode import MAX_MESSAGE_BYTES
from roomd_server.api.interceptors.limits import Limits
from roomd_server.api.policy import SCOPES
from roomd_server.api.server import ApiOptions, ApiServer, TlsFiles
from roomd_server.api.subscriptions import Subscriptions
from roomd_server.api.surface import surface
from roomd_server.api.tracing import traced
from roomd_server.api.validation import check, validate
from roomd_server.channels.connection import ConnectionHub
from roomd_server.channels.connection_stream import ConnectionParts, ConnectionService
from roomd_server.channels.script import ScriptDriver
from roomd_server.channels.signals import Signals
from roomd_server.channels.system import SystemDriver
from roomd_server.config import Settings
from roomd_server.core.bus import FrameworkBus
from roomd_server.core.engine import Engine, Surroundings
from roomd_server.core.feed import Feeds
from roomd_server.core.ports import Driver
from roomd_server.failpoints import Failpoints
from roomd_server.failpoints import from_environment as failpoints_from_environment
from roomd_server.hooks.options import HookOptions
from roomd_server.hooks.plane import HookPlane
from roomd_server.measures import Measured, readers
from roomd_server.security.credentials import Credentials, DevKey, OpenLoopback
from roomd_server.security.key_file import KeyFile, KeyFileError
from roomd_server.storage import FILE_PREFIX, MEMORY, OpenStore, open_store
from roomd_server.system import SortableIds, SystemClock
from roomd_server.telemetry.lag import LoopLag
from roomd_server.telemetry.metrics import Gauges
from roomd_server.telemetry.page import MetricsPage
from roomd_server.telemetry.tracing import OtelTracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider


def credentials_of(settings: Settings) -> Credentials:
    """The keys that callers may send; without any whoever is on loopback may call."""
    dev = None
    try:
        if settings.api_key is not None:
            dev = DevKey(settings.api_key.get_secret_value())
        if settings.api_keys:
            return KeyFile(Path(settings.api_keys), SCOPES, dev)
    except ValueError as error:
        raise StartupError(f"--api-key: {error}") from None
    except KeyFileError as error:
        raise StartupError(f"--api-keys: {error}") from None
    return dev or OpenLoopback()


def unmet_promises(settings: Settings) -> list[str]:
    """Promises that do not hold in this configuration, and why."""
    unmet = ["P8 tenants: all keys are of one organization"]
    if settings.store == MEMORY:
        unmet.append("P1, P5, P9: the store is in memory and gone with the process")
    return unmet


class Server:
    """A running server."""

    def __init__(
        self,
        settings: Settings,
        opened: OpenStore,
        clock: SystemClock,
        failpoints: Failpoints | None = None,
        spans: TracerProvider | None = None,
    ) -> None:
        self._failpoints = failpoints
        ids = SortableIds(clock)
        node_id = ids.new()
        self._clock, self._ids = clock, ids
        self._settings = settings
        self._spans = _exporting(settings, node_id) if spans is None else None
        self._tracer = _tracer(spans or self._spans)
        self._opened = opened
        store = self._store = opened.store
        self._bus = FrameworkBus(clock)
        self._plane = HookPlane(
            store,
            clock,
            ids,
            HookOptions(
                chain_budget_seconds=settings.hook_budget_seconds,
                parked_retention_seconds=settings.parked_retention_days * 86_400.0,
                node_id=node_id,
                server_version=__version__,
                in_flight=lambda: self._engine.pipeline.load.in_flight,
            ),
            check=check,
        )
        self._hub = ConnectionHub(clock, self._bus)
        self._engine = Engine(
            Surroundings(
                store=store,
                clock=clock,
                ids=ids,
                hooks=self._plane.runner,
                extensions=self._plane.extensions,
                toolbox=self._plane.toolbox,
                drivers=self._drivers(),
                bus=self._bus,
                jitter=random.random,
            ),
            settings.engine_options(),
        )
        self._connections = self._build_connections()
        self._subscriptions = Subscriptions(Feeds(self._engine.directory))
        self._join()
        self._api = self._build_api(Admin(self._about(node_id), self.gauges))
        self._lag = LoopLag()
        self._page = self._build_page() if settings.metrics_address else None
        opened.watch(self._api.say_serving)
        self.address = ""
        """``host:port`` once it listens."""

    def _about(self, node_id: str) -> About:
        return About(
            version=__version__,
            node_id=node_id,
            store=self._opened.kind,
            started=self._clock.now(),
            max_message_bytes=MAX_MESSAGE_BYTES,
            unmet_promises=unmet_promises(self._settings),
        )

    def _build_page(self) -> MetricsPage:
        measured = Measured(
            self._engine,
            self._plane,
            self._api,
            self._subscriptions,
            self._hub,
            self._store,
            self._lag,
        )
        return MetricsPage(Gauges(readers(measured)), self._settings.metrics_address)

    @property
    def metrics_address(self) -> str:
        """``host:port`` of the metrics' page; empty: there is none."""
        return self._page.address if self._page is not None else ""

    def _drivers(self) -> dict[str, Driver]:
        worker: Driver = self._plane.remote
        if self._failpoints is not None:
            worker = self._failpoints.driver(worker)
        return {
            "connection": self._hub,
            "worker": worker,
            "script": ScriptDriver(self._clock),
            "system": SystemDriver(),
        }

    def _build_connections(self) -> ConnectionService:
        engine = self._engine
        return ConnectionService(
            self._hub,
            ConnectionParts(
                clock=self._clock,
                ids=self._ids,
                channel=engine.channels.get,
                inbound=traced(engine.inbound.process_inbound, self._tracer),
                signal=Signals(engine.directory, engine.desk),
                rooms_of_channel=self._store.open_rooms_of_channel,
                validate=validate,
                wake=engine.lanes.wake,
                max_message_bytes=MAX_MESSAGE_BYTES,
            ),
        )

    def _join(self) -> None:
        """Tie the parts that know each other only by a callable."""
        engine, hub, plane = self._engine, self._hub, self._plane
        hub.use(engine.directory, engine.channels)
        engine.channels.heard_by_others = hub.heard_by_others
        engine.channels.on_gone = hub.close_channel
        engine.desk.add_sink(hub)
        engine.notifier.on_found = engine.notes.found
        plane.bind_engine(
            room_view=engine.room_context,
            on_fault=engine.hook_fault,
            on_provider=engine.lanes.wake_handler,
            on_found=engine.keep_observed,
        )

    def _build_api(self, admin: Admin) -> ApiServer:
        engine, plane, settings = self._engine, self._plane, self._settings
        routes = surface(
            {
                "RoomService": (
                    engine.lifecycle,
                    engine.timers,
                    engine.roster,
                    engine.notes,
                    engine.export,
                    engine.erasure,
                ),
                "EventService": (
                    engine.inbound,
                    engine.proactive,
                    engine.timeline,
                    engine.editing,
                    engine.redelivery,
                    engine.outcomes,
                ),
                "ChannelService": (engine.channels, engine.bindings, self._connections),
                "HookService": (
                    plane,
                    plane.registry,
                    plane.runner,
                    plane.streams,
                    plane.observers.parking,
                ),
                "AgentService": (engine.tools,),
                "RealtimeService": (engine.desk,),
                "AdminService": (admin, self._bus),
            },
            self._subscriptions.routes(),
        )
        if self._failpoints is not None:
            routes = self._failpoints.routes(routes)
        return ApiServer(
            routes,
            credentials_of(settings),
            ApiOptions(
                addresses=(settings.listen,),
                tls=_tls(settings),
                allow_plaintext_remote=settings.allow_plaintext,
                limits=Limits(max_unary_units=settings.max_in_flight),
                tracer=self._tracer,
                front=_front(settings),
            ),
            drain_hooks=(
                self._plane.drain,
                self._subscriptions.drain,
                self._connections.drain,
                self._bus.drain,
            ),
        )

    @classmethod
    async def start(cls, settings: Settings, spans: TracerProvider | None = None) -> Server:
        """Open the store, take up what was unfinished, and listen.

        Args:
            settings: What an operator has set.
            spans: Takes spans, for an application that traces itself; None: as in settings.

        Raises:
            StartupError: the configuration cannot work; the message says what to change.
        """
        clock = SystemClock()
        failpoints = failpoints_from_environment()
        opened = await open_store(settings.store, clock, failpoints, migrates=settings.migrate)
        server = cls(settings, opened, clock, failpoints, spans)
        try:
            await server._plane.load()
            await server._engine.start()
            server._show_metrics()
            ports = await server._api.start()
        except BaseException:
            await server._let_go()
            raise
        host = settings.listen.rpartition(":")[0]
        server.address = f"{host}:{ports[0]}"
        return server

    def _show_metrics(self) -> None:
        if self._page is None:
            return
        try:
            self._page.start()
        except (OSError, ValueError, OverflowError) as error:
            raise StartupError(
                f"--metrics-address {self._settings.metrics_address}: cannot listen: {error}"
            ) from error
        self._lag.start()

    async def stop(self) -> None:
        """Finish calls, drain streams, leave the rest in the store."""
        await self._api.drain(self._settings.drain_grace_seconds)
        await self._let_go()

    async def _let_go(self) -> None:
        """Close everything behind the API."""
        self._lag.close()
        if self._spans is not None:
            await asyncio.to_thread(self._spans.shutdown)
        if self._page is not None:
            await self._page.close()
        await self._engine.close()
        await self._plane.close()
        await self._opened.close()

    def unmet_promises(self) -> list[str]:
        """Promises that do not hold in this configuration, and why."""
        return unmet_promises(self._settings)

    def gauges(self) -> Mapping[str, float]:
        """What is going on now."""
        return {
            **self._engine.gauges(),
            **self._plane.gauges(),
            **self._opened.gauges(),
            "subscriptions": float(self._subscriptions.count),
            "connections": float(self._hub.count),
            "store_pending": float(self._store.pending),
        }


def _tracer(spans: TracerProvider | None) -> OtelTracer | None:
    return None if spans is None else OtelTracer(spans, __version__)


def _front(settings: Settings) -> FrontFactory | None:
    if settings.transport == "grpc":
        return None
    try:
        from roomd_server.api.native import NativeFront  # noqa: PLC0415 an extra
    except ImportError:
        raise StartupError(
            "--transport native needs pygrpc-native: pip install 'roomd[native]'"
        ) from None
    return NativeFront


def _exporting(settings: Settings, node_id: str) -> SdkTracerProvider | None:
    if not settings.trace_endpoint:
        return None
    try:
        from roomd_server.telemetry.otlp import exporting  # noqa: PLC0415 an extra
    except ImportError:
        raise StartupError(
            "--trace-endpoint needs OpenTelemetry's SDK: pip install 'roomd[tracing]'"
        ) from None
    return exporting(settings.trace_endpoint, settings.trace_ratio, node_id)


def _tls(settings: Settings) -> TlsFiles | None:
    if not settings.tls_certificate:
        return None
    authority = Path(settings.tls_client_ca) if settings.tls_client_ca else None
    return TlsFiles(Path(settings.tls_certificate), Path(settings.tls_key), authority)


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A server inside the process of an application."""

    address: str
    key: str
    server: Server

    async def stop(self) -> None:
        """Stop it."""
        await self.server.stop()


async def start_embedded(
    path: str | None = None, options: Mapping[str, object] | None = None
) -> EmbeddedServer:
    """Start a server in this event loop, on loopback, with a key of its own.

    Args:
        path: A SQLite file; None: in memory.
        options: Fields of ``Settings`` to set.

    Raises:
        StartupError: it cannot work as configured.
    """
    key = DevKey().key
    settings = Settings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "store": MEMORY if path is None else f"{FILE_PREFIX}{path}",
            "drain_grace_seconds": 2.0,
            "migrate": True,
            **(options or {}),
            "api_key": SecretStr(key),
        }
    )
    server = await Server.start(settings)
    await asyncio.sleep(0)
    return EmbeddedServer(server.address, key, server)
