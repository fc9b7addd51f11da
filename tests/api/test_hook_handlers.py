"""Channel providers and routers on the worker stream."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import pytest
from hook_kit import AFTER, FOREIGN, OBSERVE, allow, hook, plain_worker, rig, spec

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument, Unavailable
from roomd_server.core.ports import Ask, ResponderFailed
from roomd_server.core.times import duration

CHANNEL = pb.Channel(
    channel_id="sms",
    implementation=pb.ChannelImplementation(
        worker=pb.ChannelImplementation.Worker(handler="my-sms")
    ),
)
MESSAGE = pb.InboundMessage(
    channel_id="sms", sender_id="s", content=pb.Content(text=pb.TextContent(body="hi"))
)
TEXT = pb.Content(text=pb.TextContent(body="hi"))


def provider(name="my-sms", **fields):
    if "timeout" in fields:
        fields["timeout"] = duration(fields["timeout"])
    described = pb.HandlerSpec(channel_provider=pb.ChannelProviderSpec(**fields))
    return pb.Handler(name=name, spec=described)


def router(name="router", **fields):
    if "timeout" in fields:
        fields["timeout"] = duration(fields["timeout"])
    return pb.Handler(name=name, spec=pb.HandlerSpec(inbound_router=pb.InboundRouterSpec(**fields)))


def ask_of(made, body="hi"):
    event = pb.RoomEvent(event_id="e1", room_id="r", content=TEXT)
    event.content.text.body = body
    binding = pb.Binding(room_id="r", channel_id="sms")
    return Ask("default", CHANNEL, binding, event, "d1", "+1", 1, 1, made.context)


def sent(state=pb.DELIVERY_STATE_SENT, **fields):
    result = pb.DeliveryResult(state=state, provider_message_id="p1", **fields)
    return pb.HandlerResult(delivery=pb.DeliveryOutcome(result=result))


def chunk(invocation, sequence, text):
    return pb.ResultChunk(
        invocation_id=invocation.invocation_id,
        lease=invocation.lease,
        sequence=sequence,
        chunk=pb.HandlerChunk(text_delta=text),
    )


def response(*texts):
    events = [pb.RoomEvent(content=pb.Content(text=pb.TextContent(body=text))) for text in texts]
    return pb.HandlerResult(response=pb.Response(events=events))


# ------------------------------------------------------------------ deliveries


async def test_a_delivery_reaches_the_worker_and_its_outcome_comes_back():
    async with rig() as made:
        worker = await plain_worker(made, provider(), behave=lambda _: sent())
        assert made.providers == [("default", "my-sms")]
        assert made.plane.remote.attached("default", CHANNEL) == 1
        assert made.plane.remote.attached("other", CHANNEL) == 0
        outcome = await made.plane.remote.deliver(ask_of(made))
        assert outcome.result.provider_message_id == "p1"
        (invocation,) = worker.invocations
        delivery = invocation.call.deliver
        assert (delivery.delivery_id, delivery.recipient, delivery.parts) == ("d1", "+1", 1)
        assert invocation.room_id == "r"
        assert invocation.reply_expected


@pytest.mark.parametrize(
    ("answer", "code", "retryable"),
    [
        (None, "timeout", True),
        (pb.Failure(status=pb.Status(code=14), retryable=True), "unavailable", True),
        (
            pb.Failure(
                status=pb.Status(code=8, reason=pb.ERROR_REASON_RATE_LIMITED, message="slow"),
                retryable=True,
                retry_after=duration(3.0),
            ),
            "rate_limited",
            True,
        ),
        (pb.Failure(status=pb.Status(message="no such number")), "worker_failed", False),
        (sent(pb.DELIVERY_STATE_READ), "invalid_answer", False),
        (sent(77), "invalid_answer", False),
        (response("x"), "invalid_answer", False),
        (allow(), "invalid_answer", False),
    ],
)
async def test_trouble_is_a_failed_delivery(answer, code, retryable):
    async with rig() as made:
        worker = await plain_worker(made, provider(timeout=0.1), behave=lambda _: answer)
        result = (await made.plane.remote.deliver(ask_of(made))).result
        assert result.state == pb.DELIVERY_STATE_FAILED
        assert (result.error_code, result.retryable) == (code, retryable)
        assert result.error_message
        assert result.retry_after.seconds == (3 if code == "rate_limited" else 0)
        if code == "invalid_answer":
            settled = (await worker.told("settled")).settled
            assert settled.disposition == pb.Settled.DISPOSITION_INVALID


async def test_with_nobody_attached_a_delivery_fails_no_worker():
    async with rig() as made:
        for _ in range(2):
            result = (await made.plane.remote.deliver(ask_of(made))).result
            assert (result.error_code, result.retryable) == ("no_worker", True)
            worker = await plain_worker(made, provider())
            await worker.kill()


async def test_a_delivery_that_its_only_worker_died_over_fails_worker_lost():
    """It may be what killed it: it must not be waited for like a worker that is away."""
    async with rig() as made:
        worker = await plain_worker(made, provider())
        task = asyncio.create_task(made.plane.remote.deliver(ask_of(made)))
        await worker.asked()
        await worker.kill()
        result = (await task).result
        assert (result.error_code, result.retryable) == ("worker_lost", True)


async def test_an_answer_that_its_only_worker_died_over_fails_worker_lost():
    async with rig() as made:
        worker = await plain_worker(made, provider())

        async def respond():
            async with aclosing(made.plane.remote.respond(ask_of(made))) as pieces:
                return [piece async for piece in pieces]

        task = asyncio.create_task(respond())
        await worker.asked()
        await worker.kill()
        with pytest.raises(ResponderFailed) as failed:
            await task
        assert (failed.value.code, failed.value.retryable) == ("worker_lost", True)


async def test_a_delivery_goes_on_with_the_next_worker():
    async with rig() as made:
        first = await plain_worker(made, provider())
        second = await plain_worker(made, provider(), behave=lambda _: sent())
        task = asyncio.create_task(made.plane.remote.deliver(ask_of(made)))
        await first.asked()
        await first.kill()
        assert (await task).result.state == pb.DELIVERY_STATE_SENT
        assert second.invocations[0].attempt == 2
        assert second.invocations[0].call.deliver.delivery_id == "d1"


async def test_a_delivery_that_is_given_up_is_called_back():
    async with rig() as made:
        worker = await plain_worker(made, provider())
        task = asyncio.create_task(made.plane.remote.deliver(ask_of(made)))
        await worker.asked()
        task.cancel()
        cancel = (await worker.told("cancel")).cancel
        assert cancel.reason == pb.Cancel.REASON_CALLER_GONE


# ------------------------------------------------------------------ answers


async def collected(made):
    return [piece async for piece in made.plane.remote.respond(ask_of(made))]


async def test_streamed_answers_come_in_order_and_end_with_the_response():
    async with rig() as made:
        worker = await plain_worker(made, provider(recent_events=7))
        task = asyncio.create_task(collected(made))
        invocation = await worker.asked()
        assert invocation.call.WhichOneof("kind") == "respond"
        assert invocation.context.room.room_id == "r"
        assert made.contexts[0].recent_events == 7
        for number, text in enumerate(["Hel", "lo ", "you"]):
            await worker.send(result_chunk=chunk(invocation, number, text))
        await worker.answer(invocation, response("and more"))
        pieces = await task
        assert pieces[:3] == ["Hel", "lo ", "you"]
        assert pieces[3].events[0].content.text.body == "and more"


async def test_text_that_is_not_taken_in_time_is_joined_and_bounded():
    async with rig(chunk_entries=4, chunk_bytes=100) as made:
        worker = await plain_worker(made, provider())
        pieces = made.plane.remote.respond(ask_of(made))
        first = asyncio.create_task(anext(pieces))
        invocation = await worker.asked()
        await worker.send(result_chunk=chunk(invocation, 0, "0"))
        assert await first == "0"
        for number in range(1, 10):
            await worker.send(result_chunk=chunk(invocation, number, str(number)))
        await asyncio.sleep(0.02)
        assert [await anext(pieces) for _ in range(4)] == ["1", "2", "3", "456789"]
        await worker.send(result_chunk=chunk(invocation, 10, "x" * 101))
        with pytest.raises(ResponderFailed, match="100 bytes"):
            await anext(pieces)


@pytest.mark.parametrize("numbers", [[1], [0, 2], [0, 0], [-1]])
async def test_a_hole_in_the_sequence_fails_the_answer(numbers):
    async with rig() as made:
        worker = await plain_worker(made, provider())
        task = asyncio.create_task(collected(made))
        invocation = await worker.asked()
        for number in numbers:
            await worker.send(result_chunk=chunk(invocation, number, "x"))
        with pytest.raises(ResponderFailed) as caught:
            await task
        assert caught.value.code == "invalid_answer"
        settled = (await worker.told("settled")).settled
        assert settled.disposition == pb.Settled.DISPOSITION_INVALID
        await worker.told("cancel")
        await worker.send(result_chunk=chunk(invocation, 5, "late"))
        late = (await worker.told("settled", 1)).settled
        assert late.disposition == pb.Settled.DISPOSITION_LATE


async def test_a_worker_that_dies_before_the_first_word_is_replaced_once():
    async with rig() as made:
        workers = [await plain_worker(made, provider()) for _ in range(3)]
        task = asyncio.create_task(collected(made))
        await workers[0].asked()
        await workers[0].kill()
        await workers[1].asked()
        await workers[1].kill()
        with pytest.raises(ResponderFailed) as caught:
            await task
        assert (caught.value.code, caught.value.retryable) == ("worker_lost", True)
        assert not workers[2].invocations


async def test_a_worker_that_dies_after_the_first_word_fails_the_answer():
    async with rig() as made:
        first = await plain_worker(made, provider())
        second = await plain_worker(made, provider())
        pieces = made.plane.remote.respond(ask_of(made))
        word = asyncio.create_task(anext(pieces))
        invocation = await first.asked()
        await first.send(result_chunk=chunk(invocation, 0, "Hel"))
        assert await word == "Hel"
        await first.kill()
        with pytest.raises(ResponderFailed) as caught:
            await anext(pieces)
        assert (caught.value.code, caught.value.retryable) == ("worker_lost", True)
        assert not second.invocations


async def test_the_timeout_holds_per_chunk():
    async with rig() as made:
        worker = await plain_worker(made, provider(timeout=0.15))
        task = asyncio.create_task(collected(made))
        invocation = await worker.asked()
        began = time.monotonic()
        for number in range(4):
            await asyncio.sleep(0.08)
            await worker.send(result_chunk=chunk(invocation, number, "x"))
        with pytest.raises(ResponderFailed) as caught:
            await task
        assert (caught.value.code, caught.value.retryable) == ("timeout", True)
        assert 0.44 < time.monotonic() - began < 0.56


async def test_closing_an_answer_early_stops_the_worker():
    async with rig() as made:
        worker = await plain_worker(made, provider())
        async with aclosing(made.plane.remote.respond(ask_of(made))) as pieces:
            word = asyncio.create_task(anext(pieces))
            invocation = await worker.asked()
            await worker.send(result_chunk=chunk(invocation, 0, "bad"))
            assert await word == "bad"
        cancel = (await worker.told("cancel")).cancel
        assert cancel.reason == pb.Cancel.REASON_SUPERSEDED
        assert made.plane.dispatcher.in_flight == 0


async def test_an_answer_with_nobody_there_fails():
    async with rig() as made:
        with pytest.raises(ResponderFailed) as caught:
            await collected(made)
        assert (caught.value.code, caught.value.retryable) == ("no_worker", True)


async def test_chunks_for_what_takes_none_are_refused():
    async with rig() as made:
        worker = await plain_worker(made, provider())
        task = asyncio.create_task(made.plane.remote.deliver(ask_of(made)))
        invocation = await worker.asked()
        await worker.send(result_chunk=chunk(invocation, 0, "x"))
        settled = (await worker.told("settled")).settled
        assert settled.disposition == pb.Settled.DISPOSITION_INVALID
        await worker.answer(invocation, sent())
        assert (await task).result.state == pb.DELIVERY_STATE_SENT


# ------------------------------------------------------------------ routing


async def test_routers_are_asked_by_name_until_one_answers():
    answers = {"aa": pb.RouteAnswer(decline=True), "bb": pb.RouteAnswer(room_id="room-7")}
    async with rig() as made:
        route = made.plane.extensions.route
        assert await route("default", MESSAGE, pb.CHANNEL_TYPE_SMS) is None
        worker = await plain_worker(
            made,
            router("bb"),
            router("aa"),
            router("a-email", channel_types=[pb.CHANNEL_TYPE_EMAIL]),
            behave=lambda one: pb.HandlerResult(route=answers[one.handler]),
        )
        assert await route("default", MESSAGE, pb.CHANNEL_TYPE_SMS) == "room-7"
        assert [one.handler for one in worker.invocations] == ["aa", "bb"]
        assert await route("other", MESSAGE, pb.CHANNEL_TYPE_SMS) is None
        await worker.kill()
        assert await route("default", MESSAGE, pb.CHANNEL_TYPE_SMS) is None


@pytest.mark.parametrize("answer", [None, pb.Failure(), allow(), sent()])
async def test_a_router_that_does_not_answer_declines(answer):
    async with rig() as made:
        await plain_worker(made, router(timeout=0.05), behave=lambda _: answer)
        assert await made.plane.extensions.route("default", MESSAGE, 1) is None


# ------------------------------------------------------------------ conversion, transcoding


async def test_a_worker_converts_only_when_it_says_so():
    converted = pb.HandlerResult(converted=pb.Converted(content=TEXT))
    async with rig() as made:
        convert = made.plane.extensions.convert
        assert await convert("default", CHANNEL, MESSAGE) is None
        worker = await plain_worker(made, provider(), behave=lambda _: converted)
        assert await convert("default", CHANNEL, MESSAGE) is None
        await worker.attach(provider(converts_inbound=True))
        assert (await convert("default", CHANNEL, MESSAGE)).content == TEXT
        await worker.kill()
        # It is away, and still the one that must convert.
        with pytest.raises(Unavailable):
            await convert("default", CHANNEL, MESSAGE)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, Unavailable),
        (pb.Failure(retryable=True), Unavailable),
        (pb.Failure(status=pb.Status(message="not a message")), InvalidArgument),
        (pb.HandlerResult(converted=pb.Converted()), Unavailable),
        (pb.HandlerResult(converted=pb.Converted(content=pb.Content())), Unavailable),
    ],
)
async def test_a_conversion_that_fails_stores_nothing(answer, error):
    async with rig() as made:
        await plain_worker(
            made, provider(converts_inbound=True, timeout=0.05), behave=lambda _: answer
        )
        with pytest.raises(error):
            await made.plane.extensions.convert("default", CHANNEL, MESSAGE)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (pb.HandlerResult(transcoded=pb.Transcoded(content=TEXT)), "hi"),
        (pb.HandlerResult(transcoded=pb.Transcoded()), ""),
        (pb.HandlerResult(transcoded=pb.Transcoded(content=pb.Content())), None),
        (pb.Failure(), None),
        (None, None),
    ],
)
async def test_a_transcoder_that_fails_leaves_it_to_the_built_in_one(answer, body):
    async with rig() as made:
        await plain_worker(made, provider(transcodes=True, timeout=0.05), behave=lambda _: answer)
        target = pb.Binding(room_id="r", channel_id="sms")
        made_of = await made.plane.extensions.transcode("default", CHANNEL, TEXT, None, target)
        assert (made_of.content.text.body if made_of is not None else None) == body


# ------------------------------------------------------------------ restarts


async def test_a_provider_that_must_convert_must_after_a_restart(tmp_path):
    """With nobody to convert it a message is refused, not taken as it came."""
    path = str(tmp_path / "a.db")
    converted = pb.HandlerResult(converted=pb.Converted(content=TEXT))
    async with rig(path) as made:
        worker = await plain_worker(made, provider(converts_inbound=True, transcodes=True))
        etag = worker.all("attached")[0].attached.handlers[0].etag
    async with rig(path) as made:
        with pytest.raises(Unavailable):
            await made.plane.extensions.convert("default", CHANNEL, MESSAGE)
        again = await plain_worker(made, pb.Handler(name="my-sms"), behave=lambda _: converted)
        assert again.all("attached")[0].attached.handlers[0].etag == etag
        answer = await made.plane.extensions.convert("default", CHANNEL, MESSAGE)
        assert answer.content == TEXT


async def test_what_a_provider_says_of_itself_last_is_stored(tmp_path):
    path = str(tmp_path / "a.db")
    async with rig(path) as made:
        worker = await plain_worker(made, provider(converts_inbound=True))
        await worker.attach(provider(), router())
    async with rig(path) as made:
        assert await made.plane.extensions.convert("default", CHANNEL, MESSAGE) is None
        assert [handler.name for _, handler in await made.store.list_handlers()] == ["my-sms"]


async def test_a_hook_that_takes_a_dead_providers_name_is_all_that_is_stored(tmp_path):
    path = str(tmp_path / "a.db")
    async with rig(path) as made:
        worker = await plain_worker(made, provider(converts_inbound=True))
        await worker.kill()
        kept = spec(OBSERVE, AFTER, lifetime=pb.LIFETIME_PERSISTENT)
        await plain_worker(made, hook("my-sms", kept))
    async with rig(path) as made:
        assert await made.store.list_handlers() == []
        assert await made.plane.extensions.convert("default", CHANNEL, MESSAGE) is None
        assert (await made.hook("my-sms")).name == "my-sms"


async def test_handlers_that_nobody_serves_make_room(tmp_path):
    async with rig(max_hooks=2) as made:
        for name in ("a", "b", "c"):
            worker = await plain_worker(made, provider(name))
            await worker.kill()
        stored = [handler.name for _, handler in await made.store.list_handlers()]
        assert stored == ["b", "c"]
        assert made.plane.extensions.find("default", "a") is None
        live = await plain_worker(made, provider("d"), provider("e"))
        (status,) = await live.attach(provider("f"))
        assert status.status.reason == pb.ERROR_REASON_QUOTA


# ------------------------------------------------------------------ names


async def test_a_name_has_one_meaning():
    async with rig() as made:
        await made.create("stored", spec(OBSERVE, AFTER))
        worker = await plain_worker(made, provider("taken"))
        statuses = await worker.attach(
            provider("stored"), hook("taken", spec()), router("taken"), provider("free")
        )
        reasons = [one.status.reason for one in statuses]
        assert reasons == [pb.ERROR_REASON_HOOK_EXISTS] * 3 + [0]
        other = await plain_worker(made, hook("taken", spec()), caller=FOREIGN)
        assert not other.error


async def test_handlers_have_etags_and_limits():
    async with rig() as made:
        worker = await plain_worker(made, provider())
        etag = worker.all("attached")[0].attached.handlers[0].etag
        old = provider(transcodes=True)
        old.etag = "old"
        slow = provider("slow", timeout=601)
        statuses = await worker.attach(old, slow, pb.Handler(name="my-sms"))
        assert statuses[0].status.reason == pb.ERROR_REASON_ETAG_MISMATCH
        assert statuses[1].status.reason == pb.ERROR_REASON_VALIDATION
        assert statuses[2].etag == etag
