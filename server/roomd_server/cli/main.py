"""Parsing of the command line; what each command does lives beside it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import cast

import grpc

from roomd_server import __version__
from roomd_server.cli.client import describe
from roomd_server.cli.tls import TlsError

COMMANDS = {
    "dev": "serving",
    "serve": "serving",
    "demo": "demo",
    "doctor": "doctor",
    "migrate": "migrate",
    "room": "rooms",
    "send": "rooms",
    "hooks": "hooks",
    "tool": "tools",
    "keys": "keys",
    "bench": "bench",
}
"""Command → the module beside this one whose ``add(subparsers)`` adds it, in the help's order."""

EPILOG = """examples:
  roomd dev                                  a server on a SQLite file, ready to try
  roomd demo                                 a conversation that survives a SIGKILL
  roomd room create support                  a room
  roomd room attach support ws-alice         a channel in it
  roomd send support ws-alice "Hello"        a message into it
  roomd room tail support                    what happens there
"""


def parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Build the parser of the command that the words begin with, else of all commands.

    Only what is needed is imported: the server alone takes half a second.
    """
    root = argparse.ArgumentParser(
        prog="roomd",
        description="Rooms, channels and hooks as a gRPC service.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"roomd {__version__}")
    subparsers = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    meant = COMMANDS.get(words[0]) if words else None
    for name in [meant] if meant else dict.fromkeys(COMMANDS.values()):
        import_module(f"roomd_server.cli.{name}").add(subparsers)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words:
        parser().print_help(sys.stderr)
        return 2
    options = parser(words).parse_args(words)
    run = cast("Callable[[argparse.Namespace], int | Awaitable[int]]", options.run)
    try:
        outcome = run(options)
        if isinstance(outcome, int):
            return outcome
        return asyncio.run(_finish(outcome))
    except grpc.aio.AioRpcError as error:
        print(describe(error), file=sys.stderr)
        return 1
    except TlsError as error:
        print(f"roomd: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


async def _finish(outcome: Awaitable[int]) -> int:
    return await outcome


if __name__ == "__main__":
    raise SystemExit(main())
