"""``roomd doctor``: is this installation, and that server, in order?"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from roomd import v1 as pb
from roomd.v1.admin_service_pb2_grpc import AdminServiceStub
from roomd_server.api.fronts import StartupError
from roomd_server.cli.client import (
    add_connection,
    connect,
    describe,
    metadata,
    print_json,
    print_table,
)
from roomd_server.cli.migrate import add_store
from roomd_server.cli.tls import TlsError, name_shown, own_certificate
from roomd_server.storage import examine

Subparsers = Any  # argparse names its own type only privately

ANSWER_SECONDS = 3.0


def add(subparsers: Subparsers) -> None:
    """Add the command."""
    command = subparsers.add_parser(
        "doctor",
        help="check the installation and a server; exit code 0 when all is well",
        description="Checks the installation and a server. With ROOMD_TLS_CERTIFICATE, as the "
        "server has it, the server of this machine is trusted by that certificate.",
        epilog="example: roomd doctor --address 127.0.0.1:7777",
    )
    add_connection(command)
    add_store(command)
    command.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Check, print, and say by the exit code whether everything is well."""
    checks = [_python(), _sqlite()]
    if options.store:
        checks.append(await _store(options.store))
    if certificate := own_certificate(options):
        checks.append(await _trust_own(options, certificate))
    if checks[-1][1]:
        async with connect(options) as channel:
            checks.append(await _health(channel, options.address))
            if checks[-1][1]:
                checks.append(await _info(channel, options))
    if options.json:
        for name, ok, detail in checks:
            print_json({"check": name, "ok": ok, "detail": detail})
    else:
        print_table(
            "doctor",
            ("check", "", "detail"),
            ((name, "ok" if ok else "FAILED", detail) for name, ok, detail in checks),
        )
    return 0 if all(ok for _, ok, _ in checks) else 1


Check = tuple[str, bool, str]


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return "python", sys.version_info >= (3, 11), f"{version}; 3.11 or newer is needed"


def _sqlite() -> Check:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE probe USING fts5(body)")
    except sqlite3.OperationalError as error:
        return "sqlite", False, f"{sqlite3.sqlite_version} without full-text search: {error}"
    finally:
        connection.close()
    return "sqlite", True, f"{sqlite3.sqlite_version} with full-text search"


async def _store(url: str) -> Check:
    try:
        return "store", True, await examine(url)
    except StartupError as error:
        return "store", False, str(error)


async def _trust_own(options: argparse.Namespace, certificate: str) -> Check:
    """Trust the server of this machine by its own certificate, under the name in it."""
    try:
        name = await name_shown(options, certificate)
    except TlsError as error:
        return "certificate", False, str(error)
    options.tls_ca, options.tls_name = certificate, options.tls_name or name
    return "certificate", True, f"{certificate} is what {options.address} shows, for {name}"


async def _health(channel: grpc.aio.Channel, address: str) -> Check:
    try:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=ANSWER_SECONDS, wait_for_ready=False
        )
    except grpc.aio.AioRpcError as error:
        return "server", False, f"{address}: {describe(error)}"
    serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return "server", serving, f"{address} is {name}"


async def _info(channel: grpc.aio.Channel, options: argparse.Namespace) -> Check:
    began = time.monotonic()
    try:
        info = await AdminServiceStub(channel).GetServerInfo(
            pb.GetServerInfoRequest(), metadata=metadata(options), timeout=ANSWER_SECONDS
        )
    except grpc.aio.AioRpcError as error:
        return "credential", False, describe(error)
    took_ms = (time.monotonic() - began) * 1000
    unmet = "; ".join(info.unmet_promises) or "all promises hold"
    return "credential", True, f"roomd {info.version} on {info.store}, {took_ms:.1f} ms; {unmet}"
