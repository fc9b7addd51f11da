"""``roomd demo``: a conversation with hooks, channels and an AI that survives a SIGKILL."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import grpc
from rich.console import Console

from roomd import v1 as pb
from roomd.v1.channel_service_pb2_grpc import ChannelServiceStub
from roomd.v1.event_service_pb2_grpc import EventServiceStub
from roomd.v1.room_service_pb2_grpc import RoomServiceStub
from roomd_server.cli.client import print_json, print_table
from roomd_server.cli.demo_checks import Evidence, check
from roomd_server.cli.demo_people import Person
from roomd_server.cli.rooms import event_row

Subparsers = Any  # argparse names its own type only privately
Script = dict[str, Any]

SCRIPT = Path(__file__).with_name("demo_script.json")
READY_SECONDS = 30.0
SETTLE_SECONDS = 20.0
RECOVERY_SECONDS = 30.0


def add(subparsers: Subparsers) -> None:
    """Add the command."""
    command = subparsers.add_parser(
        "demo",
        help="a conversation with hooks and an AI, killed in the middle, that loses nothing",
        epilog="example: roomd demo --script my-conversation.json --json",
    )
    command.add_argument("--script", type=Path, default=SCRIPT, help="a conversation to play")
    command.add_argument("--json", action="store_true", help="print the checks as JSON")
    command.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Play the script; exit code 0 only when every check holds."""
    script: Script = json.loads(options.script.read_text(encoding="utf-8"))
    folder = Path(tempfile.mkdtemp(prefix="roomd-demo-"))
    stage = Stage(script, options.script, folder, Console(quiet=options.json))
    try:
        evidence = await stage.play()
    finally:
        await stage.close()
        shutil.rmtree(folder, ignore_errors=True)
    checks = check(script, evidence)
    if options.json:
        print_json({"ok": all(one.ok for one in checks), "checks": [one.row() for one in checks]})
    else:
        print_table(
            "timeline",
            ("index", "from", "status", "says", "hooks"),
            (event_row(event) for event in _excerpt(evidence.timeline)),
        )
        print_table(
            "checks",
            ("", "check", "what was seen"),
            (("ok" if one.ok else "FAILED", one.name, one.detail) for one in checks),
        )
    return 0 if all(one.ok for one in checks) else 1


def _excerpt(timeline: list[pb.RoomEvent]) -> list[pb.RoomEvent]:
    """Leave out the middle of a long burst: the checks looked at all of it."""
    plain = [event for event in timeline if "burst" not in event.metadata.fields]
    burst = [event for event in timeline if "burst" in event.metadata.fields]
    return sorted([*plain, *burst[:2], *burst[-2:]], key=lambda event: event.index)


class Stage:
    """The processes and people of the demo."""

    def __init__(self, script: Script, path: Path, folder: Path, console: Console) -> None:
        self._script = script
        self._path = path
        self._folder = folder
        self._say = console.print
        self._key = f"rd_dev_{secrets.token_urlsafe(24)}"
        self._address = f"127.0.0.1:{_free_port()}"
        self._server: Process | None = None
        self._worker: Process | None = None
        self._channel = grpc.aio.insecure_channel(self._address)
        self._metadata = (("authorization", f"Bearer {self._key}"),)
        self._people: dict[str, Person] = {}
        self._evidence = Evidence()

    # -------------------------------------------------------------- the play

    async def play(self) -> Evidence:
        """Set the scene, play every step, read the timeline back."""
        await self._start_server()
        self._worker = await self._start(
            "roomd_server.cli.demo_worker",
            self._address,
            self._key,
            str(self._path),
            str(self._folder / "outbox.jsonl"),
        )
        await self._expect(self._worker, "attached")
        self._say("[bold]worker[/] attached: hook moderation, channel sms")
        await self._set_scene()
        for name in self._script["people"]:
            person = Person(self._address, self._key, self._script["room"], name)
            await person.connect()
            self._people[name] = person
        for step in self._script["steps"]:
            await self._step(step)
        return await self._read_back()

    async def _set_scene(self) -> None:
        """Make the room with people, phone and AI."""
        room, script = self._script["room"], self._script
        channels = ChannelServiceStub(self._channel)
        ai = pb.ChannelImplementation(
            script=pb.ChannelImplementation.Script(
                responses=script["ai"]["responses"], streaming=script["ai"].get("streaming", True)
            )
        )
        for channel in (
            *(
                pb.Channel(channel_id=f"ws-{name}", type=pb.CHANNEL_TYPE_WEBSOCKET)
                for name in script["people"]
            ),
            pb.Channel(channel_id="ai", type=pb.CHANNEL_TYPE_AI, implementation=ai),
        ):
            request = pb.RegisterChannelRequest(channel=channel)
            await channels.RegisterChannel(request, metadata=self._metadata)
        await RoomServiceStub(self._channel).CreateRoom(
            pb.CreateRoomRequest(room_id=room), metadata=self._metadata
        )
        phone = pb.Binding()
        phone.metadata.update({"phone_number": script["phone"]})
        for channel_id in (*(f"ws-{name}" for name in script["people"]), "sms", "ai"):
            await channels.AttachChannel(
                pb.AttachChannelRequest(
                    room_id=room,
                    channel_id=channel_id,
                    binding=phone if channel_id == "sms" else None,
                ),
                metadata=self._metadata,
            )
        self._say(f"[bold]room[/] {room}: {', '.join(script['people'])}, a phone, an AI")

    async def _step(self, step: dict[str, Any]) -> None:
        if step.get("crash"):
            await self._crash(int(step.get("meanwhile", 20)))
            return
        person = self._people[step["from"]]
        if step.get("typing"):
            await person.type()
            self._say(f"[dim]{person.name} is typing …[/]")
            return
        sent = await person.send(_content(step))
        self._evidence.acknowledged.append(sent)
        verdict = f"  [red]blocked: {sent.reason}[/]" if sent.blocked_by else ""
        self._say(f"[bold]{person.name}[/] {step.get('text') or step['rich']['body']}{verdict}")
        await self._settle()

    async def _settle(self) -> None:
        """Let deliveries and the AI's answer come to their end."""
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                events = await self._timeline()
                pending = await EventServiceStub(self._channel).ListDeliveries(
                    pb.ListDeliveriesRequest(
                        room_id=self._script["room"],
                        states=[pb.DELIVERY_STATE_PENDING, pb.DELIVERY_STATE_SENDING],
                    ),
                    metadata=self._metadata,
                )
                if not pending.deliveries and events:
                    return
                await asyncio.sleep(0.05)

    async def _crash(self, meanwhile: int) -> None:
        """Kill the server while everybody talks; start it again; everybody goes on."""
        people = list(self._people.values())
        sends = [
            asyncio.ensure_future(
                people[number % len(people)].send_until_answered(_burst(number), f"burst-{number}")
            )
            for number in range(meanwhile)
        ]
        waiting: set[asyncio.Future[pb.SendResult]] = set(sends)
        while len(waiting) > meanwhile * 2 // 3:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert self._server is not None
        before = sum(send.done() for send in sends)
        self._server.send_signal(signal.SIGKILL)
        await self._server.wait()
        self._say(
            f"[bold red]SIGKILL[/] with {before} of {meanwhile} messages acknowledged, "
            "the others on their way"
        )
        await self._start_server()
        async with asyncio.timeout(RECOVERY_SECONDS):
            self._evidence.acknowledged += await asyncio.gather(*sends)
            await self._hook_is_back()
        self._evidence.crashed = True
        self._say("[bold green]restarted[/]: everybody has reconnected, all was answered")
        await self._settle()

    async def _hook_is_back(self) -> None:
        """Wait until the worker has attached to the new process by itself."""
        channels = ChannelServiceStub(self._channel)
        while True:
            found = await channels.GetChannel(
                pb.GetChannelRequest(channel_id="sms"), metadata=self._metadata
            )
            if found.channel.attached:
                return
            await asyncio.sleep(0.1)

    async def _timeline(self) -> list[pb.RoomEvent]:
        events: list[pb.RoomEvent] = []
        token = ""
        while True:
            page = await EventServiceStub(self._channel).ListEvents(
                pb.ListEventsRequest(room_id=self._script["room"], page_size=500, page_token=token),
                metadata=self._metadata,
            )
            events.extend(page.events)
            token = page.next_page_token
            if not token:
                return events

    async def _read_back(self) -> Evidence:
        evidence = self._evidence
        evidence.timeline = await self._timeline()
        evidence.seen = {name: person.seen for name, person in self._people.items()}
        outbox = self._folder / "outbox.jsonl"
        lines = outbox.read_text(encoding="utf-8").splitlines() if outbox.exists() else []
        evidence.outbox = [json.loads(line) for line in lines]
        return evidence

    # -------------------------------------------------------------- processes

    async def _start_server(self) -> None:
        self._server = await self._start(
            "roomd_server.cli",
            "serve",
            f"--store=sqlite:///{self._folder / 'demo.db'}",
            f"--listen={self._address}",
            f"--api-key={self._key}",
        )
        await self._expect(self._server, "serves")
        self._say(f"[bold]server[/] pid {self._server.pid} on {self._address}")

    async def _start(self, module: str, *arguments: str) -> Process:
        with (self._folder / "stderr.log").open("ab") as errors:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *arguments, stdout=PIPE, stderr=errors
            )

    async def _expect(self, process: Process, word: str) -> None:
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            while line := await process.stdout.readline():
                if word in line.decode():
                    return
        said = (self._folder / "stderr.log").read_text(encoding="utf-8")[-2000:]
        raise RuntimeError(f"process {process.pid} ended before it was ready:\n{said}")

    async def close(self) -> None:
        """Hang up and end the processes."""
        for person in self._people.values():
            await person.close()
        await self._channel.close(None)
        for process in (self._worker, self._server):
            if process is not None and process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), READY_SECONDS)
                except TimeoutError:
                    process.kill()
                    await process.wait()


def _content(step: dict[str, Any]) -> pb.Content:
    if "text" in step:
        return pb.Content(text=pb.TextContent(body=step["text"]))
    rich = pb.RichContent(
        body=step["rich"]["body"],
        format=pb.RichContent.FORMAT_MARKDOWN,
        plain_text=step["rich"].get("plain_text", ""),
    )
    for label in step["rich"].get("buttons", ()):
        rich.buttons.add().update({"text": label})
    return pb.Content(rich=rich)


def _burst(number: int) -> pb.Content:
    return pb.Content(text=pb.TextContent(body=f"message {number} of the burst"))


def _free_port() -> int:
    """A port that is free now; the server is started on it twice."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
