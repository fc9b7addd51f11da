"""``roomd hooks``: what decides, who serves it, and what it would say."""

from __future__ import annotations

import argparse
from typing import Any

from roomd import v1 as pb
from roomd.v1.hook_service_pb2_grpc import HookServiceStub
from roomd_server.cli import parked, watching
from roomd_server.cli.client import (
    CALL_SECONDS,
    add_connection,
    connect,
    metadata,
    print_json,
    print_table,
)
from roomd_server.core.times import seconds_of
from roomd_server.core.transcode import text_of

Subparsers = Any  # argparse names its own type only privately


def add(subparsers: Subparsers) -> None:
    """Add the commands."""
    hooks = subparsers.add_parser(
        "hooks", help="list and try hooks and their workers", epilog="example: roomd hooks list"
    )
    verbs = hooks.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser(
        "list", help="stored hooks", epilog="example: roomd hooks list --json"
    )
    add_connection(listing)
    listing.set_defaults(run=list_hooks)
    workers = verbs.add_parser(
        "workers", help="attached workers", epilog="example: roomd hooks workers"
    )
    add_connection(workers)
    workers.set_defaults(run=list_workers)
    watching.add(verbs)
    parked.add(verbs)
    delete = verbs.add_parser(
        "delete",
        help="remove a hook, what waits for it, and what it gave up",
        epilog="example: roomd hooks delete audit",
    )
    delete.add_argument("name", help="name of the hook")
    add_connection(delete)
    delete.set_defaults(run=delete_hook)
    test = verbs.add_parser(
        "test",
        help="run a text through a room's hooks; nothing is stored",
        epilog='example: roomd hooks test support "buy cheap pills"',
    )
    test.add_argument("room_id")
    test.add_argument("text")
    test.add_argument("--only", action="append", default=[], help="a hook's name; repeatable")
    add_connection(test)
    test.set_defaults(run=test_hooks)


async def list_hooks(options: argparse.Namespace) -> int:
    """Print the stored hooks."""
    async with connect(options) as channel:
        page = await HookServiceStub(channel).ListHooks(
            pb.ListHooksRequest(page_size=1000), metadata=metadata(options), timeout=CALL_SECONDS
        )
    if options.json:
        for hook in page.hooks:
            print_json(hook)
        return 0
    print_table(
        "hooks",
        (
            "name",
            "mode",
            "triggers",
            "priority",
            "state",
            "workers",
            "policy",
            "dropped",
            "backlog",
            "parked",
        ),
        (
            (
                hook.name,
                pb.HookMode.Name(hook.spec.mode).removeprefix("HOOK_MODE_").lower(),
                ", ".join(
                    pb.HookTrigger.Name(trigger).removeprefix("HOOK_TRIGGER_").lower()
                    for trigger in hook.spec.triggers
                ),
                hook.spec.priority,
                pb.Hook.State.Name(hook.state).removeprefix("STATE_").lower(),
                hook.attached_workers,
                pb.FailurePolicy.Name(hook.spec.failure_policy)
                .removeprefix("FAILURE_POLICY_")
                .lower(),
                hook.dropped,
                hook.backlog,
                hook.parked,
            )
            for hook in page.hooks
        ),
    )
    return 0


async def list_workers(options: argparse.Namespace) -> int:
    """Print the attached workers."""
    async with connect(options) as channel:
        page = await HookServiceStub(channel).ListWorkers(
            pb.ListWorkersRequest(page_size=1000),
            metadata=metadata(options),
            timeout=CALL_SECONDS,
        )
    if options.json:
        for worker in page.workers:
            print_json(worker)
        return 0
    print_table(
        "workers",
        ("worker", "sdk", "handlers", "in flight", "since"),
        (
            (
                worker.worker_id,
                worker.sdk,
                ", ".join(worker.handlers),
                worker.in_flight,
                worker.connect_time.ToDatetime().isoformat(sep=" ", timespec="seconds"),
            )
            for worker in page.workers
        ),
    )
    return 0


async def delete_hook(options: argparse.Namespace) -> int:
    """Remove a hook."""
    async with connect(options) as channel:
        response = await HookServiceStub(channel).DeleteHook(
            pb.DeleteHookRequest(name=options.name),
            metadata=metadata(options),
            timeout=CALL_SECONDS,
        )
    if options.json:
        print_json(response)
    else:
        print(f"deleted {options.name}")
    return 0


async def test_hooks(options: argparse.Namespace) -> int:
    """Dry-run a text; exit code 1 when it would be blocked."""
    event = pb.RoomEvent(
        type=pb.EVENT_TYPE_MESSAGE,
        room_id=options.room_id,
        content=pb.Content(text=pb.TextContent(body=options.text)),
    )
    async with connect(options) as channel:
        response = await HookServiceStub(channel).TestHooks(
            pb.TestHooksRequest(
                room_id=options.room_id,
                trigger=pb.HOOK_TRIGGER_BEFORE_BROADCAST,
                payload=pb.HookPayload(event=event),
                only=options.only,
            ),
            metadata=metadata(options),
            timeout=CALL_SECONDS,
        )
    if options.json:
        print_json(response)
    else:
        print_table(
            "chain",
            ("hook", "worker", "ms", "decision", "status"),
            (
                (
                    step.hook,
                    step.worker_id,
                    f"{seconds_of(step.took) * 1000:.1f}",
                    step.decision.WhichOneof("action") or step.skipped_because,
                    step.status.message,
                )
                for step in response.steps
            ),
        )
        if response.blocked:
            print(f"blocked: {response.reason}")
        else:
            print(f"allowed: {text_of(response.final_payload.event.content)}")
    return 1 if response.blocked else 0
