"""Semantics 2, bullets 3 and 7: what a channel may do in a room, and how it leaves it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from api_fakes import until
from rooms_kit import SMS_NUMBER, House, Provider, house, text_content

from roomd import v1 as pb
from roomd_server.core.times import duration

SMS = pb.CHANNEL_TYPE_SMS
EVERYTHING: dict[str, Any] = {
    "access": pb.ACCESS_READ_ONLY,
    "muted": True,
    "output_muted": True,
    "visibility": pb.Visibility(scope=pb.Visibility.SCOPE_CHANNELS, channel_ids=["ws", "x"]),
    "direction": pb.DIRECTION_OUTBOUND,
    "participant_id": "ada",
    "metadata": {"phone_number": "+15550100", "nested": {"a": [1, "b"]}},
    "rate_limit": pb.RateLimit(max_per_second=0.5, max_per_minute=20, max_per_hour=100),
    "retry_policy": pb.RetryPolicy(
        max_retries=7,
        base_delay=duration(0.5),
        max_delay=duration(30),
        exponential_base=3,
    ),
    "capabilities": pb.Capabilities(max_length=42, supports_parts=True, max_buttons=2),
    "category": pb.CHANNEL_CATEGORY_INTELLIGENCE,
    "analyse_while_muted": True,
}
"""A value that is no default for everything that can be said of a binding."""
BY_SERVER = {"room_id", "channel_id", "channel_type", "attach_time", "etag"}


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def with_sms(h: House, **binding: Any) -> Provider:
    """A room with live connections, and a telephone that is served."""
    provider = await h.provider("gateway")
    await h.room("r1", "ws")
    await h.add("sms", SMS, by="gateway", binding={"metadata": SMS_NUMBER} | binding)
    return provider


async def allow(h: House, access: int, channel_id: str = "sms") -> None:
    await h.do(pb.SetAccessRequest(room_id="r1", channel_id=channel_id, access=access))


def is_set(binding: pb.Binding, name: str, value: object) -> bool:
    """Whether a field has a value; dictionaries stand for metadata."""
    found = getattr(binding, name)
    return dict(found) == value if isinstance(value, dict) else found == value


# ------------------------------------------------------------------ stored


def test_s2_binding_fields_are_all_tested() -> None:
    """Semantics 2, bullet 3 lists what a binding has; a new field must join the test below."""
    fields = {field.name for field in pb.Binding.DESCRIPTOR.fields}
    assert fields == BY_SERVER | set(EVERYTHING)


@pytest.mark.parametrize("name", EVERYTHING)
async def test_s2_binding_survives_a_restart(tmp_path: Path, name: str) -> None:
    """Semantics 2, bullet 3: "All of it survives a restart", each setting by itself."""
    value = EVERYTHING[name]
    async with house(tmp_path / "r.db") as h:
        await h.room()
        default = await h.add("other", SMS, by="gateway")
        assert not is_set(default, name, value), "a default proves nothing"
        before = await h.add("sms", SMS, by="gateway", binding={name: value})
        await h.restart()
        after = await h.binding("sms")
        assert is_set(after, name, value)
        assert after == before


async def test_s2_changes_of_a_binding_survive_a_restart(tmp_path: Path) -> None:
    """Semantics 2, bullet 3: "All of it survives a restart", also what was said later."""
    async with house(tmp_path / "r.db") as h:
        await h.room("r1", "sms")
        place = {"room_id": "r1", "channel_id": "sms"}
        await h.do(pb.MuteChannelRequest(**place))
        await h.do(pb.MuteOutputRequest(**place))
        await allow(h, pb.ACCESS_READ_ONLY)
        shown = pb.Visibility(scope=pb.Visibility.SCOPE_TRANSPORT)
        await h.do(pb.SetVisibilityRequest(**place, visibility=shown))
        await h.change("sms", metadata={"a": 1}, direction=pb.DIRECTION_INBOUND)
        before = await h.binding("sms")
        await h.restart()
        assert await h.binding("sms") == before
        assert before.muted
        assert before.output_muted


async def test_s2_rate_limit_of_a_binding_holds_after_a_restart(tmp_path: Path) -> None:
    """Semantics 2, bullet 3: the rate limit is not only stored but obeyed then."""
    async with house(tmp_path / "r.db") as h:
        await with_sms(h, rate_limit=pb.RateLimit(max_per_second=0.1))
        await h.restart()
        provider = await h.provider("gateway")
        await h.say("first")
        request = pb.SendEventRequest(room_id="r1", channel_id="ws", content=text_content("second"))
        await h.do(request)
        await h.state()
        assert provider.texts == ["first"]
        h.clock.advance(10)
        await until(lambda: provider.texts == ["first", "second"])


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (2, 3)])
async def test_s2_retry_policy_of_a_binding_holds_after_a_restart(
    tmp_path: Path, retries: int, attempts: int
) -> None:
    """Semantics 2, bullet 3: the retry policy is not only stored but obeyed then."""
    async with house(tmp_path / "r.db") as h:
        policy = pb.RetryPolicy(max_retries=retries, base_delay=duration(0.001))
        await with_sms(h, retry_policy=policy)
        await h.restart()
        provider = await h.provider("gateway")
        provider.outcome = pb.DeliveryResult(
            state=pb.DELIVERY_STATE_FAILED, error_code="busy", retryable=True
        )
        await h.say("hello")
        await until(lambda: len(provider.delivered) == attempts)
        row = (await h.deliveries("sms"))[0]
        while row.result.state != pb.DELIVERY_STATE_FAILED:
            row = (await h.deliveries("sms"))[0]
        assert len(provider.delivered) == row.attempts == attempts


# ------------------------------------------------------------------ defaults


async def test_s2_binding_defaults(h: House) -> None:
    """Semantics 2, bullet 3: what a binding is when nothing is said of it."""
    await h.room()
    binding = await h.add("ws")
    assert binding.access == pb.ACCESS_READ_WRITE
    assert binding.direction == pb.DIRECTION_BIDIRECTIONAL
    assert binding.visibility == pb.Visibility(scope=pb.Visibility.SCOPE_ALL)
    assert not binding.muted
    assert not binding.output_muted


# ------------------------------------------------------------------ access and direction


@pytest.mark.parametrize(
    ("access", "hears", "writes"),
    [
        pytest.param(pb.ACCESS_READ_WRITE, True, True, id="read_write"),
        pytest.param(pb.ACCESS_READ_ONLY, True, False, id="read_only"),
        pytest.param(pb.ACCESS_WRITE_ONLY, False, True, id="write_only"),
        pytest.param(pb.ACCESS_NONE, False, False, id="none"),
    ],
)
async def test_s2_access_says_who_hears_and_who_writes(
    h: House, access: int, hears: bool, writes: bool
) -> None:
    """Semantics 2, bullet 3: "access READ_WRITE / READ_ONLY / WRITE_ONLY / NONE"."""
    provider = await with_sms(h)
    await allow(h, access)
    await h.say("hello")
    assert provider.texts == (["hello"] if hears else [])
    answer = await h.say("hello yourself", "sms", sender="+15550100")
    assert answer.outcome == (pb.OUTCOME_ACCEPTED if writes else pb.OUTCOME_BLOCKED)
    assert answer.blocked_by == ("" if writes else "source_read_only")


@pytest.mark.parametrize(
    ("direction", "hears", "writes"),
    [
        pytest.param(pb.DIRECTION_BIDIRECTIONAL, True, True, id="bidirectional"),
        pytest.param(pb.DIRECTION_INBOUND, False, True, id="inbound"),
        pytest.param(pb.DIRECTION_OUTBOUND, True, False, id="outbound"),
    ],
)
async def test_s2_direction_says_which_way_messages_go(
    h: House, direction: int, hears: bool, writes: bool
) -> None:
    """Semantics 2, bullet 3: "direction", seen from the room: INBOUND is never delivered to,
    from OUTBOUND nothing is taken.
    """
    provider = await with_sms(h)
    await h.change("sms", direction=direction)
    await h.say("hello")
    assert provider.texts == (["hello"] if hears else [])
    answer = await h.say("hello yourself", "sms", sender="+15550100")
    assert answer.outcome == (pb.OUTCOME_ACCEPTED if writes else pb.OUTCOME_BLOCKED)


# ------------------------------------------------------------------ the other settings


async def test_s2_visibility_of_a_binding_is_that_of_what_it_writes(h: House) -> None:
    """Semantics 2, bullet 3: "visibility": who sees what this channel writes."""
    provider = await with_sms(h)
    await h.add("pager", pb.CHANNEL_TYPE_PUSH, by="gateway")
    shown = pb.Visibility(scope=pb.Visibility.SCOPE_CHANNELS, channel_ids=["pager"])
    await h.do(pb.SetVisibilityRequest(room_id="r1", channel_id="ws", visibility=shown))
    await h.say("for the pager")
    assert [one.binding.channel_id for one in provider.delivered] == ["pager"]


async def test_s2_participant_of_a_binding_says_what_its_ai_says(h: House) -> None:
    """Semantics 2, bullet 3: "participant": answers of the channel are theirs."""
    await h.room("r1", "ws")
    script = pb.ChannelImplementation.Script(responses=["Yes"])
    await h.add(
        "ai",
        pb.CHANNEL_TYPE_AI,
        binding={"participant_id": "assistant"},
        implementation=pb.ChannelImplementation(script=script),
    )
    await h.say("Well?")
    assert [event.source.participant_id for event in await h.messages()] == ["ada", "assistant"]


async def test_s2_metadata_of_a_binding_reaches_who_serves_it(h: House) -> None:
    """Semantics 2, bullet 3: "metadata": merged key by key, and handed to the provider."""
    provider = await with_sms(h, metadata=SMS_NUMBER | {"from": "shop", "tone": "warm"})
    await h.change("sms", metadata={"from": None, "tone": "cold"})
    await h.say("hello")
    (delivered,) = provider.delivered
    assert dict(delivered.binding.metadata) == SMS_NUMBER | {"tone": "cold"}


async def test_s2_capabilities_of_a_binding_override_those_of_its_channel(h: House) -> None:
    """Semantics 2, bullet 3: "capabilities": the binding's, else the channel's."""
    provider = await h.provider("gateway")
    await h.room("r1", "ws")
    short, shorter = pb.Capabilities(max_length=10), pb.Capabilities(max_length=5)
    await h.add("a", pb.CHANNEL_TYPE_PUSH, by="gateway", capabilities=short)
    await h.add(
        "b",
        pb.CHANNEL_TYPE_PUSH,
        by="gateway",
        capabilities=short,
        binding={"capabilities": shorter},
    )
    await h.say("0123456789ABCDEF")
    texts = {one.binding.channel_id: one.event.content.text.body for one in provider.delivered}
    assert texts == {"a": "012345678…", "b": "0123…"}


async def test_s2_rate_limit_of_a_binding_limits_deliveries_to_it(h: House) -> None:
    """Semantics 2, bullet 3: "rate limit": of this binding, in this room."""
    provider = await with_sms(h, rate_limit=pb.RateLimit(max_per_minute=2))
    for number in range(3):
        request = pb.SendEventRequest(
            room_id="r1", channel_id="ws", content=text_content(f"{number}")
        )
        await h.do(request)
    await until(lambda: len(provider.delivered) == 2)
    h.clock.advance(29)
    await h.state()
    assert provider.texts == ["0", "1"]
    h.clock.advance(1)
    await until(lambda: provider.texts == ["0", "1", "2"])


# ------------------------------------------------------------------ detaching


async def test_s2_message_of_an_unattached_channel_attaches_it(h: House) -> None:
    """Semantics 2, bullet 7: what a tombstone keeps from happening."""
    await h.room()
    await h.register("ws")
    assert (await h.say("hello")).outcome == pb.OUTCOME_ACCEPTED
    assert (await h.binding("ws")).access == pb.ACCESS_READ_WRITE


@pytest.mark.parametrize("restarted", [False, True], ids=["at once", "after a restart"])
async def test_s2_detach_leaves_a_tombstone(tmp_path: Path, restarted: bool) -> None:
    """Semantics 2, bullet 7: "Detach leaves a tombstone so that auto-attach does not undo
    it", for good.
    """
    async with house(tmp_path / "r.db") as h:
        await h.room("r1", "ws")
        await h.say("hello")
        await h.do(pb.DetachChannelRequest(room_id="r1", channel_id="ws"))
        if restarted:
            await h.restart()
        before = await h.timeline()
        answer = await h.say("let me in")
        assert (answer.outcome, answer.reason) == (pb.OUTCOME_REFUSED, "channel_detached")
        assert await h.timeline() == before
        assert not (await h.do(pb.ListBindingsRequest(room_id="r1"))).bindings


async def test_s2_tombstone_is_of_one_room(h: House) -> None:
    """Semantics 2, bullet 7: other rooms attach the channel as ever."""
    await h.room("r1", "ws")
    await h.room("r2")
    await h.do(pb.DetachChannelRequest(room_id="r1", channel_id="ws"))
    assert (await h.say("hello", room_id="r2")).outcome == pb.OUTCOME_ACCEPTED


async def test_s2_attaching_by_hand_removes_the_tombstone(h: House) -> None:
    """Semantics 2, bullet 7: the tombstone is for auto-attach, not for those who mean it."""
    await h.room("r1", "ws")
    await h.do(pb.DetachChannelRequest(room_id="r1", channel_id="ws"))
    await h.attach("ws")
    assert (await h.say("back again")).outcome == pb.OUTCOME_ACCEPTED
    assert not (await h.state()).detached_channel_ids


async def test_s2_routing_does_not_lead_a_detached_channel_back(h: House) -> None:
    """Semantics 2, bullet 7: a message without a room goes elsewhere, though its sender was
    there last.
    """
    await h.room("r1", "ws")
    await h.say("hello")
    await h.do(pb.DetachChannelRequest(room_id="r1", channel_id="ws"))
    answer = await h.say("hello?", room_id="")
    assert answer.outcome == pb.OUTCOME_ACCEPTED
    assert answer.room_id != "r1"
    assert not (await h.do(pb.ListBindingsRequest(room_id="r1"))).bindings
