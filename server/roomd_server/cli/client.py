"""A connection for the commands, and how they print."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from rich.console import Console
from rich.table import Table

from roomd_server.cli.tls import add_tls, open_channel

DEFAULT_ADDRESS = "127.0.0.1:7777"
CALL_SECONDS = 30.0


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the server is, and how to print."""
    parser.add_argument(
        "--address",
        default=os.environ.get("ROOMD_ADDRESS", DEFAULT_ADDRESS),
        help="where the server listens (or ROOMD_ADDRESS); default %(default)s",
    )
    parser.add_argument(
        "--key",
        default=os.environ.get("ROOMD_API_KEY", ""),
        help="the API key (or ROOMD_API_KEY)",
    )
    add_tls(parser)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")


def connect(options: argparse.Namespace) -> grpc.aio.Channel:
    """Open a channel to the server.

    Raises:
        TlsError: a TLS file cannot be read.
    """
    return open_channel(options.address, options)


def metadata(options: argparse.Namespace) -> tuple[tuple[str, str], ...]:
    """The credential as call metadata."""
    return (("authorization", f"Bearer {options.key}"),) if options.key else ()


def describe(error: grpc.aio.AioRpcError) -> str:
    """Say what went wrong, with the reason and the fields that were refused."""
    lines = [f"{error.code().name}: {error.details()}"]
    status = rpc_status.from_call(cast("grpc.Call", error))
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(info):
            lines[0] = f"{info.reason}: {error.details()}"
        elif detail.Unpack(bad):
            lines += [f"  {one.field}: {one.description}" for one in bad.field_violations]
    if error.code() == grpc.StatusCode.UNAVAILABLE and status is None:
        lines.append("  is the server running? start one with: roomd dev")
    return "\n".join(lines)


def print_json(value: Message | Mapping[str, object] | Sequence[object]) -> None:
    """Print one JSON document per line."""
    if isinstance(value, Message):
        value = MessageToDict(value, preserving_proto_field_name=True)
    print(json.dumps(value, ensure_ascii=False), flush=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; says so when it is empty."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    count = 0
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
        count += 1
    console = Console()
    if count:
        console.print(table)
    else:
        console.print(f"{title}: none")
