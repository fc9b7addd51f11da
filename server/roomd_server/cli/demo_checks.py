"""What the demo promises, checked against what was seen. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from roomd import v1 as pb
from roomd_server.cli.demo_people import Seen
from roomd_server.core.transcode import text_of


@dataclass
class Evidence:
    """What was seen from the outside."""

    acknowledged: list[pb.SendResult] = field(default_factory=list)
    timeline: list[pb.RoomEvent] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    outbox: list[dict[str, str]] = field(default_factory=list)
    crashed: bool = False


class Check(NamedTuple):
    """One promise."""

    name: str
    ok: bool
    detail: str

    def row(self) -> dict[str, object]:
        """The check as JSON."""
        return {"name": self.name, "ok": self.ok, "detail": self.detail}


Script = dict[str, Any]
Rule = Callable[[Script, Evidence], Check]


def check(script: Script, evidence: Evidence) -> list[Check]:
    """Every promise that the script puts to the test."""
    return [rule(script, evidence) for rule in _RULES]


def _gapless(_script: Script, evidence: Evidence) -> Check:
    indexes = [event.index for event in evidence.timeline]
    ok = bool(indexes) and indexes == list(range(len(indexes)))
    return Check("the timeline is gapless", ok, f"{len(indexes)} events, 0 to {len(indexes) - 1}")


def _kept(_script: Script, evidence: Evidence) -> Check:
    stored = {event.event_id: event.index for event in evidence.timeline}
    lost = [one for one in evidence.acknowledged if stored.get(one.event_id) != one.index]
    detail = f"{len(evidence.acknowledged)} acknowledged, {len(lost)} lost"
    return Check("everything acknowledged is there", not lost, detail)


def _once(_script: Script, evidence: Evidence) -> Check:
    keys = Counter(event.idempotency_key for event in evidence.timeline if event.idempotency_key)
    twice = [key for key, count in keys.items() if count > 1]
    detail = f"{len(keys)} keys, {len(twice)} stored twice"
    return Check("retried messages are there once", not twice, detail)


def _survived(script: Script, evidence: Evidence) -> Check:
    wanted = any(step.get("crash") for step in script["steps"])
    detail = "killed and restarted" if evidence.crashed else "not killed"
    return Check("it survived a SIGKILL", evidence.crashed or not wanted, detail)


def _blocked(script: Script, evidence: Evidence) -> Check:
    words = script["hooks"]["block"]
    bad = [event for event in evidence.timeline if _has(event, words)]
    blocked = [event for event in bad if event.blocked_by == "moderation"]
    shown = [
        event for seen in evidence.seen.values() for event in seen.events if _has(event, words)
    ]
    shown_by_phone = [one for one in evidence.outbox if _any(one["text"], words)]
    ok = bool(blocked) and blocked == bad and not shown and not shown_by_phone
    return Check(
        "blocked by the hook, shown to nobody",
        ok,
        f"{len(blocked)} stored BLOCKED, {len(shown) + len(shown_by_phone)} shown",
    )


def _modified(script: Script, evidence: Evidence) -> Check:
    words = script["hooks"]["replace"]
    clean = [event for event in evidence.timeline if _has(event, list(words.values()))]
    dirty = [event for event in evidence.timeline if _has(event, list(words))]
    return Check(
        "modified by the hook", bool(clean) and not dirty, f"{len(clean)} changed, {len(dirty)} not"
    )


def _transcoded(_script: Script, evidence: Evidence) -> Check:
    rich = [event for event in evidence.timeline if event.content.HasField("rich")]
    texts = [one["text"] for one in evidence.outbox]
    ok = bool(rich) and all(text_of(event.content) in texts for event in rich)
    shown = next((text for text in texts if "1." in text), "").replace("\n", " / ")
    return Check("rich content became text for the phone", ok, shown)


def _delivered(_script: Script, evidence: Evidence) -> Check:
    sent = {one["event_id"] for one in evidence.outbox}
    wanted = {
        event.event_id
        for event in evidence.timeline
        if event.type == pb.EVENT_TYPE_MESSAGE and not event.blocked_by
    }
    missing = wanted - sent
    again = len(evidence.outbox) - len(sent)
    detail = f"{len(wanted)} messages, {len(missing)} missing, {again} sent again after the crash"
    return Check("the phone got every message at least once", not missing, detail)


def _typing(script: Script, evidence: Evidence) -> Check:
    typed = [step["from"] for step in script["steps"] if step.get("typing")]
    others = {name: set(seen.typing) for name, seen in evidence.seen.items()}
    ok = bool(typed) and all(
        any(who in seen for name, seen in others.items() if name != who) for who in typed
    )
    detail = ", ".join(
        f"{name} saw {', '.join(sorted(seen)) or 'nobody'}" for name, seen in others.items()
    )
    return Check("typing was shown", ok, detail)


def _streamed(_script: Script, evidence: Evidence) -> Check:
    answers = {
        event.correlation_id: text_of(event.content)
        for event in evidence.timeline
        if event.source.channel_id == "ai" and not event.blocked_by
    }
    equal = deltas = 0
    for seen in evidence.seen.values():
        for stream_id, parts in seen.streams.items():
            deltas += len(parts)
            equal += answers.get(stream_id) == "".join(parts)
    return Check(
        "the AI's answers were streamed",
        equal > 0,
        f"{equal} streams in {deltas} deltas, as stored",
    )


def _has(event: pb.RoomEvent, words: list[str]) -> bool:
    return _any(text_of(event.content), words)


def _any(text: str, words: list[str]) -> bool:
    return any(word in text.lower() for word in words)


_RULES: tuple[Rule, ...] = (
    _gapless,
    _kept,
    _once,
    _survived,
    _blocked,
    _modified,
    _transcoded,
    _delivered,
    _typing,
    _streamed,
)
