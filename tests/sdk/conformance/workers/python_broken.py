"""Ways to break the Python conformance worker, below the SDK: its stream is wrapped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from roomd import v1 as pb

CONNECT = "/roomd.v1.HookService/Connect"

Outgoing = Callable[[pb.ConnectRequest, int], Iterator[pb.ConnectRequest]]
"""``(message, number of the stream)``: what is sent in its place."""
Incoming = Callable[[pb.ConnectResponse], pb.ConnectResponse | None]
"""What the SDK gets in its place; None: nothing."""


def _drops_sent(kind: str) -> Outgoing:
    def outgoing(message: pb.ConnectRequest, _stream: int) -> Iterator[pb.ConnectRequest]:
        if message.WhichOneof("message") != kind:
            yield message

    return outgoing


def _drops_received(kind: str) -> Incoming:
    return lambda message: None if message.WhichOneof("message") == kind else message


def _forgets_lease(message: pb.ConnectRequest, _stream: int) -> Iterator[pb.ConnectRequest]:
    for result in message.results.results:
        result.lease = 0
    if message.HasField("result_chunk"):
        message.result_chunk.lease = 0
    yield message


def _answers_twice(message: pb.ConnectRequest, _stream: int) -> Iterator[pb.ConnectRequest]:
    yield message
    if message.HasField("results"):
        yield message


def _drops_batching(message: pb.ConnectRequest, _stream: int) -> Iterator[pb.ConnectRequest]:
    if not message.HasField("results"):
        yield message
    for result in message.results.results:
        yield pb.ConnectRequest(results=pb.ResultBatch(results=[result]))


def _attaches_once(message: pb.ConnectRequest, stream: int) -> Iterator[pb.ConnectRequest]:
    if stream == 1 or not message.HasField("attach"):
        yield message


def _hides_failures(message: pb.ConnectRequest, _stream: int) -> Iterator[pb.ConnectRequest]:
    for result in message.results.results:
        if result.HasField("failure"):
            result.decision.allow.SetInParent()
    yield message


def _repeats_sequence(message: pb.ConnectRequest, _stream: int) -> Iterator[pb.ConnectRequest]:
    if message.HasField("result_chunk"):
        message.result_chunk.sequence = 0
    yield message


def _loses_trace(message: pb.ConnectResponse) -> pb.ConnectResponse:
    for invocation in message.invocations.invocations:
        invocation.trace_context.clear()
    return message


OUTGOING: Mapping[str, Outgoing] = {
    "never-pongs": _drops_sent("pong"),
    "forgets-lease": _forgets_lease,
    "answers-twice": _answers_twice,
    "drops-batching": _drops_batching,
    "no-goodbye": _drops_sent("goodbye"),
    "attaches-once": _attaches_once,
    "hides-failures": _hides_failures,
    "repeats-sequence": _repeats_sequence,
}
INCOMING: Mapping[str, Incoming] = {
    "ignores-cancel": _drops_received("cancel"),
    "ignores-drain": _drops_received("drain"),
    "loses-trace": _loses_trace,
}
SETTINGS: Mapping[str, Mapping[str, Any]] = {"resets-backoff": {"steady_ms": 0}}


class BrokenCall:
    """A worker stream whose incoming messages are changed."""

    def __init__(self, call: Any, incoming: Incoming) -> None:
        self._call = call
        self._incoming = incoming

    async def read(self) -> Any:
        """The next message that is left."""
        while isinstance(message := await self._call.read(), pb.ConnectResponse):
            changed = self._incoming(message)
            if changed is not None:
                return changed
        return message

    def __getattr__(self, name: str) -> Any:
        """Everything else as it is."""
        return getattr(self._call, name)


class BrokenChannel:
    """A channel whose worker streams are broken."""

    def __init__(self, channel: Any, name: str) -> None:
        self._channel = channel
        self._outgoing = OUTGOING.get(name)
        self._incoming = INCOMING.get(name)
        self._streams = 0

    def stream_stream(self, path: str, **options: Any) -> Callable[..., Any]:
        """Worker streams broken, others as they are."""
        dial = self._channel.stream_stream(path, **options)
        return self._dial(dial) if path == CONNECT else dial

    def _dial(self, dial: Callable[..., Any]) -> Callable[..., Any]:
        def broken(requests: AsyncIterator[pb.ConnectRequest], **options: Any) -> Any:
            self._streams += 1
            call = dial(self._changed(requests, self._streams), **options)
            return BrokenCall(call, self._incoming or (lambda message: message))

        return broken

    async def _changed(
        self, requests: AsyncIterator[pb.ConnectRequest], stream: int
    ) -> AsyncIterator[pb.ConnectRequest]:
        async for message in requests:
            for changed in self._outgoing(message, stream) if self._outgoing else (message,):
                yield changed

    def __getattr__(self, name: str) -> Any:
        """Everything else as it is."""
        return getattr(self._channel, name)


def break_streams(aio: Any, name: str) -> Callable[[dict[str, Any]], None] | None:
    """Break all channels made from now on; returns what changes the commands, None for a way
    that is not known.
    """
    if name in SETTINGS:
        return lambda command: (
            command.setdefault("settings", {}).setdefault("reconnect", {}).update(SETTINGS[name])
        )
    if name not in OUTGOING and name not in INCOMING:
        return None
    make = aio.insecure_channel
    aio.insecure_channel = lambda *given, **options: BrokenChannel(make(*given, **options), name)
    return lambda _command: None
