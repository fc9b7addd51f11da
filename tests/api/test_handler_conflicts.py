"""A name that others serve: the same settings join, others do not change them in passing."""

from __future__ import annotations

import pytest
from hook_kit import ME, OBSERVE, hook, plain_worker, rig, spec
from test_hook_handlers import provider, router

from roomd import v1 as pb
from roomd_server.core.times import duration
from roomd_server.hooks.seats import SeatState

CONFLICT = pb.ERROR_REASON_HANDLER_CONFLICT


def slow_router():
    slow = router()
    slow.spec.inbound_router.timeout.CopyFrom(duration(3))
    return slow


PAIRS = [
    pytest.param(hook("h", spec()), hook("h", spec(priority=4, timeout=3)), id="hook"),
    pytest.param(hook("h", spec(OBSERVE)), hook("h", spec()), id="hook of another mode"),
    pytest.param(provider("h"), provider("h", transcodes=True, recent_events=7), id="provider"),
    pytest.param(router(), slow_router(), id="router"),
]
"""A handler, and another one by its name."""


def with_etag(handler, etag):
    other = pb.Handler()
    other.CopyFrom(handler)
    other.etag = etag
    return other


async def worker(made, handler, name):
    """A worker that says who it is, and what it was told about its handler."""
    made_worker = await plain_worker(made, worker_id=name)
    (status,) = await made_worker.attach(handler)
    return made_worker, status


def spec_of(made, name):
    entry = made.plane.registry.find("default", name)
    if entry is not None:
        return entry.hook.spec
    return made.plane.extensions.find("default", name).spec


def serving(made, name):
    return made.plane.dispatcher.group("default", name).serving


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_a_live_handler_keeps_its_settings(one, other):
    async with rig() as made:
        await worker(made, one, "first")
        before = spec_of(made, one.name).SerializeToString()
        _, status = await worker(made, other, "second")
        assert status.status.reason == CONFLICT
        assert status.status.code == 6
        assert "served by 'first'" in status.status.message
        assert spec_of(made, one.name).SerializeToString() == before
        assert serving(made, one.name) == 1


async def test_the_refusal_names_what_differs():
    async with rig() as made:
        await worker(made, hook("h", spec()), "first")
        _, status = await worker(made, hook("h", spec(priority=4, timeout=3)), "second")
        assert "with another priority, timeout;" in status.status.message


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_a_dead_handler_is_replaced(one, other):
    async with rig() as made:
        first, _ = await worker(made, one, "first")
        await first.kill()
        _, status = await worker(made, other, "second")
        assert not status.status.code
        assert serving(made, one.name) == 1


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("state", [SeatState.DRAINING, SeatState.LEAVING])
async def test_who_is_on_its_way_out_does_not_stand_in_the_way(one, other, state):
    """It said goodbye, or was told to dial again, and finishes what it has."""
    async with rig() as made:
        await worker(made, one, "first")
        (attachment,) = made.plane.dispatcher.group("default", one.name).members
        made.plane.dispatcher.retire(attachment.seat, state)
        _, status = await worker(made, other, "second")
        assert not status.status.code
        assert serving(made, one.name) == 1


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_a_process_is_no_rival_of_itself(one, other):
    """Its stream before may live on for a while when the network is gone."""
    async with rig() as made:
        await worker(made, one, "same")
        _, status = await worker(made, other, "same")
        assert not status.status.code
        assert serving(made, one.name) == 2


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("known", [True, False])
async def test_a_rolling_deploy_says_that_it_means_it(one, other, known):
    async with rig() as made:
        old, attached = await worker(made, one, "old")
        etag = attached.etag if known else "*"
        _, status = await worker(made, with_etag(other, etag), "new")
        assert not status.status.code
        assert status.etag != attached.etag
        assert serving(made, one.name) == 2
        after = spec_of(made, one.name).SerializeToString()
        (again,) = await old.attach(one)
        assert again.status.reason == CONFLICT, "who dials again with the old settings is late"
        assert spec_of(made, one.name).SerializeToString() == after


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_an_old_etag_is_no_permission(one, other):
    async with rig() as made:
        await worker(made, one, "first")
        _, status = await worker(made, with_etag(other, "old"), "second")
        assert status.status.reason == pb.ERROR_REASON_ETAG_MISMATCH


async def test_a_call_changes_a_live_hook():
    """UpdateHook is an operator's: it means what it says."""
    async with rig() as made:
        await worker(made, hook("h", spec()), "first")
        request = pb.UpdateHookRequest(name="h", spec=pb.HookSpec(priority=7))
        request.update_mask.paths.append("priority")
        await made.plane.registry.update_hook(ME, request)
        assert spec_of(made, "h").priority == 7
