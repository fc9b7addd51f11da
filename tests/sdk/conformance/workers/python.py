"""The conformance worker of the Python SDK; see ../README.md.

Only public names of ``roomd`` are used. ``--broken=NAME`` breaks the stream below the SDK.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Never

import grpc
from google.protobuf.duration_pb2 import Duration

from roomd import (
    Channel,
    ChannelCategory,
    ChannelOutput,
    ChannelType,
    EventSource,
    HookExecution,
    HookResult,
    HookTrigger,
    InboundRoomRouter,
    InjectedEvent,
    Observation,
    ProviderResult,
    Reconnect,
    RoomEvent,
    RoomKit,
    RoomKitError,
    SystemContent,
    Task,
    TextContent,
    Tool,
    ToolResult,
    current_invocation,
)

sys.path.insert(0, str(Path(__file__).resolve().parent))
import python_broken

INPUT_BYTES = 16 * 1024 * 1024


def say(saw: str, **fields: Any) -> None:
    """Say what was seen."""
    print(json.dumps({"saw": saw, **fields}), flush=True)


class Unsupported(Exception):
    """The SDK does not have it."""


class NotDelivered(Exception):
    """A delivery that did not work."""

    def __init__(self, code: str, retryable: bool) -> None:
        super().__init__(code)
        self.code = code
        self.retryable = retryable


class CaseWorker:
    """What one ``start`` asks for."""

    def __init__(self, command: Mapping[str, Any]) -> None:
        self._settings = command.get("settings", {})
        reconnect = self._settings.get("reconnect", {})
        jitter = reconnect.get("jitter")
        times = {
            f"{name}_seconds": reconnect[f"{name}_ms"] / 1000
            for name in ("first", "max", "steady")
            if f"{name}_ms" in reconnect
        }
        if jitter is not None:
            times["jitter"] = lambda: jitter
        routers = [one for one in command["handlers"] if "inboundRouter" in one["spec"]]
        self.kit = RoomKit(
            command["address"],
            api_key=command.get("key", ""),
            takeover=self._settings.get("takeover", False),
            worker_id=self._settings.get("worker_id", ""),
            reconnect=Reconnect(**times),
            inbound_router=Router(routers[0], self) if routers else None,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self.attach(command["handlers"])

    def attach(self, handlers: list[Mapping[str, Any]]) -> None:
        """Attach handlers, all at once, without waiting for it."""
        for handler in handlers:
            if "hook" in handler["spec"]:
                self._hook(handler)
            elif "channelProvider" in handler["spec"]:
                self.kit.register_channel(channel_of(handler, self))
            elif "tool" in handler["spec"]:
                self.kit.register_tool(CaseTool(handler, self))
        task = asyncio.create_task(self._connect([one["name"] for one in handlers]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, names: list[str]) -> None:
        try:
            await self.kit.connect()
        except RoomKitError as error:
            named = {"name": names[0]} if len(names) == 1 else {}
            say("refused", reason=error.reason, **named)
        else:
            for name in names:
                say("attached", name=name)

    def _hook(self, handler: Mapping[str, Any]) -> None:
        spec = handler["spec"]["hook"]
        (named,) = spec["triggers"]
        observes = spec["mode"] == "HOOK_MODE_OBSERVE"
        register = self.kit.hook(
            HookTrigger(named.removeprefix("HOOK_TRIGGER_").lower()),
            HookExecution.ASYNC if observes else HookExecution.SYNC,
            priority=spec.get("priority", 0),
            name=handler["name"],
            timeout=seconds_of(spec.get("timeout", "2s")),
            channel_ids=spec.get("filter", {}).get("channelIds"),
            durable=spec.get("delivery") == "HOOK_DELIVERY_DURABLE",
        )

        async def hook(event: RoomEvent) -> HookResult:
            return await self.run(handler, event, decision, trigger=named)

        register(hook)

    async def run(
        self,
        handler: Mapping[str, Any],
        event: Any,
        last: Callable[[Mapping[str, Any], Any], Any],
        **told: Any,
    ) -> Any:
        """Run the steps of a handler for a message; ``last`` makes its answer of the last one."""
        content = getattr(event, "content", None)
        text = content.body if isinstance(content, TextContent) else None
        answer = partial(last, event=event)
        return await self.play(handler, text, answer, kind=kind_of(content), **told)

    async def play(
        self,
        handler: Mapping[str, Any],
        text: str | None,
        last: Callable[[Mapping[str, Any]], Any],
        **told: Any,
    ) -> Any:
        """Run the steps of a handler that the text chooses."""
        invocation = current_invocation()
        assert invocation is not None
        name = handler["name"]
        say(
            "invoked",
            name=name,
            id=invocation.id,
            attempt=invocation.attempt,
            text=text,
            trace=dict(invocation.trace_context),
            **told,
        )
        behave = handler.get("behave", {"*": [{"allow": {}}]})
        steps = behave.get(text if text in behave else "*", [{"allow": {}}])
        try:
            for step in steps:
                answer = await self._step(step, last, invocation.room_id)
        except asyncio.CancelledError:
            say("cancelled", name=name, id=invocation.id)
            raise
        except Unsupported as error:
            say("unsupported", what=str(error))
            raise
        finally:
            say("finished", name=name, id=invocation.id)
        return answer

    async def _step(
        self, step: Mapping[str, Any], last: Callable[[Mapping[str, Any]], Any], room_id: str
    ) -> Any:
        match step:
            case {"sleep_ms": wait}:
                await asyncio.sleep(wait / 1000)
            case {"wait_cancel": _}:
                await asyncio.Event().wait()
            case {"raise": words}:
                raise RuntimeError(words)
            case {"call": _}:
                await self._call(room_id)
            case _:
                return last(step)
        return None

    async def _call(self, room_id: str) -> None:
        try:
            await self.kit.get_room(room_id)
        except RoomKitError as error:
            say("called", ok=False, reason=error.reason)
        else:
            say("called", ok=True, reason="")

    async def stop(self) -> None:
        """Close the graceful way."""
        await self.kit.close()
        await self._drop_tasks()

    async def abandon(self) -> None:
        """Close; whatever runs is cancelled with the streams."""
        await self._drop_tasks()
        await self.kit.close()

    async def _drop_tasks(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def seconds_of(duration: str) -> float:
    """Seconds of a Duration in JSON."""
    parsed = Duration()
    parsed.FromJsonString(duration)
    return parsed.ToTimedelta().total_seconds()


def kind_of(content: Any) -> str | None:
    """The kind of a content by its name in the protocol."""
    if content is None:
        return None
    if isinstance(content, SystemContent) and (content.code or "").startswith("unknown"):
        return "unknown"
    return type(content).__name__.removesuffix("Content").lower()


def decision(step: Mapping[str, Any], event: RoomEvent) -> HookResult:
    """What a hook answers."""
    match step:
        case {"block": reason}:
            return HookResult.block(reason)
        case {"modify": {"text": text}}:
            return HookResult.modify(event.model_copy(update={"content": TextContent(body=text)}))
        case {"modify": {"metadata": added}}:
            metadata = {**event.metadata, **added}
            return HookResult.modify(event.model_copy(update={"metadata": metadata}))
        case {"modify": {"event_id": event_id}}:
            return HookResult.modify(event.model_copy(update={"id": event_id}))
        case {"oversize": size}:
            return HookResult.allow(metadata={"filler": "x" * size})
        case {"allow": extras}:
            return HookResult.allow(
                tasks=[Task(title=title) for title in extras.get("tasks", ())],
                observations=[
                    Observation(content="", category=category, confidence=0.5)
                    for category in extras.get("observations", ())
                ],
                injected_events=[injected(one, event) for one in extras.get("inject", ())],
                metadata=extras.get("metadata", {}),
            )
    raise Unsupported(f"{step} of a hook")


def injected(described: Mapping[str, Any], event: RoomEvent) -> InjectedEvent:
    """A text that a hook adds."""
    said = said_by(event, described["text"])
    return InjectedEvent(event=said, target_channel_ids=described.get("targets"))


def said_by(event: RoomEvent, text: str) -> RoomEvent:
    """A text in the room of an event."""
    source = EventSource(channel_id="", channel_type=ChannelType.SYSTEM)
    return RoomEvent(room_id=event.room_id, source=source, content=TextContent(body=text))


class Outside(Channel):
    """A channel of the case."""

    def __init__(self, handler: Mapping[str, Any], worker: CaseWorker) -> None:
        super().__init__(handler["name"])
        self._handler = handler
        self._worker = worker

    async def deliver(self, event: RoomEvent, binding: Any, context: Any) -> ChannelOutput:
        """Do what the case says."""
        result: ChannelOutput = await self._worker.run(self._handler, event, delivered)
        return result

    async def on_event(self, event: RoomEvent, binding: Any, context: Any) -> ChannelOutput:
        """Answer what the case says."""
        result: ChannelOutput = await self._worker.run(self._handler, event, responded)
        return result

    async def handle_inbound(self, message: Any, context: Any) -> RoomEvent:
        """Convert as the case says."""
        text = await self._worker.run(
            self._handler, message, lambda step, event: step["convert"]["text"]
        )
        source = EventSource(channel_id=self.channel_id, channel_type=self.channel_type)
        return RoomEvent(room_id=context.room.id, source=source, content=TextContent(body=text))


class Answering(Outside):
    """A channel of the case that answers."""

    channel_type = ChannelType.AI
    category = ChannelCategory.INTELLIGENCE


def channel_of(handler: Mapping[str, Any], worker: CaseWorker) -> Outside:
    """The channel of the case: one that answers when it has something to say."""
    answers = any("respond" in step for steps in handler["behave"].values() for step in steps)
    return (Answering if answers else Outside)(handler, worker)


def delivered(step: Mapping[str, Any], event: RoomEvent) -> ChannelOutput:
    """What a delivery comes to."""
    match step:
        case {"deliver": {"message_id": message_id}}:
            result = ProviderResult(success=True, provider_message_id=message_id)
            return ChannelOutput(provider_result=result)
        case {"deliver": {"error": code, "retryable": retryable}}:
            raise NotDelivered(code, retryable)
    raise Unsupported(f"{step} of a delivery")


def responded(step: Mapping[str, Any], event: RoomEvent) -> ChannelOutput:
    """What a channel answers."""
    described = step["respond"]

    async def chunks() -> AsyncIterator[str]:
        for number, text in enumerate(described["chunks"]):
            if number:
                await asyncio.sleep(described.get("gap_ms", 0) / 1000)
            yield text

    text = described.get("text")
    return ChannelOutput(
        response_stream=chunks() if described.get("chunks") else None,
        response_events=[said_by(event, text)] if text else [],
    )


class Router(InboundRoomRouter):
    """The router of the case."""

    def __init__(self, handler: Mapping[str, Any], worker: CaseWorker) -> None:
        self._handler = handler
        self._worker = worker

    async def route(self, channel_id: str, channel_type: Any, participant_id: Any) -> str | None:
        """Route as the case says."""
        room: str = await self._worker.run(self._handler, None, lambda step, event: step["route"])
        return room or None


class CaseTool(Tool):
    """The tool of the case."""

    def __init__(self, handler: Mapping[str, Any], worker: CaseWorker) -> None:
        spec = handler["spec"]["tool"]
        self.name = handler["name"]
        self.description = spec["description"]
        self.parameters = spec.get("parameters")
        self.channel_ids = spec.get("channelIds", ())
        self.timeout = seconds_of(spec["timeout"]) if "timeout" in spec else None
        self.idempotent = spec.get("idempotent", False)
        self._handler = handler
        self._worker = worker

    async def execute(self, arguments: dict[str, Any]) -> Any:
        """Do what the case says."""
        text = arguments.get("text")
        told = text if isinstance(text, str) else None
        return await self._worker.play(self._handler, told, tool_answer)


def tool_answer(step: Mapping[str, Any]) -> Any:
    """What a tool answers."""
    match step:
        case {"tool": answer}:
            return ToolResult(**answer)
        case {"tool_json": value}:
            return value
        case {"oversize": size}:
            return "x" * size
    raise Unsupported(f"{step} of a tool")


class Process:
    """The worker's process: commands in, one case at a time."""

    def __init__(self, adjust: Callable[[dict[str, Any]], None]) -> None:
        self._adjust = adjust
        self._case: CaseWorker | None = None
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Serve until the input or the process is to end."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._ended.set)
        reader = asyncio.StreamReader(limit=INPUT_BYTES)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        say("ready", sdk="python", version="0.1.0")
        commands = asyncio.create_task(self._commands(reader))
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait([commands, ended], return_when=asyncio.FIRST_COMPLETED)
        for task in (commands, ended):
            task.cancel()
        await asyncio.gather(commands, ended, return_exceptions=True)
        await self._end(lambda case: case.stop())

    async def _commands(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            try:
                await self._do(json.loads(line))
            except Unsupported as error:
                say("unsupported", what=str(error))
            except Exception as error:  # boundary: the case has failed, the next may not
                logging.exception("a command failed")
                say("fault", message=f"{type(error).__name__}: {error}")

    async def _do(self, command: dict[str, Any]) -> None:
        match command["do"]:
            case "start":
                self._adjust(command)
                self._case = CaseWorker(command)
            case "attach" if self._case is not None:
                self._case.attach(command["handlers"])
            case "stop":
                await self._end(lambda case: case.stop())
            case "abandon":
                await self._end(lambda case: case.abandon())
            case other:
                raise Unsupported(other)

    async def _end(self, how: Callable[[CaseWorker], Awaitable[None]]) -> None:
        case, self._case = self._case, None
        if case is not None:
            await how(case)
            say("stopped")


def main() -> None:
    """Run the worker."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    names = [one.removeprefix("--broken=") for one in sys.argv[1:] if one.startswith("--broken=")]
    adjust: Callable[[dict[str, Any]], None] = lambda _command: None  # noqa: E731
    if names:
        adjust = python_broken.break_streams(grpc.aio, names[0]) or unknown(names[0])
    asyncio.run(Process(adjust).run())


def unknown(name: str) -> Never:
    """Refuse a way to be broken that is not known here."""
    print(f"--broken={name} is not known", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
