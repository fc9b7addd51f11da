"""What a model is told of those who will see its answer."""

from __future__ import annotations

from typing import Any

import pytest
from mission_rooms import furnish, say, sms, websocket

from roomd import (
    Access,
    AIChannel,
    ChannelBinding,
    ChannelCapabilities,
    ChannelMediaType,
    ChannelType,
    ContentTranscoder,
    EventContent,
    HookResult,
    HookTrigger,
    MockAIProvider,
    RoomContext,
    RoomEvent,
    RoomKit,
    TextContent,
)
from roomd.channels.targets import common_capabilities, targets_of

TEXT, RICH, MEDIA = ChannelMediaType.TEXT, ChannelMediaType.RICH, ChannelMediaType.MEDIA


async def test_a_model_is_told_what_all_transports_can_show(kit: RoomKit) -> None:
    provider = MockAIProvider()
    await furnish(kit, "room", websocket("ws"), AIChannel("ai", provider=provider))
    await say(kit, "ws", "hello")
    alone = provider.calls[-1].target_capabilities
    assert alone is not None
    assert (alone.supports_buttons, alone.max_length) == (True, None)
    assert RICH in provider.calls[-1].target_media_types
    kit.register_channel(sms("sms"))
    await kit.attach_channel("room", "sms", metadata={"phone_number": "+15550001111"})
    await say(kit, "ws", "hello again")
    both = provider.calls[-1].target_capabilities
    assert both is not None
    assert (both.supports_buttons, both.max_length) == (False, 1600)
    assert provider.calls[-1].target_media_types == both.media_types == [TEXT, MEDIA]


async def test_a_model_whose_answer_goes_to_some_is_told_of_those(kit: RoomKit) -> None:
    provider = MockAIProvider()
    await furnish(kit, "room", websocket("ws"), sms("sms"), AIChannel("ai", provider=provider))

    async def hints(visibility: str) -> ChannelCapabilities | None:
        content = TextContent(body="hello")
        await kit.send_event("room", "ws", content, response_visibility=visibility)
        return provider.calls[-1].target_capabilities

    to_phone, to_nobody = await hints("sms"), await hints("none")
    assert to_phone is not None
    assert to_phone.max_length == 1600
    assert to_nobody is None
    assert provider.calls[-1].target_media_types == []


async def test_handlers_are_told_the_capabilities_that_hold(kit: RoomKit) -> None:
    contexts: list[RoomContext] = []
    targets: list[ChannelBinding] = []

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def look(event: RoomEvent, ctx: RoomContext) -> HookResult:
        contexts.append(ctx)
        return HookResult.allow()

    class Watching(ContentTranscoder):
        async def transcode(
            self, content: EventContent, source: ChannelBinding, target: ChannelBinding
        ) -> EventContent | None:
            targets.append(target)
            return content

    phone = sms("sms")
    sent: list[ChannelBinding] = []
    deliver = phone.deliver

    async def noted(event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> Any:
        sent.append(binding)
        return await deliver(event, binding, context)

    phone.deliver = noted  # type: ignore[method-assign]
    kit.set_transcoder(Watching())
    await furnish(kit, "room", websocket("ws"), phone)
    await say(kit, "ws", "hello")
    told = contexts[0].get_binding("sms")
    assert told is not None
    assert [one.capabilities.max_length for one in (told, *targets, *sent)] == [1600] * 3


# ------------------------------------------------------------------ the rule


def binding(channel_id: str, **fields: Any) -> ChannelBinding:
    capabilities = fields.pop("capabilities", {})
    return ChannelBinding(
        channel_id=channel_id,
        room_id="r",
        channel_type=ChannelType.SMS,
        capabilities=ChannelCapabilities(**capabilities),
        **fields,
    )


@pytest.mark.parametrize(
    ("visibility", "wanted"),
    [
        ("all", ["a", "b"]),
        ("transport", ["a", "b"]),
        ("b,ai", ["b"]),
        ("intelligence", []),
        ("internal", []),
        ("none", []),
    ],
)
def test_targets_are_the_transports_that_hear(visibility: str, wanted: list[str]) -> None:
    bindings = [
        binding("a"),
        binding("b", access=Access.READ_ONLY),
        binding("deaf", access=Access.WRITE_ONLY),
        binding("inward", direction="inbound"),
        binding("ai", category="intelligence"),
    ]
    assert [one.channel_id for one in targets_of(bindings, visibility)] == wanted


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ({"max_length": 10}, {"max_length": 20}, {"max_length": 10}),
        ({"max_length": 10}, {}, {"max_length": 10}),
        ({"supports_cards": True}, {"supports_cards": True}, {"supports_cards": True}),
        ({"supports_cards": True}, {}, {}),
        ({"media_types": [RICH]}, {"media_types": [TEXT]}, {"media_types": [TEXT]}),
        (
            {"supported_media_types": ["image/*"]},
            {"supported_media_types": ["image/png", "text/csv"]},
            {"supported_media_types": ["image/png"]},
        ),
        (
            {"supported_media_types": ["image/*"]},
            {},
            {"supported_media_types": ["image/*"]},
        ),
        (
            {"supported_media_types": ["image/png"], "media_types": [TEXT, MEDIA]},
            {"supported_media_types": ["text/csv"], "media_types": [TEXT, MEDIA]},
            {"media_types": [TEXT]},
        ),
    ],
)
def test_what_two_can_show_is_what_each_can(
    first: dict[str, Any], second: dict[str, Any], wanted: dict[str, Any]
) -> None:
    pair = [binding("a", capabilities=first), binding("b", capabilities=second)]
    for order in (pair, pair[::-1]):
        assert common_capabilities(order) == ChannelCapabilities(**wanted)


def test_nobody_can_show_nothing() -> None:
    assert common_capabilities([]) is None
