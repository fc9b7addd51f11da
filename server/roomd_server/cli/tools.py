"""``roomd tool``: what agents can do, and a try of it."""

from __future__ import annotations

import argparse
from typing import Any

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.struct_pb2 import Struct

from roomd import v1 as pb
from roomd.v1.agent_service_pb2_grpc import AgentServiceStub
from roomd_server.cli.client import (
    CALL_SECONDS,
    add_connection,
    connect,
    metadata,
    print_json,
    print_table,
)
from roomd_server.core.times import seconds_of

LONGEST_CALL_SECONDS = 3000.0
"""What a tool may take with all its extensions."""

Subparsers = Any  # argparse names its own type only privately


def add(subparsers: Subparsers) -> None:
    """Add the commands."""
    tools = subparsers.add_parser(
        "tool", help="list and try the tools that workers serve", epilog="example: roomd tool list"
    )
    verbs = tools.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser(
        "list", help="tools that are served now", epilog="example: roomd tool list --channel helper"
    )
    listing.add_argument("--channel", default="", help="only those that this channel's AI may call")
    add_connection(listing)
    listing.set_defaults(run=list_tools)
    call = verbs.add_parser(
        "call",
        help="run a tool; exit code 1 when it does not work",
        epilog="""example: roomd tool call weather '{"city": "Paris"}'""",
    )
    call.add_argument("name", help="name of the tool")
    call.add_argument("arguments", nargs="?", default="{}", type=json_object, help="a JSON object")
    call.add_argument("--room", default="", help="the room that it is called for")
    call.add_argument("--channel", default="", help="the AI channel that it is called for")
    add_connection(call)
    call.set_defaults(run=call_tool)


def json_object(text: str) -> Struct:
    """Read the arguments of a call.

    Raises:
        argparse.ArgumentTypeError: it is no JSON object.
    """
    try:
        return Parse(text, Struct())
    except ParseError as error:
        raise argparse.ArgumentTypeError(f"must be a JSON object: {error}") from None


async def list_tools(options: argparse.Namespace) -> int:
    """Print the tools that are served now."""
    async with connect(options) as channel:
        page = await AgentServiceStub(channel).ListTools(
            pb.ListToolsRequest(channel_id=options.channel, page_size=1000),
            metadata=metadata(options),
            timeout=CALL_SECONDS,
        )
    if options.json:
        for tool in page.tools:
            print_json(tool)
        return 0
    print_table(
        "tools",
        ("name", "workers", "channels", "description"),
        (
            (
                tool.name,
                tool.attached_workers,
                ", ".join(tool.channel_ids) or "all",
                tool.description.partition("\n")[0],
            )
            for tool in page.tools
        ),
    )
    return 0


async def call_tool(options: argparse.Namespace) -> int:
    """Run a tool and print what it says."""
    async with connect(options) as channel:
        response = await AgentServiceStub(channel).CallTool(
            pb.CallToolRequest(
                name=options.name,
                arguments=options.arguments,
                room_id=options.room,
                channel_id=options.channel,
            ),
            metadata=metadata(options),
            timeout=LONGEST_CALL_SECONDS,
        )
    if options.json:
        print_json(response)
    else:
        print(response.result.text)
        outcome = pb.ToolOutcome.Name(response.outcome).removeprefix("TOOL_OUTCOME_").lower()
        print(f"({outcome} by {response.worker_id or 'nobody'}, {seconds_of(response.took):.3f} s)")
    return 1 if response.result.is_error else 0
