"""Hook stream, rule 11: "Grants in the credential bound what may be registered: triggers,
modes, rooms, may_block, may_modify."
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hook_kit import (
    AFTER,
    BEFORE,
    DECIDE,
    ME,
    OBSERVE,
    ORG,
    VALIDATE,
    Rig,
    allow,
    block,
    hook,
    modify,
    plain_worker,
    rig,
    spec,
)

from roomd import v1 as pb
from roomd_server.core.errors import PermissionDenied
from roomd_server.core.ports import Caller, Grant

GRANT = Grant(
    triggers=frozenset((BEFORE,)),
    modes=frozenset((DECIDE,)),
    rooms=("r", "support-*"),
    kinds=frozenset(),
    may_block=False,
    may_modify=False,
)
IN_R = pb.HookFilter(room_ids=["r"])
MINE = spec(filter=IN_R)
"""What the grant covers."""
CLOSED = spec(
    filter=IN_R,
    lifetime=pb.LIFETIME_PERSISTENT,
    failure_policy=pb.FAILURE_POLICY_BLOCK,
)
BEYOND = {
    "triggers": spec(DECIDE, pb.HOOK_TRIGGER_BEFORE_DELIVER, filter=IN_R),
    "modes": spec(VALIDATE, filter=IN_R),
    "rooms": spec(filter=pb.HookFilter(room_ids=["r", "other"])),
    "may_block": CLOSED,
}
ALL_ROOMS = spec()


@pytest.fixture
async def r() -> AsyncIterator[Rig]:
    async with rig() as made:
        yield made


def caller(**limits: Any) -> Caller:
    return Caller(ORG, grant=replace(GRANT, **limits))


async def attached(r: Rig, handler: pb.Handler, by: Caller) -> pb.Status:
    worker = await plain_worker(r, caller=by)
    (status,) = await worker.attach(handler)
    await worker.kill()
    return status.status


def lacks(status: pb.Status, what: str) -> bool:
    denied = status.reason == pb.ERROR_REASON_GRANT_MISSING
    return denied and what in status.message


@pytest.mark.parametrize("name", list(BEYOND))
async def test_rule11_a_worker_registers_nothing_beyond_its_grant(r: Rig, name: str) -> None:
    """Rule 11, "bound what may be registered": by Attach, and nothing of it is kept."""
    status = await attached(r, hook("mine", BEYOND[name]), caller())
    assert lacks(status, "does not cover")
    assert r.plane.registry.find(ORG, "mine") is None
    wide = caller(triggers=None, modes=None, rooms=None, may_block=True)
    assert (await attached(r, hook("mine", BEYOND[name]), wide)).code == 0


@pytest.mark.parametrize("name", list(BEYOND))
async def test_rule11_a_call_registers_nothing_beyond_its_grant(r: Rig, name: str) -> None:
    """Rule 11, by CreateHook and UpdateHook; the error names what is missing."""
    create = r.plane.registry.create_hook
    with pytest.raises(PermissionDenied) as refused:
        await create(caller(), pb.CreateHookRequest(name="mine", spec=BEYOND[name]))
    assert refused.value.reason_name == "GRANT_MISSING"
    assert refused.value.metadata == {"grant": name}
    await create(caller(), pb.CreateHookRequest(name="mine", spec=MINE))
    with pytest.raises(PermissionDenied):
        await r.plane.registry.update_hook(
            caller(), pb.UpdateHookRequest(name="mine", spec=BEYOND[name])
        )
    assert (await r.hook("mine")).spec.filter == IN_R
    assert (await r.hook("mine")).spec.mode == DECIDE


async def test_rule11_a_hook_must_name_its_rooms_when_the_grant_does(r: Rig) -> None:
    """Rule 11, "rooms": a hook of all rooms sees more than these."""
    assert lacks(await attached(r, hook("mine", ALL_ROOMS), caller()), "all rooms")
    inside = spec(filter=pb.HookFilter(room_ids=["support-7", "support-"]))
    assert (await attached(r, hook("mine", inside), caller())).code == 0
    beside = spec(filter=pb.HookFilter(room_ids=["support"]))
    assert lacks(await attached(r, hook("mine", beside), caller()), "'support'")


async def test_rule11_holds_for_what_others_stored(r: Rig) -> None:
    """Rule 11: a worker serves, changes, pauses and deletes only what its grant covers."""
    await r.create("theirs", ALL_ROOMS)
    registry = r.plane.registry
    assert lacks(await attached(r, hook("theirs"), caller()), "all rooms")
    assert lacks(await attached(r, hook("theirs", MINE, etag="*"), caller()), "all rooms")
    for call in (
        registry.update_hook(caller(), pb.UpdateHookRequest(name="theirs", spec=MINE)),
        registry.pause_hook(caller(), pb.PauseHookRequest(name="theirs")),
        registry.resume_hook(caller(), pb.ResumeHookRequest(name="theirs")),
        registry.delete_hook(caller(), pb.DeleteHookRequest(name="theirs")),
    ):
        with pytest.raises(PermissionDenied):
            await call
    assert (await r.hook("theirs")).spec.filter == pb.HookFilter()
    await registry.pause_hook(ME, pb.PauseHookRequest(name="theirs"))


async def test_rule11_bounds_handlers_that_are_no_hooks(r: Rig) -> None:
    """Rule 11: a key for hooks serves no channels unless its grant says so."""
    provider = pb.Handler(name="sms")
    provider.spec.channel_provider.SetInParent()
    assert lacks(await attached(r, provider, caller()), "channel_provider")
    assert (await attached(r, provider, caller(kinds=frozenset(("channel_provider",))))).code == 0
    assert (await attached(r, provider, caller(kinds=None))).code == 0
    # Known by now, it needs no spec; it needs the grant all the same.
    await attached(r, provider, ME)
    assert lacks(await attached(r, pb.Handler(name="sms"), caller()), "channel_provider")


@pytest.mark.parametrize(
    ("answer", "limit", "decided"),
    [(block("no"), "may_block", "block"), (modify("other"), "may_modify", "modify")],
    ids=["block", "modify"],
)
async def test_rule11_an_answer_beyond_the_grant_is_a_failure(
    r: Rig, answer: pb.HookDecision, limit: str, decided: str
) -> None:
    """Rule 11, "may_block, may_modify": not applied, the worker is told, the policy decides."""
    worker = await plain_worker(r, hook("mine", MINE), behave=lambda _: answer, caller=caller())
    verdict = await r.plane.runner.decide(r.call())
    assert not verdict.blocked_by
    assert verdict.payload.event.content.text.body == "hello"
    (trace,) = verdict.traces
    assert trace.decision == "error"
    assert "does not cover" in trace.reason
    settled = (await worker.told("settled")).settled
    assert settled.disposition == pb.Settled.DISPOSITION_INVALID
    assert settled.status.reason == pb.ERROR_REASON_GRANT_MISSING
    assert [fault[0] for fault in r.faults] == ["hook_error"]
    await worker.kill()

    may = caller(**{limit: True})
    worker = await plain_worker(r, hook("mine", MINE), behave=lambda _: answer, caller=may)
    (trace,) = (await r.plane.runner.decide(r.call())).traces
    assert trace.decision == decided
    await worker.kill()


async def test_rule11_allows_what_the_grant_covers(r: Rig) -> None:
    """Rule 11: bounds, no obstacles."""
    worker = await plain_worker(r, hook("mine", MINE), behave=lambda _: allow(), caller=caller())
    (trace,) = (await r.plane.runner.decide(r.call())).traces
    assert trace.decision == "allow"
    await worker.kill()
    watching = caller(triggers=frozenset((AFTER,)), modes=frozenset((OBSERVE,)))
    assert (await attached(r, hook("watch", spec(OBSERVE, filter=IN_R)), watching)).code == 0
