"""Semantics 5: "Framework events (room_created, …, circuit_breaker_opened, source_error; features
page §20) are a stream (`TailFrameworkEvents`) and can be observed like hooks."
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple

import pytest
from api_fakes import until
from hook_kit import DECIDE, hook, spec
from hooks_kit import gate, serve, store_hook, tailing, watcher
from rooms_kit import House, Provider, house, text_content
from trigger_stories import STORIES, Step, do, say

from roomd import v1 as pb

BREAKER_FAILURES = 5
BREAKER_SECONDS = 60
GONE = pb.DeliveryResult(
    state=pb.DELIVERY_STATE_FAILED, error_code="provider_error", retryable=True
)


class Notice(NamedTuple):
    """How a framework event comes about, and what it then says."""

    fire: Step
    data: Mapping[str, object]
    prepare: Step | None = None
    """Happens before anybody listens."""


def of_story(trigger: int, **data: object) -> Notice:
    """What hooks are told of, too."""
    story = STORIES[trigger]
    return Notice(story.fire, {"room_id": story.facts.room_id} | data, story.prepare)


async def connect_and_go(h: House) -> None:
    """A live connection, which ends."""
    async with h.dial(participant_id="ada"):
        pass


async def failing_phone(h: House) -> Provider:
    """A telephone whose provider is out of order; nothing is tried twice."""
    provider = await h.provider()
    provider.outcome.CopyFrom(GONE)
    binding = {"retry_policy": pb.RetryPolicy(max_retries=0), "metadata": {"phone_number": "+1"}}
    await h.add("sms", pb.CHANNEL_TYPE_SMS, by="gateway", binding=binding)
    return provider


async def open_breaker(h: House) -> Provider:
    """The telephone fails as often as its breaker bears."""
    provider = await failing_phone(h)
    for number in range(BREAKER_FAILURES):
        await h.say(f"m{number}")
    return provider


async def mend(h: House) -> None:
    """The telephone works again, once its breaker has waited long enough."""
    provider = await open_breaker(h)
    provider.outcome.CopyFrom(pb.DeliveryResult(state=pb.DELIVERY_STATE_SENT))
    h.clock.pass_unseen(BREAKER_SECONDS + 1)
    await h.say("again")


async def too_deep(h: House) -> None:
    """An answer to too many answers."""
    provider = await h.provider("model")
    provider.response.CopyFrom(pb.Response(events=[pb.RoomEvent(content=text_content("deep"))]))
    await h.add("ai", pb.CHANNEL_TYPE_AI, by="model")
    request = pb.SendEventRequest(
        room_id="r1", channel_id="ws", content=text_content("why"), chain_depth=4
    )
    await h.do(request)


async def failing_hook(h: House) -> None:
    """A hook that fails."""
    failure = pb.Failure(status=pb.Status(code=13, message="no idea"))
    await gate(h, lambda _: failure)
    await h.say("hello")


async def hanging_hook(h: House) -> None:
    """A hook that does not answer."""
    worker = await serve(h, hook("gate", spec(DECIDE, timeout=1)))
    saying = asyncio.create_task(h.say("hello"))
    await worker.asked()
    h.clock.advance(1)
    await saying


async def mark(h: House) -> None:
    """Something in another room that is told after everything before it."""
    request = pb.UpdateRoomRequest(room=pb.Room(room_id="aside", labels={"seen": "yes"}))
    request.update_mask.paths.append("labels")
    await h.do(request)


async def blocking_hook(h: House) -> None:
    """A hook that stops everything, with nobody attached."""
    await store_hook(h, failure_policy=pb.FAILURE_POLICY_BLOCK)


WS = {"channel_id": "ws", "room_id": "r1"}
WEB = {"channel_id": "web"}
SMS = {"channel_id": "sms", "room_id": "r1"}

NOTICES: Mapping[str, Notice] = {
    "room_created": of_story(pb.HOOK_TRIGGER_ON_ROOM_CREATED),
    "room_paused": of_story(pb.HOOK_TRIGGER_ON_ROOM_PAUSED),
    "room_closed": of_story(pb.HOOK_TRIGGER_ON_ROOM_CLOSED),
    "room_archived": of_story(pb.HOOK_TRIGGER_ON_ROOM_ARCHIVED),
    "room_channel_attached": of_story(pb.HOOK_TRIGGER_ON_CHANNEL_ATTACHED, **WEB),
    "room_channel_detached": of_story(pb.HOOK_TRIGGER_ON_CHANNEL_DETACHED, **WEB),
    "session_started": of_story(pb.HOOK_TRIGGER_ON_SESSION_STARTED, **WS, participant_id="ada"),
    "feedback": of_story(pb.HOOK_TRIGGER_ON_FEEDBACK, **WS, rating=0.5, dimension="help"),
    "delivery_succeeded": of_story(
        pb.HOOK_TRIGGER_ON_DELIVERY_STATUS, **SMS, state="DELIVERY_STATE_SENT"
    ),
    "channel_registered": Notice(lambda h: h.register("web"), WEB | {"replaced": False}),
    "channel_unregistered": Notice(
        do(pb.UnregisterChannelRequest(channel_id="web")), WEB, lambda h: h.register("web")
    ),
    "channel_connected": Notice(connect_and_go, {"channel_id": "ws", "participant_id": "ada"}),
    "channel_disconnected": Notice(connect_and_go, {"channel_id": "ws", "participant_id": "ada"}),
    "event_processed": Notice(say("hello"), WS),
    "event_blocked": Notice(say("hello"), WS | {"blocked_by": "gate"}, blocking_hook),
    "delivery_failed": Notice(say("hello"), SMS | {"error_code": GONE.error_code}, failing_phone),
    "chain_depth_exceeded": Notice(too_deep, {"channel_id": "ai", "room_id": "r1"}),
    "hook_error": Notice(failing_hook, {"room_id": "r1", "hook": "gate"}),
    "hook_timeout": Notice(hanging_hook, {"room_id": "r1", "hook": "gate"}),
    "room_refused_event": Notice(
        say("hello"),
        WS | {"reason": "room_closed"},
        STORIES[pb.HOOK_TRIGGER_ON_ROOM_CLOSED].fire,
    ),
    "circuit_breaker_opened": Notice(open_breaker, {"channel_id": "sms"}),
    "circuit_breaker_closed": Notice(mend, {"channel_id": "sms"}),
}
"""Those of the features page that are built, but for those that are ``ELSEWHERE``."""
ELSEWHERE = {"process_timeout", "broadcast_partial_failure"}
"""Shown by ``test_section4_timeout.py`` and ``test_section5_framework.py``."""
SEEDS = {
    "room_created", "room_closed", "room_paused", "room_channel_attached",
    "room_channel_detached", "event_blocked", "event_processed", "delivery_succeeded",
    "delivery_failed", "broadcast_partial_failure", "chain_depth_exceeded", "process_timeout",
    "hook_error", "channel_connected", "channel_disconnected",
}  # fmt: skip
"""The list of the documents, without identity_timeout, which comes with identity."""

HOOKED: Mapping[str, int] = {
    "room_created": pb.HOOK_TRIGGER_ON_ROOM_CREATED,
    "room_paused": pb.HOOK_TRIGGER_ON_ROOM_PAUSED,
    "room_closed": pb.HOOK_TRIGGER_ON_ROOM_CLOSED,
    "room_archived": pb.HOOK_TRIGGER_ON_ROOM_ARCHIVED,
    "room_channel_attached": pb.HOOK_TRIGGER_ON_CHANNEL_ATTACHED,
    "room_channel_detached": pb.HOOK_TRIGGER_ON_CHANNEL_DETACHED,
    "session_started": pb.HOOK_TRIGGER_ON_SESSION_STARTED,
    "feedback": pb.HOOK_TRIGGER_ON_FEEDBACK,
    "event_processed": pb.HOOK_TRIGGER_AFTER_BROADCAST,
    "delivery_failed": pb.HOOK_TRIGGER_ON_DELIVERY_STATUS,
    "circuit_breaker_opened": pb.HOOK_TRIGGER_ON_ERROR,
}


@pytest.fixture
async def h() -> AsyncIterator[House]:
    async with house() as made:
        await made.room("r1", "ws")
        await made.room("aside")
        yield made


async def prepared(h: House, kind: str) -> Notice:
    """The notice, when what comes before it has happened."""
    notice = NOTICES[kind]
    if notice.prepare is not None:
        await notice.prepare(h)
    return notice


def kinds_in(got: Sequence[pb.TailFrameworkEventsResponse]) -> list[str]:
    """The types that a reader was told of."""
    return [event.type for response in got for event in response.events]


# ------------------------------------------------------------------ what there is


def test_s5_framework_events_of_the_documents_are_all_there() -> None:
    """Semantics 5: "Framework events (room_created, …": none of the documents' is missing."""
    assert NOTICES.keys() | ELSEWHERE >= SEEDS


@pytest.mark.parametrize("kind", NOTICES)
async def test_s5_framework_events_are_told_once_with_what_they_are_about(
    h: House, kind: str
) -> None:
    """Semantics 5: "Framework events (room_created, …) are a stream": each that is built."""
    notice = await prepared(h, kind)
    async with tailing(h, kind, "room_updated") as got:
        await notice.fire(h)
        await until(lambda: kinds_in(got))
        await mark(h)
        await until(lambda: "room_updated" in kinds_in(got))
    (event, *_) = events = [one for response in got for one in response.events]
    assert [one.type for one in events] == [kind, "room_updated"]
    assert dict(event.data) | notice.data == dict(event.data)
    about = (event.room_id, event.channel_id, event.event_id)
    assert about == tuple(event.data[name] for name in ("room_id", "channel_id", "event_id"))
    assert event.HasField("create_time")


# ------------------------------------------------------------------ a stream


async def test_s5_framework_events_of_all_types_come_in_order(h: House) -> None:
    """Semantics 5: "are a stream": a reader that asks for no type gets all, in order."""
    async with tailing(h) as got:
        await h.do(pb.PauseRoomRequest(room_id="r1"))
        await h.do(pb.ResumeRoomRequest(room_id="r1"))
        await h.do(pb.CloseRoomRequest(room_id="r1"))
        await until(lambda: "room_closed" in kinds_in(got))
    assert kinds_in(got) == ["room_paused", "room_resumed", "room_closed"]


async def test_s5_framework_events_go_to_every_reader(h: House) -> None:
    """Semantics 5: "are a stream": readers take nothing from each other."""
    async with tailing(h) as one, tailing(h) as two:
        await h.do(pb.PauseRoomRequest(room_id="r1"))
        await until(lambda: kinds_in(one) and kinds_in(two))
    assert kinds_in(one) == kinds_in(two) == ["room_paused"]


async def test_s5_framework_events_are_not_kept_for_who_comes_later(h: House) -> None:
    """Semantics 5: "are a stream": a reader is told what happens from its first answer on."""
    await h.do(pb.PauseRoomRequest(room_id="r1"))
    async with tailing(h) as got:
        await h.do(pb.CloseRoomRequest(room_id="r1"))
        await until(lambda: kinds_in(got))
    assert kinds_in(got) == ["room_closed"]


# ------------------------------------------------------------------ like hooks


@pytest.mark.parametrize("kind", HOOKED)
async def test_s5_framework_events_and_hooks_tell_of_the_same_happening(
    h: House, kind: str
) -> None:
    """Semantics 5: "and can be observed like hooks": one happening, told both ways."""
    notice = await prepared(h, kind)
    worker = await watcher(h, HOOKED[kind])
    async with tailing(h, kind) as got:
        await notice.fire(h)
        invocation = await worker.asked()
        await until(lambda: kinds_in(got))
    assert invocation.trigger == HOOKED[kind]
    assert kinds_in(got)[0] == kind
