"""Cases against an SDK: the runner plays the server by the script."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
from conform_cases import SERVER_PLAYS, Case, Step
from conform_matching import Names, as_dict, difference
from conform_messages import UNKNOWN_MESSAGE, Work, commanded, works
from conform_process import Changes, Observation, WorkerProcess
from conform_server import Answered, Called, End, Received, ScriptedServer, ServedStream
from conform_steps import EARLY_MS, PATIENT, Failed, Patience, timely
from google.protobuf import json_format

from roomd import v1 as pb

STOP_SECONDS = 15.0
GOODBYE_SECONDS = 1.0
STRICT = frozenset(("attach", "detach", "goodbye", "extend"))
"""What a worker says must have been asked for by the script."""


class SdkRole:
    """Plays one case with a worker process."""

    def __init__(self, case: Case, process: WorkerProcess, patience: Patience = PATIENT) -> None:
        self._patience = patience
        self.case = case
        self.process = process
        self.names = Names()
        self.changes = Changes()
        self.server = ScriptedServer(self.changes.ring)
        self._stream: ServedStream | None = None
        self._works: dict[str, Work] = {}
        self._marks: dict[str, float] = {}
        self._last = 0.0
        self._handles: Mapping[str, Callable[[Step], Awaitable[float | None]]] = {
            "stream": self._dialled,
            "worker": self._said,
            "server": self._say,
            "server_unknown": self._say_unknown,
            "attaching": self._attaching,
            "invoke": self._invoke,
            "answer": self._answered,
            "no_answer": self._no_answer,
            "batches": self._batches,
            "chunks": self._chunks,
            "saw": self._saw,
            "not_saw": self._not_saw,
            "tell": self._tell,
            "signal": self._signal,
            "exit": self._exit,
            "end": self._end,
            "refuse": self._refuse,
            "closed": self._closed,
            "called": self._called,
            "waits": self._waits,
            "no_stream": self._no_stream,
            "not_said": self._not_said,
            "forgive": self._forgive,
            "no_more_chunks": self._no_more_chunks,
            "pause_ms": self._pause,
        }

    async def play(self) -> None:
        """Play the case.

        Raises:
            Failed: the SDK did not do what the script says.
        """
        self.process.begin(self.changes.ring_from_thread)
        address = await self.server.start()
        self.names.set("$worker_id", self.case.settings["worker_id"])
        start = {"do": "start", "case": self.case.id, "address": address, "key": "rd_conformance"}
        self.process.tell(
            start | {"settings": self.case.settings, "handlers": commanded(self.case.handlers)}
        )
        self._last = time.monotonic()
        try:
            await self._play_steps()
        finally:
            await self._clean_up()

    async def _play_steps(self) -> None:
        for number, step in enumerate(self.case.steps, 1):
            if step.only == "server" or step.kind in SERVER_PLAYS:
                continue
            try:
                when = await self._handles[step.kind](step)
            except Failed as failure:
                raise Failed(self._report(number, step, str(failure))) from None
            self._last = when or time.monotonic()
            if "mark" in step.options:
                self._marks[step.options["mark"]] = self._last
        surplus = [
            f"{one.kind} on stream {stream.number}"
            for stream in self.server.streams
            for one in stream.received
            if one.kind in STRICT and not one.taken and not self._is_farewell(one)
        ]
        if surplus:
            raise Failed(f"{self.case.title}\nnobody asked for: {', '.join(surplus)}")

    def _is_farewell(self, one: Received) -> bool:
        return one.kind == "goodbye" and any(step.kind == "tell" for step in self.case.steps)

    async def _clean_up(self) -> None:
        if self.process.alive and not self._stopped():
            for stream in self.server.streams:
                stream.outstanding.clear()
                stream.ends_itself = True
            with contextlib.suppress(OSError):
                self.process.tell({"do": "abandon"})
            if not await self._has_stopped(GOODBYE_SECONDS):
                for stream in self.server.streams:  # it did not say Goodbye
                    stream.send(End(grpc.StatusCode.OK))
                await self._has_stopped(STOP_SECONDS)
        self.process.listener = None
        await self.server.stop()

    async def _has_stopped(self, seconds: float) -> bool:
        look = lambda: True if self._stopped() or not self.process.alive else None  # noqa: E731
        return bool(await self.changes.wait(look, seconds))

    def _stopped(self) -> bool:
        return any(one.what.get("saw") == "stopped" for one in self.process.said)

    def _report(self, number: int, step: Step, why: str) -> str:
        said = [str(one.what) for one in self.process.said][-20:]
        frames = [
            f"stream {stream.number}: {', '.join(one.kind for one in stream.received)}"
            for stream in self.server.streams
        ]
        return "\n".join(
            [
                self.case.title,
                f"rule: {self.case.rule}",
                f"step {number}, {step.kind}: {step.value}",
                why,
                "the worker saw: " + ("; ".join(said) or "nothing"),
                *frames,
                self.process.words(),
            ]
        )

    # -------------------------------------------------------------- time

    def _since(self, step: Step) -> float:
        mark = step.options.get("since")
        return self._marks[mark] if mark else self._last

    async def _within(
        self, step: Step, look: Callable[[], Any], what: str, wrong: list[str] | None = None
    ) -> Any:
        since = self._since(step)
        return await timely(
            self.changes, lambda: self._faultless(look), step, since, what, wrong, self._patience
        )

    def _faultless(self, look: Callable[[], Any]) -> Any:
        for one in self.process.said:
            if one.what.get("saw") in {"fault", "unsupported"}:
                raise Failed(f"the worker says {one.what}")
        found = look()
        if found is None and not self.process.alive and not self.case.own_process:
            raise Failed("the worker's process has ended")
        return found

    # -------------------------------------------------------------- streams

    @property
    def stream(self) -> ServedStream:
        """The stream that steps are about."""
        if self._stream is None:
            raise Failed("there is no stream yet")
        return self._stream

    def _of(self, step: Step) -> ServedStream:
        number = step.options.get("at")
        return self.server.streams[number - 1] if number else self.stream

    async def _dialled(self, step: Step) -> float:
        number = step.value["number"]
        streams = self.server.streams

        def look() -> ServedStream | None:
            return streams[number - 1] if len(streams) >= number else None

        found: ServedStream = await self._within(step, look, f"stream {number}")
        if not step.value.get("aside"):
            self._stream = found
        return found.time

    async def _said(self, step: Step) -> float:
        ((kind, _),) = step.value.items()
        stream = self._of(step)
        wrong: list[str] = []

        def look() -> Received | None:
            wrong.clear()
            for one in stream.received:
                if one.kind == kind and not one.taken:
                    why = difference(step.value, as_dict(one.message), self.names)
                    if why is None:
                        return one
                    wrong.append(why)
            return None

        found: Received = await self._within(step, look, f"{kind} of the worker", wrong)
        if kind == "hello" and stream.received[0] is not found:
            raise Failed(f"Hello came after {stream.received[0].kind}")
        if kind == "attach" and not stream.welcomed:
            raise Failed("Attach came before Welcome")
        found.taken = True
        return found.time

    async def _say(self, step: Step) -> None:
        filled = self.names.fill(step.value)
        self._of(step).send(json_format.ParseDict(filled, pb.ConnectResponse()))

    async def _say_unknown(self, step: Step) -> None:
        self._of(step).send(UNKNOWN_MESSAGE)

    async def _attaching(self, step: Step) -> float:
        """The worker attaches all handlers in one Attach, and all are taken."""
        stream = self._of(step)
        names = step.value.get("names", list(self.case.handlers))
        attach = await self._within(
            step,
            lambda: next((o for o in stream.received if o.kind == "attach" and not o.taken), None),
            "attach of the worker",
        )
        attach.taken = True
        if not stream.welcomed:
            raise Failed("Attach came before Welcome")
        handlers = list(attach.message.attach.handlers)
        for name in names:
            spec = self.case.known[name]["spec"]
            found = next((one for one in handlers if _is_the(one, name, spec)), None)
            if found is None:
                raise Failed(f"{name} is not among {[one.name for one in handlers]}")
            why = difference(spec, as_dict(found.spec), self.names)
            if why:
                raise Failed(f"the spec of {name}: {why}")
            self.names.set(f"$wire.{name}", found.name)
        if len(handlers) != len(names):
            raise Failed(f"attached {[one.name for one in handlers]}, not {names}")
        statuses = [
            pb.Attached.HandlerStatus(name=one.name, status=pb.Status(), etag="e1")
            for one in handlers
        ]
        attached = pb.Attached(attach_id=attach.message.attach.attach_id, handlers=statuses)
        stream.send(pb.ConnectResponse(attached=attached))
        if step.value.get("ready"):
            for name in names:
                saw = Step("saw", {"saw": "attached", "name": name}, {})
                await self._saw(saw)
        return float(attach.time)

    async def _end(self, step: Step) -> None:
        value = step.value or {}
        code = grpc.StatusCode[value.get("status", "OK")]
        self._of(step).send(End(code, value.get("reason", "")))

    async def _refuse(self, step: Step) -> None:
        for _ in range(step.value.get("times", 1)):
            code = grpc.StatusCode[step.value["status"]]
            self.server.refuse.append(End(code, step.value.get("reason", "")))

    async def _closed(self, step: Step) -> None:
        stream = self._of(step)
        within = self._patience.upper_ms(step)
        done = await self.changes.wait(lambda: stream.closed or stream.half_closed, within / 1000)
        if done is None:
            raise Failed(f"stream {stream.number} is still open after {within:g} ms")

    async def _no_stream(self, step: Step) -> None:
        count = len(self.server.dials)
        await asyncio.sleep(step.value["for_ms"] / 1000)
        if len(self.server.dials) > count:
            raise Failed("the worker dialled again")

    async def _forgive(self, step: Step) -> None:
        """Messages of a kind that may have come, or not."""
        for one in self._of(step).received:
            one.taken = one.taken or one.kind == step.value

    async def _not_said(self, step: Step) -> None:
        """The worker says nothing of a kind for a while."""
        ((kind, _),) = step.value.items()
        await asyncio.sleep(step.options.get("for_ms", 0) / 1000)
        if any(one.kind == kind and not one.taken for one in self._of(step).received):
            raise Failed(f"the worker said {kind}")

    async def _waits(self, step: Step) -> None:
        """The waits between the dials, each between its bounds; jitter is a constant."""
        bounds = step.value
        count = len(bounds) + 1
        within = sum(high for _, high in bounds) + self._patience.upper_ms(step)
        dials = self.server.dials
        enough = await self.changes.wait(
            lambda: True if len(dials) >= count else None, within / 1000
        )
        if enough is None:
            raise Failed(f"only {len(dials)} dials within {within:g} ms")
        for number, (low, high) in enumerate(bounds):
            took = (dials[number + 1] - dials[number]) * 1000
            if (
                not low - EARLY_MS
                <= took
                <= high + step.options.get("slack_ms", self._patience.slack_ms)
            ):
                raise Failed(f"wait {number + 1} took {took:.0f} ms, not {low} to {high}")

    # -------------------------------------------------------------- work

    async def _invoke(self, step: Step) -> None:
        made = works(step.value, self._works, self.names, self.case.known)
        for work in made:
            self._works[work.name] = work
            if work.oversize is not None:
                key = (work.invocation.invocation_id, work.invocation.lease)
                self.server.payloads[key] = work.oversize
        batch = pb.InvocationBatch(invocations=[one.invocation for one in made])
        self._of(step).send(pb.ConnectResponse(invocations=batch))

    async def _answered(self, step: Step) -> float:
        work = self._works[step.value["to"]]
        stream = self._of(step)
        found: Answered = await self._within(
            step,
            lambda: next((one for one in self._results(stream, work) if not one.taken), None),
            f"the answer to {work.name}",
        )
        found.taken = True
        expected = {key: value for key, value in step.value.items() if key != "to"}
        expected["lease"] = work.invocation.lease
        why = difference(expected, as_dict(found.result), self.names)
        if why:
            raise Failed(f"the answer to {work.name}: {why}")
        return found.time

    @staticmethod
    def _results(stream: ServedStream, work: Work) -> list[Answered]:
        wanted = work.invocation.invocation_id
        return [one for one in stream.results if one.result.invocation_id == wanted]

    async def _no_answer(self, step: Step) -> None:
        """No (further) answer comes for a while."""
        work = self._works[step.value["to"]]
        await asyncio.sleep(step.value.get("for_ms", 0) / 1000)
        for stream in self.server.streams:
            if any(not one.taken for one in self._results(stream, work)):
                raise Failed(f"{work.name} was answered on stream {stream.number}")

    async def _batches(self, step: Step) -> None:
        """In how many messages these answers came, and how large the largest was."""
        stream = self._of(step)
        wanted = {
            work.invocation.invocation_id
            for name, work in self._works.items()
            if name.rstrip("0123456789") == step.value["of_all"]
        }
        batches = {one.batch for one in stream.results if one.result.invocation_id in wanted}
        low, high = step.value.get("count", [1, len(wanted)])
        if not low <= len(batches) <= high:
            raise Failed(f"{len(wanted)} answers came in {len(batches)} messages")
        largest = max(one.message.ByteSize() for one in stream.received if one.kind == "results")
        if largest > step.value.get("max_bytes", largest):
            raise Failed(f"the largest message has {largest} bytes")

    async def _chunks(self, step: Step) -> float:
        """The parts of a streamed answer, in order, before its end."""
        work = self._works[step.value["of"]]
        stream = self._of(step)
        wanted = step.value["texts"]

        def look() -> Received | None:
            mine = self._parts(stream, work)
            return mine[len(wanted) - 1] if len(mine) >= len(wanted) else None

        last: Received = await self._within(step, look, f"{len(wanted)} chunks")
        parts = self._parts(stream, work)
        said = [one.message.result_chunk for one in parts]
        texts = [one.chunk.text_delta for one in said]
        if texts != wanted:
            raise Failed(f"the chunks say {texts}")
        if [one.sequence for one in said] != list(range(len(wanted))):
            raise Failed(f"their sequence is {[one.sequence for one in said]}")
        if {one.lease for one in said} != {work.invocation.lease}:
            raise Failed(f"their leases are {[one.lease for one in said]}")
        for one in parts:
            one.taken = True
        return last.time

    async def _no_more_chunks(self, step: Step) -> None:
        """After what is on its way, no more parts come for a while."""
        work = self._works[step.value["of"]]
        await asyncio.sleep(step.value["for_ms"] / 1000)
        count = len(self._parts(self._of(step), work))
        await asyncio.sleep(step.value["for_ms"] / 1000)
        more = len(self._parts(self._of(step), work)) - count
        if more:
            raise Failed(f"{more} more chunks came")

    @staticmethod
    def _parts(stream: ServedStream, work: Work) -> list[Received]:
        wanted = work.invocation.invocation_id
        return [
            one
            for one in stream.received
            if one.kind == "result_chunk" and one.message.result_chunk.invocation_id == wanted
        ]

    async def _called(self, step: Step) -> float:
        wrong: list[str] = []

        def look() -> Called | None:
            wrong.clear()
            for one in self.server.calls:
                if one.method == step.value["method"] and not one.taken:
                    actual = {"request": one.request, "metadata": one.metadata}
                    expected = {k: v for k, v in step.value.items() if k != "method"}
                    why = difference(expected, actual, self.names)
                    if why is None:
                        return one
                    wrong.append(why)
            return None

        found: Called = await self._within(step, look, f"a call of {step.value['method']}", wrong)
        found.taken = True
        return found.time

    # -------------------------------------------------------------- the process

    def _find(self, value: Mapping[str, Any]) -> Observation | None:
        expected = dict(value)
        if expected.get("id") in self._works:
            expected["id"] = self._works[expected["id"]].invocation.invocation_id
        for one in self.process.said:
            same = one.what.get("saw") == expected["saw"]
            if same and not one.taken and difference(expected, one.what, self.names) is None:
                return one
        return None

    async def _saw(self, step: Step) -> float:
        found: Observation = await self._within(
            step, lambda: self._find(step.value), f"the worker sees {step.value}"
        )
        found.taken = True
        return found.time

    async def _not_saw(self, step: Step) -> None:
        await asyncio.sleep(step.options.get("for_ms", 0) / 1000)
        found = self._find(step.value)
        if found is not None:
            raise Failed(f"the worker said {found.what}")

    async def _tell(self, step: Step) -> None:
        command = dict(step.value)
        if "handlers" in command:
            command["handlers"] = commanded(command["handlers"])
        self.process.tell(command)

    async def _signal(self, step: Step) -> None:
        self.process.signal(signal.Signals[step.value])

    async def _exit(self, step: Step) -> None:
        within = self._patience.upper_ms(step) / 1000
        ended = await self.changes.wait(lambda: None if self.process.alive else True, within)
        if ended is None:
            raise Failed(f"the process is still there after {within:g} s")
        if self.process.process.returncode != step.value:
            raise Failed(f"the process ended with {self.process.process.returncode}")

    async def _pause(self, step: Step) -> None:
        await asyncio.sleep(step.value / 1000)


def _is_the(handler: pb.Handler, name: str, spec: Mapping[str, Any]) -> bool:
    """Whether an attached handler is the one of the case: SDKs name channels and routers."""
    if "hook" in spec or "tool" in spec:
        return handler.name == name
    return handler.spec.WhichOneof("kind") in spec


async def failure_of_case(case: Case, process: WorkerProcess, patience: Patience = PATIENT) -> str:
    """Play a case with a worker; why it failed, '' when it did not."""
    try:
        await SdkRole(case, process, patience).play()
    except Failed as failure:
        return str(failure)
    return ""
