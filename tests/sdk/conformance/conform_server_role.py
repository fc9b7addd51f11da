"""Cases against the real server: the runner plays the worker by the mirrored script.

What the script has the worker say is sent, what it has the server say is expected; an ``invoke``
is caused by a message through the API, of a tool by a call of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from conform_cases import SDK_PLAYS, Case, Step
from conform_client import Arrived, DialledStream, Frame, ServerClient, fields_of, reason_of
from conform_matching import Names, as_dict, difference
from conform_messages import ROOM, UNKNOWN_MESSAGE, tool_call
from conform_process import Changes
from conform_steps import Failed, timely
from google.protobuf import json_format
from grpc import aio

from roomd import v1 as pb
from roomd_server.wiring import EmbeddedServer

OTHER_ROOM = "r2"
CHANNEL = "ws"
CALL_TOOL = "AgentService/CallTool"
STRICT = frozenset(("cancel", "settled", "detached", "drain"))
"""What the server says must have been asked for by the script."""
RECIPIENT = {"recipient_id": "+15550001111"}


class ServerRole:
    """Plays one case against a server."""

    def __init__(self, case: Case, embedded: EmbeddedServer) -> None:
        self.case = case
        self.names = Names()
        self.changes = Changes()
        self._embedded = embedded
        self._client = ServerClient(embedded.address, embedded.key)
        self._streams: list[DialledStream] = []
        self._stream: DialledStream | None = None
        self._holders: dict[str, DialledStream] = {}
        self._causes: dict[str, asyncio.Task[Any]] = {}
        self._marks: dict[str, float] = {}
        self._last = 0.0
        self._handles: Mapping[str, Callable[[Step], Awaitable[float | None]]] = {
            "stream": self._dial,
            "worker": self._say,
            "worker_unknown": self._say_unknown,
            "worker_unknown_field": self._say_unknown_field,
            "attaching": self._attach,
            "server": self._said,
            "invoke": self._invoked,
            "cause": self._cause,
            "answer": self._answer,
            "outcome": self._outcome,
            "api": self._api,
            "end": self._ended,
            "closed": self._close,
            "nothing": self._nothing,
            "hang_up": self._hang_up,
            "pause_ms": self._pause,
        }

    async def play(self) -> None:
        """Play the case.

        Raises:
            Failed: the server did not do what the script says.
        """
        self.names.set("$worker_id", self.case.settings["worker_id"])
        try:
            await self._furnish()
            self._last = time.monotonic()
            for number, step in enumerate(self.case.steps, 1):
                if step.only == "sdk" or step.kind in SDK_PLAYS:
                    continue
                await self._play(number, step)
            surplus = [
                as_dict(one.message)
                for stream in self._streams
                for one in stream.frames
                if one.kind in STRICT and not one.taken
            ]
            if surplus:
                raise Failed(f"{self.case.title}\nnobody asked for: {surplus}")
        finally:
            for task in self._causes.values():
                task.cancel()
            await asyncio.gather(*self._causes.values(), return_exceptions=True)
            for stream in self._streams:
                await stream.close()
            await self._client.close()

    async def _play(self, number: int, step: Step) -> None:
        try:
            when = await self._handles[step.kind](step)
        except Failed as failure:
            told = [
                ", ".join([one.kind for one in stream.frames] + [f"{stream.ended}"])
                for stream in self._streams
            ]
            words = [self.case.title, f"rule: {self.case.rule}", f"step {number}, {step}"]
            raise Failed("\n".join([*words, str(failure), *told])) from None
        self._last = when or time.monotonic()
        if "mark" in step.options:
            self._marks[step.options["mark"]] = self._last

    async def _furnish(self) -> None:
        """The rooms, the channel that people write on, and the channels of the case."""
        call = self._client.call
        channel = {"channel_id": CHANNEL, "type": "CHANNEL_TYPE_WEBSOCKET"}
        await call("ChannelService/RegisterChannel", {"channel": channel})
        for room in (ROOM, OTHER_ROOM):
            await call("RoomService/CreateRoom", {"room_id": room})
            asked = {"room_id": room, "channel_id": CHANNEL}
            await call("ChannelService/AttachChannel", asked)
        for name, handler in self.case.handlers.items():
            if "channel_provider" in handler["spec"]:
                served = {"worker": {"handler": name}}
                channel = {"channel_id": name, "type": "CHANNEL_TYPE_PUSH"}
                whole = {**channel, "implementation": served}
                await call("ChannelService/RegisterChannel", {"channel": whole})
                binding = {"metadata": RECIPIENT}
                asked = {"room_id": ROOM, "channel_id": name, "binding": binding}
                await call("ChannelService/AttachChannel", asked)

    # -------------------------------------------------------------- streams

    def _of(self, step: Step) -> DialledStream:
        which = step.options.get("at")
        if isinstance(which, int):
            return self._streams[which - 1]
        if which in self._holders:
            return self._holders[which]
        if which == "other":
            held = list(self._holders.values())
            return next(one for one in self._streams if one is not held[0])
        if self._stream is None:
            raise Failed("there is no stream yet")
        return self._stream

    async def _dial(self, step: Step) -> None:
        self._stream = self._client.dial(self.changes.ring, step.value.get("key"))
        self._streams.append(self._stream)

    async def _say(self, step: Step) -> None:
        said = self.names.fill(step.options.get("sends", step.value))
        self._of(step).send(json_format.ParseDict(said, pb.ConnectRequest()))

    async def _say_unknown(self, step: Step) -> None:
        self._of(step).send(UNKNOWN_MESSAGE)

    async def _say_unknown_field(self, step: Step) -> None:
        """A message with a field inside that no version of today has."""
        message = json_format.ParseDict(step.value, pb.ConnectRequest())
        inner = getattr(message, str(message.WhichOneof("message")))
        inner.MergeFromString(UNKNOWN_MESSAGE)
        self._of(step).send(message)

    async def _attach(self, step: Step) -> float:
        """Attach all handlers of the case; all are taken."""
        limit = step.value.get("max_in_flight", 0)
        handlers = [
            {"name": name, "spec": handler["spec"], "max_in_flight": limit}
            for name, handler in self.case.handlers.items()
        ]
        attach = {"attach": {"attach_id": 1, "handlers": handlers}}
        self._of(step).send(json_format.ParseDict(attach, pb.ConnectRequest()))
        statuses = [{"name": name, "status": {"code": 0}} for name in self.case.handlers]
        attached = {"attached": {"attach_id": 1, "handlers": statuses}}
        return await self._said(Step("server", attached, step.options))

    async def _said(self, step: Step) -> float:
        stream, wrong = self._of(step), list[str]()
        expected = step.options.get("expects", step.value)
        ((kind, _),) = expected.items()
        if kind == "drain":
            self._make_drain(step, stream)

        def look() -> Frame | None:
            wrong.clear()
            for one in stream.frames:
                if one.kind == kind and not one.taken:
                    why = difference(expected, as_dict(one.message), self.names)
                    if why is None:
                        return one
                    wrong.append(why)
            return None

        found: Frame = await self._within(step, look, f"{kind} of the server", wrong)
        found.taken = True
        return found.time

    def _make_drain(self, step: Step, stream: DialledStream) -> None:
        """Have the server drain this stream: nobody can wait until it is old."""
        reason = pb.Drain.Reason.Value(step.value["drain"]["reason"])
        for session in self._embedded.server._plane.streams._all():
            if session.seat.session_id in {
                one.message.welcome.session_id for one in stream.frames if one.kind == "welcome"
            }:
                session.drain(reason, 30.0)

    async def _ended(self, step: Step) -> float:
        stream = self._of(step)
        ended = await self._within(step, lambda: stream.ended, "the end of the stream")
        expected = (step.value.get("status", "OK"), step.value.get("reason", ""))
        if (ended.code.name, ended.reason) != expected:
            raise Failed(f"it ended with {ended.code.name}/{ended.reason}, not {expected}")
        return float(ended.time)

    async def _close(self, step: Step) -> None:
        await self._of(step).close()

    async def _nothing(self, step: Step) -> None:
        """No work comes for a while."""
        await asyncio.sleep(step.value["for_ms"] / 1000)
        if any(not one.taken for stream in self._streams for one in stream.arrived):
            raise Failed("work came")

    async def _pause(self, step: Step) -> None:
        await asyncio.sleep(step.value / 1000)

    async def _within(
        self, step: Step, look: Callable[[], Any], what: str, wrong: list[str] | None = None
    ) -> Any:
        mark = step.options.get("since")
        since = self._marks[mark] if mark else self._last
        return await timely(self.changes, look, step, since, what, wrong)

    # -------------------------------------------------------------- work

    async def _cause(self, step: Step) -> None:
        self._begin(step.value)

    def _begin(self, value: Mapping[str, Any]) -> None:
        method, request = self._asking(value)
        call = self._client.call(method, self.names.fill(request))
        self._causes[value["as"]] = asyncio.create_task(call)

    def _asking(self, value: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The call that makes the server ask a handler."""
        if "call_tool" in value:
            return CALL_TOOL, {"room_id": ROOM, **value["call_tool"]}
        if "tool" in self.case.known.get(value.get("handler", ""), {}).get("spec", {}):
            return CALL_TOOL, {"room_id": ROOM, **as_dict(tool_call(value))}
        return "EventService/ProcessInbound", self._message(value)

    @staticmethod
    def _message(value: Mapping[str, Any]) -> dict[str, Any]:
        """A message that hooks, channels and routers are asked about."""
        metadata = dict(value.get("metadata", {}))
        if "filler" in value:
            metadata["filler"] = "x" * value["filler"]
        message = {
            "channel_id": CHANNEL,
            "sender_id": "ann",
            "content": {"text": {"body": value.get("text", "hello")}},
            "metadata": metadata,
        }
        request: dict[str, Any] = {"message": message}
        if "route" not in value.get("call", {}):
            request["room_id"] = value.get("room", ROOM)
        return request

    async def _hang_up(self, step: Step) -> None:
        """Who made a call waits no longer."""
        self._causes[step.value].cancel()

    async def _invoked(self, step: Step) -> float:
        value = step.value
        name = value["as"]
        if not value.get("caused"):
            self._begin(value)
        streams = self._streams if step.options.get("at") == "either" else [self._of(step)]
        wrong: list[str] = []

        def look() -> tuple[DialledStream, Arrived] | None:
            wrong.clear()
            for stream in streams:
                for one in stream.arrived:
                    why = None if one.taken else self._is_not(one, value)
                    if not one.taken and why is None:
                        holders.append(stream)
                        return one  # type: ignore[return-value]
                    wrong.append(str(why))
            return None

        holders: list[DialledStream] = []
        found: Arrived = await self._within(step, look, f"the invocation {name}", wrong)
        found.taken = True
        self._holders[name] = holders[-1]
        self.names.set(f"$id.{name}", found.invocation.invocation_id)
        self.names.set(f"$lease.{name}", found.invocation.lease)
        return found.time

    def _is_not(self, one: Arrived, value: Mapping[str, Any]) -> str | None:
        """Why an invocation is not the one that the script means."""
        invocation = one.invocation
        if invocation.handler != value["handler"]:
            return f"it is for {invocation.handler}"
        again = value.get("again")
        if again:
            if invocation.invocation_id != self.names.get(f"$id.{again}"):
                return "it has another id"
            if invocation.lease == self.names.get(f"$lease.{again}"):
                return "it has the same lease"
        elif invocation.HasField("hook"):
            body = invocation.hook.event.content.text.body
            if body != value.get("text", "hello"):
                return f"it is about {body!r}"
        elif invocation.call.HasField("tool"):
            meant, call = tool_call(value), invocation.call.tool
            if call.arguments != meant.arguments:
                return f"its arguments are {as_dict(call.arguments)}"
        expects = dict(value.get("expects", {}))
        seconds = expects.pop("timeout", None)
        left = invocation.timeout.seconds + invocation.timeout.nanos / 1e9
        why = difference(seconds, left, self.names) if seconds else None
        return why or difference(expects, as_dict(invocation), self.names)

    async def _answer(self, step: Step) -> None:
        to = step.value["to"]
        outcome = {key: value for key, value in step.value.items() if key != "to"}
        said = self.names.fill(step.options.get("sends", outcome))
        ids = {
            "invocation_id": self.names.get(f"$id.{to}"),
            "lease": self.names.get(f"$lease.{to}"),
        }
        results = {"results": {"results": [{**ids, **said}]}}
        self._of(step).send(json_format.ParseDict(results, pb.ConnectRequest()))

    async def _outcome(self, step: Step) -> None:
        expected = {key: value for key, value in step.value.items() if key != "of"}
        task = self._causes[step.value["of"]]
        done = asyncio.Event()
        task.add_done_callback(lambda _: (done.set(), self.changes.ring()))
        within = step.options.get("within_ms", 8000) / 1000
        if await self.changes.wait(lambda: True if task.done() else None, within) is None:
            raise Failed(f"it was not decided within {within:g} s")
        try:
            response = task.result()
        except aio.AioRpcError as error:
            raise Failed(f"the call failed: {error.details()}") from None
        why = difference(expected, as_dict(response), self.names)
        if why:
            raise Failed(f"the outcome: {why}")

    async def _api(self, step: Step) -> None:
        """A call of somebody else; what an observer found is stored a little later."""
        value = step.value
        until = time.monotonic() + 5.0
        while True:
            why = await self._ask(value)
            if why is None:
                return
            if time.monotonic() > until:
                raise Failed(f"{value['method']}: {why}")
            await asyncio.sleep(0.02)

    async def _ask(self, value: Mapping[str, Any]) -> str | None:
        fails = value.get("fails", "")
        try:
            response = await self._client.call(value["method"], self.names.fill(value["request"]))
        except aio.AioRpcError as error:
            reason, wrong = reason_of(error), fields_of(error)
            is_so = fails and reason == fails and wrong == value.get("violates", wrong)
            return None if is_so else f"{reason}: {error.details()} {wrong}"
        if fails:
            return f"it did not fail with {fails}"
        return difference(value.get("answers", {}), as_dict(response), self.names)
