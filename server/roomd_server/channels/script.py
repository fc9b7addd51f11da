"""The scripted AI: answers from a list, in turn. For demos and tests."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import AsyncIterator

from google.protobuf.struct_pb2 import Struct, Value

from roomd import v1 as pb
from roomd_server.core.ports import Ask, Clock
from roomd_server.core.times import seconds_of
from roomd_server.core.transcode import text_of

ROOMS_REMEMBERED = 100_000
"""Rooms whose turn is kept; one that is forgotten begins anew."""

_WORDS = re.compile(r"\s*\S+|\s+")


class ScriptDriver:
    """Serves channels with implementation ``script`` (a ``ports.Driver``).

    Each room has its own turn, kept in memory: after a restart the script begins anew.
    Asking again for the same delivery repeats the same answer.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns: OrderedDict[tuple[str, str, str], tuple[int, str]] = OrderedDict()
        """(org, channel, room) → turn and delivery that it was for."""

    async def deliver(self, ask: Ask) -> pb.DeliveryOutcome:
        """A script hears nothing; it is only asked."""
        return pb.DeliveryOutcome(result=pb.DeliveryResult(state=pb.DELIVERY_STATE_SENT))

    async def respond(self, ask: Ask) -> AsyncIterator[str | pb.Response]:
        """Give the next answer: word by word, or whole."""
        script = ask.channel.implementation.script
        turn = self._turn(ask)
        text = await _with_tools(ask, script, script.responses[turn % len(script.responses)])
        delay = seconds_of(script.delay)
        if not script.streaming:
            if delay:
                await self._clock.sleep(delay)
            answer = pb.RoomEvent(content=pb.Content(text=pb.TextContent(body=text)))
            yield pb.Response(events=[answer])
            return
        for word in _WORDS.findall(text):
            if delay:
                await self._clock.sleep(delay)
            yield word

    def attached(self, org: str, channel: pb.Channel) -> int:
        """The server itself."""
        return 1

    def _turn(self, ask: Ask) -> int:
        key = (ask.org, ask.channel.channel_id, ask.event.room_id)
        turn, delivery_id = self._turns.get(key, (-1, ""))
        if delivery_id != ask.delivery_id or not delivery_id:
            turn += 1
        self._turns[key] = (turn, ask.delivery_id)
        self._turns.move_to_end(key)
        if len(self._turns) > ROOMS_REMEMBERED:
            self._turns.popitem(last=False)
        return turn


async def _with_tools(ask: Ask, script: pb.ChannelImplementation.Script, answer: str) -> str:
    """The answer, with what the tools of the script said in it."""
    message = text_of(ask.event.content)
    for place, use in enumerate(script.uses):
        assert ask.use_tool is not None
        call = pb.ToolCall(
            tool_call_id=f"{ask.delivery_id}-{place}",
            name=use.tool,
            arguments=_filled(use.arguments, message),
            channel_id=ask.channel.channel_id,
        )
        result = await ask.use_tool(call)
        answer = answer.replace(f"{{{use.tool}}}", result.text)
    return answer


def _filled(arguments: Struct, message: str) -> Struct:
    filled = Struct()
    filled.CopyFrom(arguments)
    for value in filled.fields.values():
        _fill(value, message)
    return filled


def _fill(value: Value, message: str) -> None:
    match value.WhichOneof("kind"):
        case "string_value":
            value.string_value = value.string_value.replace("{message}", message)
        case "struct_value":
            for one in value.struct_value.fields.values():
                _fill(one, message)
        case "list_value":
            for one in value.list_value.values:
                _fill(one, message)
