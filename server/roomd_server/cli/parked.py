"""``roomd hooks parked``: what durable observers gave up."""

from __future__ import annotations

import argparse
from typing import Any

from roomd import v1 as pb
from roomd.v1.hook_service_pb2_grpc import HookServiceStub
from roomd_server.cli.client import (
    CALL_SECONDS,
    add_connection,
    connect,
    metadata,
    print_json,
    print_table,
)

Subparsers = Any  # argparse names its own type only privately

PAGE_SIZE = 1000


def add(verbs: Subparsers) -> None:
    """Add the commands."""
    parked = verbs.add_parser(
        "parked",
        help="what durable observers gave up: list, replay or purge it",
        epilog="example: roomd hooks parked list audit",
    )
    actions = parked.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, words in (
        ("list", list_parked, "show it, oldest first in each room"),
        ("replay", replay_parked, "let it be told again"),
        ("purge", purge_parked, "forget it"),
    ):
        action = actions.add_parser(
            name, help=words, epilog=f"example: roomd hooks parked {name} audit --room support"
        )
        action.add_argument("hook", help="name of the hook")
        action.add_argument("--room", default="", help="only of this room")
        if name != "list":
            action.add_argument(
                "--only", action="append", default=[], help="an invocation id; repeatable"
            )
        add_connection(action)
        action.set_defaults(run=run)


async def list_parked(options: argparse.Namespace) -> int:
    """Print everything that is parked."""
    request = pb.ListParkedInvocationsRequest(
        hook=options.hook, room_id=options.room, page_size=PAGE_SIZE
    )
    parked: list[pb.ParkedInvocation] = []
    async with connect(options) as channel:
        while True:
            page = await HookServiceStub(channel).ListParkedInvocations(
                request, metadata=metadata(options), timeout=CALL_SECONDS
            )
            parked += page.parked
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
    if options.json:
        for one in parked:
            print_json(one)
        return 0
    print_table(
        "parked",
        ("invocation", "room", "trigger", "event", "attempts", "parked", "why"),
        (
            (
                one.invocation_id,
                one.room_id,
                pb.HookTrigger.Name(one.trigger).removeprefix("HOOK_TRIGGER_").lower(),
                one.event_id,
                one.attempts,
                one.park_time.ToDatetime().isoformat(sep=" ", timespec="seconds"),
                one.last_status.message,
            )
            for one in parked
        ),
    )
    return 0


async def replay_parked(options: argparse.Namespace) -> int:
    """Let it be told again; says how many."""
    request = pb.ReplayParkedInvocationsRequest(
        hook=options.hook, room_id=options.room, invocation_ids=options.only
    )
    async with connect(options) as channel:
        answer = await HookServiceStub(channel).ReplayParkedInvocations(
            request, metadata=metadata(options), timeout=CALL_SECONDS
        )
    _print_count(options, answer, f"replayed {answer.replayed}")
    return 0


async def purge_parked(options: argparse.Namespace) -> int:
    """Forget it; says how many."""
    request = pb.PurgeParkedInvocationsRequest(
        hook=options.hook, room_id=options.room, invocation_ids=options.only
    )
    async with connect(options) as channel:
        answer = await HookServiceStub(channel).PurgeParkedInvocations(
            request, metadata=metadata(options), timeout=CALL_SECONDS
        )
    _print_count(options, answer, f"purged {answer.purged}")
    return 0


def _print_count(
    options: argparse.Namespace,
    answer: pb.ReplayParkedInvocationsResponse | pb.PurgeParkedInvocationsResponse,
    words: str,
) -> None:
    if options.json:
        print_json(answer)
    else:
        print(words)
