"""A handler and its concerns, fused into one function per method.

The order is the same for all: request id, credential and scope, admission, deadline,
decode, validate, handler; then the answer, or the error as a status. ``CancelledError``
passes through: the caller has left or the server stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic
from typing import Any, cast

import grpc
from grpc import aio

from roomd import v1 as pb
from roomd_server.api.interceptors.credentials import identify
from roomd_server.api.interceptors.deadline import check_deadline
from roomd_server.api.interceptors.decode import decoder
from roomd_server.api.interceptors.errors import refuse, server_fault
from roomd_server.api.interceptors.limits import Admission
from roomd_server.api.interceptors.logging import log_cancelled, log_ok, log_refused
from roomd_server.api.interceptors.request_id import REQUEST_ID_KEY, RequestIds
from roomd_server.api.interceptors.standing import StandingWatch
from roomd_server.api.interceptors.validate import validator
from roomd_server.api.interceptors.writes import GuardedWriter, WriteWatch
from roomd_server.api.methods import Method
from roomd_server.api.policy import Policy
from roomd_server.api.routes import BidiHandler, PushHandler, StreamHandler, UnaryHandler
from roomd_server.api.status import status_code
from roomd_server.api.tallies import CANCELLED, OK, RpcTallies, short_name
from roomd_server.api.tracing import TRACEPARENT, begin_call, end_call
from roomd_server.core.errors import RoomdError
from roomd_server.core.ports import Caller
from roomd_server.core.tracing import Tracer
from roomd_server.security.credentials import Credentials

Context = aio.ServicerContext[Any, Any]
_Body = Callable[[Caller, GuardedWriter], Awaitable[None]]

_NOBODY = Caller("")
# The stubs of grpc lag behind the library here.
_EOF: object = cast("Any", aio).EOF


@dataclass(frozen=True, slots=True)
class Concerns:
    """What all methods of a server share."""

    credentials: Credentials
    request_ids: RequestIds
    admission: Admission
    writes: WriteWatch
    standing: StandingWatch
    tallies: RpcTallies
    tracer: Tracer | None = None
    """None: nobody traces."""


def unary_call(
    method: Method, policy: Policy, handler: UnaryHandler, concerns: Concerns
) -> grpc.RpcMethodHandler[Any, Any]:
    """Build the gRPC handler of a unary method."""
    # Bound once: this function runs for every message that enters.
    credentials, admission = concerns.credentials, concerns.admission
    accept_id = concerns.request_ids.accept
    decode = decoder(method.request_type)
    validate = validator(method.request_type)
    path, scope, weight = method.path, policy.scope, policy.weight
    times, name, tracer = concerns.tallies.times, short_name(path), concerns.tracer
    took_ok = times[name, OK].observe

    async def serve(data: bytes, context: Context) -> bytes:
        began = monotonic()
        metadata = cast("dict[str, str]", dict(context.invocation_metadata() or ()))
        request_id = accept_id(metadata.get(REQUEST_ID_KEY))
        caller = _NOBODY
        admitted = False
        traced = tracer is not None or TRACEPARENT in metadata
        span = begin_call(tracer, method, metadata, request_id) if traced else None
        try:
            caller = identify(credentials, metadata, scope, request_id)
            admission.enter_call(weight, within_invocation=bool(caller.invocation_id))
            admitted = True
            check_deadline(context.time_remaining())
            request = decode(data)
            validate(request)
            response = await handler(caller, request)
            answer = response if isinstance(response, bytes) else response.SerializeToString()
            if REQUEST_ID_KEY in metadata:
                # Who sent none needs none while all is well; errors always carry one.
                context.set_trailing_metadata(((REQUEST_ID_KEY, request_id),))
            log_ok(path, caller, began)
            took_ok(monotonic() - began)
            if span is not None:
                end_call(span, OK)
            return answer
        except asyncio.CancelledError:
            times[name, CANCELLED].observe(monotonic() - began)
            if span is not None:
                end_call(span, CANCELLED)
            raise
        except RoomdError as error:
            refused = error
        except Exception as fault:  # boundary: whatever it is leaves as SERVER_FAULT
            refused = server_fault(path, request_id, fault)
        finally:
            if admitted:
                admission.leave_call(weight)
        times[name, status_code(refused).name].observe(monotonic() - began)
        if span is not None:
            end_call(span, status_code(refused).name, refused.reason_name)
        log_refused(path, caller, request_id, began, refused)
        return await refuse(context, refused, request_id)

    return grpc.unary_unary_rpc_method_handler(serve)


def stream_call(
    method: Method, policy: Policy, handler: StreamHandler, concerns: Concerns
) -> grpc.RpcMethodHandler[Any, Any]:
    """Build the gRPC handler of a server-streaming method served by an async generator."""

    async def push(caller: Caller, request: Any, writer: GuardedWriter) -> None:
        await _pump(handler(caller, request), writer)

    return push_call(method, policy, cast("PushHandler", push), concerns)


def push_call(
    method: Method, policy: Policy, handler: PushHandler, concerns: Concerns
) -> grpc.RpcMethodHandler[Any, Any]:
    """Build the gRPC handler of a server-streaming method that writes by itself."""
    decode = decoder(method.request_type)
    validate = validator(method.request_type)

    async def serve(data: bytes, context: Context) -> None:
        async def body(caller: Caller, writer: GuardedWriter) -> None:
            request = decode(data)
            validate(request)
            await handler(caller, request, writer)

        await _serve_stream(method, policy, concerns, context, body)

    return grpc.unary_stream_rpc_method_handler(serve)


def bidi_call(
    method: Method, policy: Policy, handler: BidiHandler, concerns: Concerns
) -> grpc.RpcMethodHandler[Any, Any]:
    """Build the gRPC handler of a bidirectional method.

    The first message must obey the rules, or the call fails. Later ones are the handler's
    to judge: one bad item must not end a stream that others depend on.
    """
    decode = decoder(method.request_type)
    validate = validator(method.request_type)

    async def serve(_: object, context: Context) -> None:
        async def requests() -> AsyncGenerator[Any, None]:
            first = True
            while (data := await context.read()) is not _EOF:
                request = decode(data)
                if first:
                    validate(request)
                    first = False
                yield request

        async def body(caller: Caller, writer: GuardedWriter) -> None:
            async with aclosing(requests()) as incoming:
                await _pump(handler(caller, incoming), writer)

        await _serve_stream(method, policy, concerns, context, body)

    return grpc.stream_stream_rpc_method_handler(serve)


async def _pump(answers: AsyncIterator[Any], writer: GuardedWriter) -> None:
    async with aclosing(cast("AsyncGenerator[Any, None]", answers)):
        async for answer in answers:
            await writer.write(answer)


async def _serve_stream(
    method: Method, policy: Policy, concerns: Concerns, context: Context, body: _Body
) -> None:
    began = monotonic()
    metadata = cast("dict[str, str]", dict(context.invocation_metadata() or ()))
    request_id = concerns.request_ids.accept(metadata.get(REQUEST_ID_KEY))
    admission, name, ended = concerns.admission, short_name(method.path), concerns.tallies.streams
    caller = _NOBODY
    admitted = False
    try:
        caller = identify(concerns.credentials, metadata, policy.scope, request_id)
        admission.enter_stream()
        admitted = True
        check_deadline(context.time_remaining())
        context.set_trailing_metadata(((REQUEST_ID_KEY, request_id),))
        # At once: a client sees that the stream is open before the first message is due.
        await context.send_initial_metadata(((REQUEST_ID_KEY, request_id),))
        writer = concerns.writes.writer(context.write)
        with concerns.standing.watching(writer, metadata, policy.scope):
            await writer.run(body(caller, writer))
        log_ok(method.path, caller, began)
        ended[name, OK] += 1
        return
    except RoomdError as error:
        refused = error
    except aio.BaseError:
        # The transport broke under a read or write: the caller has left, or the server
        # stops. gRPC would cancel this call in a moment.
        log_cancelled(method.path, caller, began)
        ended[name, CANCELLED] += 1
        raise asyncio.CancelledError from None
    except asyncio.CancelledError:
        ended[name, CANCELLED] += 1
        raise
    except Exception as fault:  # boundary: whatever it is leaves as SERVER_FAULT
        refused = server_fault(method.path, request_id, fault)
    finally:
        if admitted:
            admission.leave_stream()
    ended[name, status_code(refused).name] += 1
    if refused.reason == pb.ERROR_REASON_SLOW_CONSUMER:
        concerns.tallies.slow_consumers[name] += 1
    log_refused(method.path, caller, request_id, began, refused)
    await refuse(context, refused, request_id)
