"""Malformed and hostile frames of the worker stream, as Hypothesis makes them up."""

from __future__ import annotations

from hook_kit import AFTER, BEFORE, OBSERVE, hook, spec
from hypothesis import strategies as st

from roomd import v1 as pb

LIVE = "the id of the decision in flight"
"""Replaced by the real id when a frame is sent."""

ids = (
    st.sampled_from(["", LIVE, "nobody", "\0"])
    | st.builds(lambda: "x" * 5000)
    | st.text(max_size=20)
)
leases = st.integers(-2, 5) | st.sampled_from([2**63 - 1, -(2**63)])
text = st.text(max_size=50) | st.builds(lambda: "y" * 20_000)

payloads = st.builds(
    lambda **fields: pb.HookPayload(event=pb.RoomEvent(**fields)),
    event_id=ids,
    room_id=ids,
    blocked_by=st.text(max_size=5),
    content=st.builds(lambda body: pb.Content(text=pb.TextContent(body=body)), text),
)
paths = st.lists(
    st.sampled_from(
        ["event", "event.index", "event.room_id", "event.source.participant_id", "*", "", "a.b"]
    ),
    min_size=1,
    max_size=3,
)
bad_modifies = st.builds(
    lambda payload, wrong: pb.Modify(payload=payload, update_mask={"paths": wrong}),
    payloads,
    paths,
)
decisions = (
    st.just(pb.HookDecision())
    | st.builds(lambda change: pb.HookDecision(modify=change), bad_modifies)
    | st.builds(lambda why: pb.HookDecision(block=pb.Block(reason=why + "z" * 2049)), text)
    | st.builds(lambda n: pb.HookDecision(allow={}, tasks=[pb.Task()] * n), st.integers(1, 40))
)
wrong_outcomes = (
    st.builds(lambda one: {"decision": one}, decisions)
    | st.just({"done": pb.Done()})
    | st.just({"value": pb.HandlerResult()})
    | st.just({"value": pb.HandlerResult(route=pb.RouteAnswer(room_id="stolen"))})
    | st.just({"failure": pb.Failure(status=pb.Status(reason=9999, message="\0"))})
    | st.just({})
)
outcomes = wrong_outcomes | st.just({"decision": pb.HookDecision(block=pb.Block(reason="forged"))})

results = st.builds(
    lambda invocation_id, lease, outcome: pb.Result(
        invocation_id=invocation_id, lease=lease, **outcome
    ),
    ids,
    leases,
    outcomes,
)
bad_handlers = st.sampled_from(
    [
        hook("gate", spec(), etag="old"),
        hook("gate", spec(OBSERVE, BEFORE)),
        hook("nobody"),
        hook("NO", spec()),
        hook("", spec()),
        hook("x" * 100, spec()),
        hook("new", spec(failure_policy=pb.FAILURE_POLICY_BLOCK)),
        hook("new", spec(timeout=100)),
        hook("new", pb.HookSpec(triggers=[999], mode=pb.HOOK_MODE_DECIDE)),
        hook("new", pb.HookSpec(triggers=[AFTER], mode=77)),
        pb.Handler(name="gate", spec=pb.HandlerSpec(inbound_router={})),
        pb.Handler(name="new", spec=pb.HandlerSpec()),
    ]
)
frames = (
    st.builds(
        lambda many: pb.ConnectRequest(results=pb.ResultBatch(results=many)),
        st.lists(results, max_size=4),
    )
    | st.builds(
        lambda i, lease, n: pb.ConnectRequest(
            result_chunk=pb.ResultChunk(invocation_id=i, lease=lease, sequence=n)
        ),
        ids,
        leases,
        leases,
    )
    | st.builds(
        lambda i, lease, s: pb.ConnectRequest(
            extend=pb.Extend(invocation_id=i, lease=lease, timeout={"seconds": s})
        ),
        ids,
        leases,
        st.integers(-(10**12), 10**12),
    )
    | st.builds(
        lambda many: pb.ConnectRequest(attach=pb.Attach(handlers=many)),
        st.lists(bad_handlers, max_size=3),
    )
    | st.builds(
        lambda many: pb.ConnectRequest(detach=pb.Detach(names=many)),
        st.lists(st.sampled_from(["gate", "", "nobody"]), max_size=3),
    )
    | st.builds(
        lambda a, b: pb.ConnectRequest(set_window=pb.SetWindow(reply_window=a, max_bytes=b)),
        st.integers(-(2**31), 2**31 - 1),
        leases,
    )
    | st.builds(lambda n: pb.ConnectRequest(ping=pb.Ping(nonce=n)), leases)
    | st.just(pb.ConnectRequest())
    | st.just(pb.ConnectRequest(hello=pb.Hello(protocol_revision=1)))
    | st.just(pb.ConnectRequest(goodbye=pb.Goodbye(reason="x" * 1000)))
)


def aimed(frame: pb.ConnectRequest, invocation_id: str) -> pb.ConnectRequest:
    """The frame with the real id where it names the decision in flight."""
    copy = pb.ConnectRequest()
    copy.CopyFrom(frame)
    for one in (*copy.results.results, copy.result_chunk, copy.extend):
        if one.invocation_id == LIVE:
            one.invocation_id = invocation_id
    if not frame.WhichOneof("message"):
        copy.Clear()
    elif frame.WhichOneof("message") not in ("results", "result_chunk", "extend"):
        return frame
    return copy
