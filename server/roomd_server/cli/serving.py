"""``roomd dev`` and ``roomd serve``."""

from __future__ import annotations

import argparse
import asyncio
import gc
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop
from pydantic import SecretStr, ValidationError

from roomd_server.api.fronts import StartupError
from roomd_server.cli.client import print_json
from roomd_server.config import Settings, from_environment
from roomd_server.storage import place_of
from roomd_server.telemetry.logs import Logs
from roomd_server.wiring import Server

Subparsers = Any  # argparse names its own type only privately

DEV_KEY_FILE = "roomd-dev.key"

SWITCH_INTERVAL_SECONDS = 0.0005
"""How long a thread may wait for the interpreter while the event loop computes. With Python's
own 5 ms the store's writer, which needs it a few times per transaction, would starve."""
GC_THRESHOLDS = (10_000, 10, 10)
"""Almost all garbage of a call is freed by reference counts; with Python's own thresholds a
fifth of the time went into looking for the rest, in pauses of up to 30 ms."""


def add(subparsers: Subparsers) -> None:
    """Add the commands."""
    dev = subparsers.add_parser(
        "dev",
        help="one process on a SQLite file, ready to try",
        epilog="example: roomd dev --store sqlite:///try.db",
        usage="roomd dev [options]",
    )
    _add_settings(
        dev, store="sqlite:///roomd-dev.db", metrics_address="127.0.0.1:0", migrate="true"
    )
    dev.add_argument("--json", action="store_true", help="print address and key as JSON")
    dev.set_defaults(run=run_dev)
    serve = subparsers.add_parser(
        "serve",
        help="the server, configured by options or ROOMD_… variables",
        description="Each option is also a variable: --drain-grace-seconds is "
        "ROOMD_DRAIN_GRACE_SECONDS. An option counts more than a variable.",
        epilog="example: ROOMD_API_KEY=rd_dev_… roomd serve --listen 0.0.0.0:7777 "
        "--tls-certificate server.pem --tls-key server.key",
        usage="roomd serve [options]",
    )
    _add_settings(serve)
    serve.set_defaults(run=run_serve)


def _add_settings(parser: argparse.ArgumentParser, **defaults: str) -> None:
    """Make an option of every setting."""
    for name, field in Settings.model_fields.items():
        default = defaults.get(name, field.default)
        shown = "" if default in (None, "", False) else f"; default {default}"
        flag: dict[str, Any] = {"nargs": "?", "const": "true"} if field.annotation is bool else {}
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            dest=f"setting_{name}",
            default=None,
            metavar="false" if flag else _metavar(name, field.annotation),
            help=f"{field.description}{shown}",
            **flag,
        )
    parser.set_defaults(setting_defaults=defaults)


def _metavar(name: str, kind: object) -> str:
    """What an option takes, in a word."""
    last = name.upper().rpartition("_")[2]
    is_number = kind in (int, float, float | None)
    return "NUMBER" if is_number and last not in ("SECONDS", "DAYS") else last


def settings_of(options: argparse.Namespace) -> Settings:
    """Options over environment over defaults.

    Raises:
        SystemExit: an option has a value that it cannot have.
    """
    values: dict[str, object] = dict(options.setting_defaults)
    values.update(from_environment())
    for name in Settings.model_fields:
        given = getattr(options, f"setting_{name}")
        if given is not None:
            values[name] = given
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).replace("_", "-")
        raise SystemExit(f"roomd: --{name}: {first['msg']}") from None


def run_dev(options: argparse.Namespace) -> int:
    """Serve on loopback with a key that is kept beside the database."""
    settings = settings_of(options)
    if settings.api_key is None:
        settings = settings.model_copy(update={"api_key": SecretStr(_dev_key())})
    return _run(settings, options)


def run_serve(options: argparse.Namespace) -> int:
    """Serve until a signal says stop."""
    return _run(settings_of(options), options)


def _dev_key() -> str:
    """The key of this folder; made once, readable by its owner only."""
    path = Path(DEV_KEY_FILE)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f"rd_dev_{secrets.token_urlsafe(32)}\n", encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def _run(settings: Settings, options: argparse.Namespace) -> int:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve(settings, options))
    except StartupError as error:
        print(f"roomd: {error}", file=sys.stderr)
        return 2


async def _serve(settings: Settings, options: argparse.Namespace) -> int:
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    gc.set_threshold(*GC_THRESHOLDS)
    logs = Logs(settings.log_level, settings.log_format)
    logs.start()
    try:
        return await _serve_until_stopped(settings, options)
    finally:
        logs.close()


async def _serve_until_stopped(settings: Settings, options: argparse.Namespace) -> int:
    server = await Server.start(settings)
    gc.freeze()  # what exists now stays until the end: not worth looking at ever again
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.command == "dev":
        _greet(server, settings, as_json=options.json)
    else:
        print(f"roomd serves on {server.address}", flush=True)
        if server.metrics_address:
            print(f"metrics: http://{server.metrics_address}/metrics", flush=True)
    await stop.wait()
    print("stopping: finishing calls, draining streams", flush=True)
    await server.stop()
    return 0


def _greet(server: Server, settings: Settings, *, as_json: bool) -> None:
    """Say where it is, what does not hold, and what to do next."""
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    unmet = server.unmet_promises()
    if as_json:
        print_json(
            {
                "address": server.address,
                "api_key": key,
                "metrics_address": server.metrics_address,
                "unmet_promises": unmet,
            }
        )
        return
    lines = [
        "roomd is ready",
        f"  address   {server.address}",
        f"  API key   {key}",
        f"  store     {place_of(settings.store).shown}",
    ]
    if server.metrics_address:
        lines.append(f"  metrics   http://{server.metrics_address}/metrics")
    lines += [f"  not promised here: {promise}" for promise in unmet]
    lines += [
        "",
        "next, in another terminal:",
        f"  export ROOMD_ADDRESS={server.address} ROOMD_API_KEY={key}",
        "  roomd doctor",
        "  roomd room create hall && roomd room attach hall ws-ann",
        '  roomd send hall ws-ann "Hello" && roomd room show hall',
    ]
    print("\n".join(lines), flush=True)
