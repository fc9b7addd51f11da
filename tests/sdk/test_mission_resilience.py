"""The documents' examples about limits, retries and delivery status."""

from __future__ import annotations

import pytest
from mission_rooms import Recorder, ai, furnish, furnished, say, sms, until, websocket
from mission_runner import Names, run

from roomd import DeliveryStatus, MockSMSProvider, SMSChannel


async def test_rate_limiting_of_a_binding(names: Names) -> None:
    prepare = furnished("room-1", sms("sms-out"), attach=False)
    await run(names, "004", "Rate Limiting", before={"await kit.attach_channel": prepare})
    limit = (await names["kit"].get_binding("room-1", "sms-out")).rate_limit
    assert (limit.max_per_second, limit.max_per_minute) == (1.0, 30.0)


async def test_rate_limiting_of_everything_inbound(names: Names) -> None:
    await run(names, "004", "Rate Limiting", 2)
    kit = names["kit"]
    await furnish(kit, "room", websocket("ws"))
    results = [await say(kit, "ws", str(number)) for number in range(40)]
    limited = [one for one in results if one.reason == "rate_limited"]
    assert limited
    assert all(one.blocked and one.event is None for one in limited)


@pytest.mark.parametrize(
    ("document", "heading", "number", "channel_id"),
    [
        ("000", "Rate Limiting", 1, "sms-channel"),
        ("000", "Retry with Backoff", 1, "email-channel"),
        ("001", "Resilience", 1, "sms-out"),
        ("004", "Retry with Backoff", 2, "sms-out"),
    ],
)
async def test_a_binding_keeps_its_policies(
    names: Names, document: str, heading: str, number: int, channel_id: str
) -> None:
    kit = names["kit"]
    await furnish(kit, "room-1", sms(channel_id), attach=False)
    await run(names, document, heading, number)
    binding = await kit.get_binding("room-1", channel_id)
    if "Retry" in heading or document == "001":
        assert (binding.retry_policy.max_retries, binding.retry_policy.base_delay_seconds) == (3, 1)
    if "Rate" in heading or document == "001":
        assert binding.rate_limit.max_per_second == (5.0 if document == "001" else 1.0)


async def test_circuit_breaker(names: Names) -> None:
    class Down:
        calls = 0

        async def send(self, event: object, to: str) -> None:
            self.calls += 1
            raise ConnectionError("down")

    provider = Down()
    names |= {"provider": provider, "event": None}
    await run(names, "004", "Circuit Breaker")
    cb = names["cb"]
    assert (cb.state, provider.calls) == ("closed", 1)
    for _ in range(4):
        cb.record_failure()
    assert (cb.state, cb.allow_request()) == ("open", False)


async def test_retry_with_backoff(names: Names) -> None:
    tries = []

    async def flaky() -> str:
        tries.append(1)
        if len(tries) < 2:
            raise ConnectionError("once")
        return "done"

    names["flaky_function"] = flaky
    await run(names, "004", "Retry with Backoff")
    assert (names["result"], len(tries)) == ("done", 2)


@pytest.mark.parametrize(
    ("document", "heading", "answers"),
    [("004", "Chain Depth Limit", 2), ("000", "Chain Depth Limiting", 4)],
)
async def test_chain_depth_limit(names: Names, document: str, heading: str, answers: int) -> None:
    await run(names, document, heading)
    kit = names["kit"]
    await furnish(kit, "room", websocket("ws"), ai("ai-1", "ping"), ai("ai-2", "pong"))
    result = await say(kit, "ws", "start")
    events = await kit.store.list_events("room", conversation_only=True)
    said = [one for one in events if one.id != result.event.id]
    assert max(one.chain_depth for one in said if one.status != "blocked") == answers
    assert {one.blocked_by for one in said if one.status == "blocked"} == {
        "event_chain_depth_limit"
    }


async def test_idempotency(names: Names) -> None:
    kit = names["kit"]
    await furnish(kit, "room", sms("sms-channel"))
    await run(names, "000", "Idempotency")
    first = names["result"]
    await run(names, "000", "Idempotency")
    assert not first.duplicate
    assert names["result"].duplicate
    assert names["result"].event.id == first.event.id


@pytest.mark.parametrize(("document", "number"), [("000", 1), ("004", 1), ("004", 2)])
async def test_delivery_status_tracking(
    names: Names, capsys: pytest.CaptureFixture[str], document: str, number: int
) -> None:
    kit = names["kit"]
    logger = names["logger"] = Recorder()
    provider = MockSMSProvider()
    await furnish(kit, "room", websocket("ws"), SMSChannel("sms", provider=provider))
    sent = (await say(kit, "ws", "Hi")).delivery_results["sms"]

    def status(word: str, error: str | None = None) -> DeliveryStatus:
        return DeliveryStatus(
            provider="mock",
            channel_id="sms",
            message_id=sent.provider_message_id,
            status=word,
            error_code="30003" if error else None,
            error_message=error,
        )

    names["status"] = status("failed", "Unreachable handset")
    await run(names, document, "Delivery Status Tracking", number)
    if document == "000":
        await kit.process_delivery_status(names["status"])
    printed = ""

    def told() -> bool:
        nonlocal printed
        printed += capsys.readouterr().out
        logged = " ".join(str(call) for call in logger.calls)
        return "Unreachable handset" in printed + logged

    await until(told)
