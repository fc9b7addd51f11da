"""Hooks as stored resources: every unary RPC, restarts, TestHooks, observers."""

from __future__ import annotations

import asyncio
import time

import pytest
from hook_kit import (
    AFTER,
    BEFORE,
    FOREIGN,
    ME,
    OBSERVE,
    VALIDATE,
    allow,
    block,
    hook,
    modify,
    plain_worker,
    rig,
    spec,
)

from roomd import v1 as pb
from roomd_server.core.errors import (
    Aborted,
    AlreadyExists,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    RoomdError,
)


async def test_a_created_hook_has_its_defaults_filled_in():
    async with rig() as made:
        stored = await made.create("gate", spec())
        assert stored.organization_id == "default"
        assert stored.state == pb.Hook.STATE_ACTIVE
        assert stored.spec.timeout.seconds == 2
        assert stored.spec.lifetime == pb.LIFETIME_PERSISTENT
        assert stored.spec.failure_policy == pb.FAILURE_POLICY_ALLOW
        assert stored.etag
        assert stored.create_time.seconds
        watcher = await made.create("watcher", spec(OBSERVE))
        assert watcher.spec.timeout.seconds == 30


@pytest.mark.parametrize(
    ("name", "described", "reason"),
    [
        ("gate", spec(OBSERVE, BEFORE), "TRIGGER_MODE_MISMATCH"),
        ("gate", spec(VALIDATE, AFTER), "TRIGGER_MODE_MISMATCH"),
        ("gate", pb.HookSpec(mode=pb.HOOK_MODE_DECIDE), "VALIDATION"),
        ("gate", pb.HookSpec(triggers=[BEFORE]), "VALIDATION"),
        ("gate", spec(timeout=10.5), "VALIDATION"),
        ("gate", spec(OBSERVE, timeout=301), "VALIDATION"),
        ("gate", spec(lifetime=pb.LIFETIME_SESSION), "VALIDATION"),
        (
            "gate",
            spec(lifetime=pb.LIFETIME_SESSION, failure_policy=pb.FAILURE_POLICY_BLOCK),
            "POLICY_NEEDS_PERSISTENT",
        ),
        ("Gate", spec(), "VALIDATION"),
        ("9gate", spec(), "VALIDATION"),
        ("g" * 64, spec(), "VALIDATION"),
        ("", spec(), "VALIDATION"),
    ],
)
async def test_a_hook_against_the_rules_is_not_made(name, described, reason):
    async with rig() as made:
        with pytest.raises(InvalidArgument) as caught:
            await made.create(name, described)
        assert caught.value.reason_name == reason
        assert not await made.store.list_hooks()


async def test_a_name_is_taken_once_and_per_organization():
    async with rig() as made:
        await made.create("gate", spec())
        with pytest.raises(AlreadyExists) as caught:
            await made.create("gate", spec(priority=1))
        assert caught.value.reason == pb.ERROR_REASON_HOOK_EXISTS
        request = pb.CreateHookRequest(name="gate", spec=spec())
        await made.plane.rpc["CreateHook"](FOREIGN, request)
        with pytest.raises(NotFound):
            await made.plane.rpc["GetHook"](FOREIGN, pb.GetHookRequest(name="other"))


async def test_creates_at_the_same_time_make_one():
    async with rig() as made:
        answers = await asyncio.gather(
            *(made.create("gate", spec(priority=n)) for n in range(5)), return_exceptions=True
        )
        assert sum(isinstance(one, pb.Hook) for one in answers) == 1
        assert sum(isinstance(one, AlreadyExists) for one in answers) == 4


async def test_the_same_request_id_makes_the_hook_once():
    async with rig() as made:
        request = pb.CreateHookRequest(name="gate", spec=spec(), request_id="k")
        create = made.plane.rpc["CreateHook"]
        first = await create(ME, request)
        assert await create(ME, request) == first
        other = pb.CreateHookRequest(name="other", spec=spec(), request_id="k")
        with pytest.raises(AlreadyExists) as caught:
            await create(ME, other)
        assert caught.value.reason == pb.ERROR_REASON_KEY_REUSED
        # Deleted meanwhile: the first answer all the same.
        await made.plane.rpc["DeleteHook"](ME, pb.DeleteHookRequest(name="gate"))
        assert await create(ME, request) == first


async def test_hooks_survive_a_restart(tmp_path):
    path = str(tmp_path / "roomd.db")
    async with rig(path) as made:
        await made.create("gate", spec(failure_policy=pb.FAILURE_POLICY_BLOCK))
        await made.create("asleep", spec())
        await made.create("gone", spec())
        await plain_worker(made, hook("fleeting", spec()))
        await made.plane.rpc["PauseHook"](ME, pb.PauseHookRequest(name="asleep"))
        await made.plane.rpc["DeleteHook"](ME, pb.DeleteHookRequest(name="gone"))
    async with rig(path) as made:
        listed = (await made.plane.rpc["ListHooks"](ME, pb.ListHooksRequest())).hooks
        assert [one.name for one in listed] == ["asleep", "gate"]
        verdict = await made.plane.runner.decide(made.call())
        assert [one.hook for one in verdict.traces] == ["gate"]
        assert verdict.blocked_by == "gate"


async def test_hooks_are_listed_by_name_page_and_trigger():
    async with rig() as made:
        for name in ("cc", "aa", "bb"):
            await made.create(name, spec())
        await made.create("watcher", spec(OBSERVE))
        listed = made.plane.rpc["ListHooks"]
        first = await listed(ME, pb.ListHooksRequest(page_size=3))
        assert [one.name for one in first.hooks] == ["aa", "bb", "cc"]
        token = first.next_page_token
        second = await listed(ME, pb.ListHooksRequest(page_size=3, page_token=token))
        assert [one.name for one in second.hooks] == ["watcher"]
        only = await listed(ME, pb.ListHooksRequest(trigger=AFTER))
        assert [one.name for one in only.hooks] == ["watcher"]
        with pytest.raises(InvalidArgument) as caught:
            await listed(ME, pb.ListHooksRequest(trigger=AFTER, page_token=token))
        assert caught.value.reason == pb.ERROR_REASON_BAD_CURSOR
        assert not (await listed(FOREIGN, pb.ListHooksRequest())).hooks


async def test_an_update_takes_the_masked_fields_and_is_effective_at_once():
    async with rig() as made:
        stored = await made.create("gate", spec(priority=3))
        request = pb.UpdateHookRequest(name="gate", etag=stored.etag)
        request.spec.filter.channel_ids.append("email")
        request.spec.priority = 9
        request.update_mask.paths.append("filter")
        updated = (await made.plane.rpc["UpdateHook"](ME, request)).hook
        assert updated.spec.priority == 3
        assert list(updated.spec.filter.channel_ids) == ["email"]
        assert updated.etag != stored.etag
        assert not (await made.plane.runner.decide(made.call())).traces
        with pytest.raises(Aborted) as caught:
            await made.plane.rpc["UpdateHook"](ME, request)
        assert caught.value.reason == pb.ERROR_REASON_ETAG_MISMATCH
        for path, reason in (("nonsense", "VALIDATION"), ("mode", "VALIDATION")):
            wrong = pb.UpdateHookRequest(name="gate", spec=pb.HookSpec())
            wrong.update_mask.paths.append(path)
            with pytest.raises(InvalidArgument) as refused:
                await made.plane.rpc["UpdateHook"](ME, wrong)
            assert refused.value.reason_name == reason
        to_session = pb.UpdateHookRequest(
            name="gate", spec=pb.HookSpec(lifetime=pb.LIFETIME_SESSION)
        )
        to_session.update_mask.paths.append("lifetime")
        with pytest.raises(InvalidArgument):
            await made.plane.rpc["UpdateHook"](ME, to_session)
        assert await made.hook("gate") == updated


async def test_a_paused_hook_is_as_if_it_did_not_exist():
    async with rig() as made:
        await made.create("gate", spec(failure_policy=pb.FAILURE_POLICY_BLOCK))
        paused = await made.plane.rpc["PauseHook"](ME, pb.PauseHookRequest(name="gate"))
        assert paused.hook.state == pb.Hook.STATE_PAUSED
        assert not made.plane.runner.wants("default", BEFORE, "r")
        assert not (await made.plane.runner.decide(made.call())).blocked_by
        again = await made.plane.rpc["PauseHook"](ME, pb.PauseHookRequest(name="gate"))
        assert again.hook == paused.hook
        await made.plane.rpc["ResumeHook"](ME, pb.ResumeHookRequest(name="gate"))
        assert (await made.plane.runner.decide(made.call())).blocked_by == "gate"


@pytest.mark.parametrize(
    ("rpc", "request_type"),
    [
        ("GetHook", pb.GetHookRequest),
        ("UpdateHook", pb.UpdateHookRequest),
        ("DeleteHook", pb.DeleteHookRequest),
        ("PauseHook", pb.PauseHookRequest),
        ("ResumeHook", pb.ResumeHookRequest),
    ],
)
async def test_a_hook_that_is_not_there_is_not_found(rpc, request_type):
    async with rig() as made:
        await made.create("mine", spec())
        for caller, name in ((ME, "nobody"), (FOREIGN, "mine")):
            with pytest.raises(NotFound) as caught:
                await made.plane.rpc[rpc](caller, request_type(name=name))
            assert caught.value.reason == pb.ERROR_REASON_HOOK_NOT_FOUND


async def test_a_delete_with_an_old_etag_is_refused():
    async with rig() as made:
        await made.create("gate", spec())
        with pytest.raises(Aborted):
            await made.plane.rpc["DeleteHook"](ME, pb.DeleteHookRequest(name="gate", etag="x"))
        assert await made.hook("gate")


async def test_an_organization_has_so_many_hooks():
    async with rig(max_hooks=2) as made:
        await made.create("aa", spec())
        await made.create("bb", spec())
        with pytest.raises(ResourceExhausted) as caught:
            await made.create("cc", spec())
        assert caught.value.reason == pb.ERROR_REASON_QUOTA


# ------------------------------------------------------------------ attaching with a spec


async def test_attaching_with_the_same_spec_changes_nothing():
    async with rig() as made:
        first = await plain_worker(made, hook("gate", spec()))
        etag = first.all("attached")[0].attached.handlers[0].etag
        second = await plain_worker(made, hook("gate", spec(), etag=etag))
        assert second.all("attached")[0].attached.handlers[0].etag == etag
        assert (await made.hook("gate")).attached_workers == 2


async def test_attaching_with_another_spec_updates_unless_the_etag_is_old():
    async with rig() as made:
        stored = await made.create("gate", spec())
        worker = await plain_worker(made, hook("gate", spec(priority=4)))
        assert (await made.hook("gate")).spec.priority == 4
        # It stays what it was: a resource.
        assert (await made.hook("gate")).spec.lifetime == pb.LIFETIME_PERSISTENT
        (status,) = await worker.attach(hook("gate", spec(priority=5), etag=stored.etag))
        assert status.status.reason == pb.ERROR_REASON_ETAG_MISMATCH
        assert (await made.hook("gate")).spec.priority == 4
        assert (await made.store.list_hooks())[0].spec.priority == 4


async def test_a_session_hook_becomes_a_resource():
    async with rig() as made:
        worker = await plain_worker(made, hook("gate", spec()))
        await worker.attach(hook("gate", spec(lifetime=pb.LIFETIME_PERSISTENT)))
        await worker.kill()
        assert (await made.hook("gate")).spec.lifetime == pb.LIFETIME_PERSISTENT
        assert [one.name for one in await made.store.list_hooks()] == ["gate"]


async def test_attaching_to_a_paused_hook_says_so():
    async with rig() as made:
        await made.create("gate", spec())
        await made.plane.rpc["PauseHook"](ME, pb.PauseHookRequest(name="gate"))
        worker = await plain_worker(made, hook("gate"))
        assert "paused" in worker.all("attached")[0].attached.handlers[0].warnings[0]


# ------------------------------------------------------------------ TestHooks


async def test_a_dry_run_says_what_every_hook_did_and_counts_nothing():
    behaviour = {"aa-fix": modify("fixed"), "cc-stop": block("enough")}
    async with rig() as made:
        await made.create("bb-nobody", spec())
        await made.create("bb-asleep", spec())
        await made.plane.rpc["PauseHook"](ME, pb.PauseHookRequest(name="bb-asleep"))
        await plain_worker(
            made,
            hook("aa-fix", spec()),
            hook("bb-email", spec(filter=pb.HookFilter(channel_ids=["email"]))),
            hook("cc-stop", spec(context=pb.ContextSelection(room=True))),
            hook("dd-after", spec()),
            hook("watcher", spec(OBSERVE)),
            behave=lambda one: behaviour[one.handler],
        )
        request = pb.TestHooksRequest(room_id="r", trigger=BEFORE, payload=made.call().payload)
        answer = await made.plane.rpc["TestHooks"](ME, request)
        steps = {one.hook: one for one in answer.steps}
        assert list(steps) == [
            "aa-fix",
            "bb-asleep",
            "bb-email",
            "bb-nobody",
            "cc-stop",
            "dd-after",
        ]
        assert steps["aa-fix"].decision.WhichOneof("action") == "modify"
        assert steps["aa-fix"].worker_id == "w"
        assert steps["bb-asleep"].skipped_because == "paused"
        assert steps["bb-email"].skipped_because == "filter"
        assert steps["bb-nobody"].status.reason == pb.ERROR_REASON_NOT_ATTACHED
        assert steps["cc-stop"].decision.block.reason == "enough"
        assert steps["dd-after"].skipped_because == "chain_blocked"
        assert answer.blocked
        assert answer.reason == "enough"
        assert answer.final_payload.event.content.text.body == "fixed"
        assert not made.faults
        request.only.append("aa-fix")
        alone = await made.plane.rpc["TestHooks"](ME, request)
        assert [one.hook for one in alone.steps] == ["aa-fix"]
        assert not alone.blocked


async def test_dry_runs_do_not_open_circuits_and_show_shadows():
    async with rig() as made:
        await plain_worker(
            made,
            hook("bad", spec()),
            hook("shadow", spec(shadow=True)),
            behave=lambda one: block() if one.handler == "shadow" else pb.Failure(),
        )
        request = pb.TestHooksRequest(room_id="r", trigger=BEFORE, payload=made.call().payload)
        for _ in range(7):
            answer = await made.plane.rpc["TestHooks"](ME, request)
        assert (await made.hook("bad")).state == pb.Hook.STATE_ACTIVE
        assert not answer.blocked
        assert answer.steps[0].status.code == 14
        assert answer.steps[1].decision.block.reason == "no"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"room_id": "nowhere"}, "ROOM_NOT_FOUND"),
        ({"trigger": AFTER}, "TRIGGER_MODE_MISMATCH"),
        ({"payload": pb.HookPayload(delivery=pb.Delivery())}, "VALIDATION"),
        ({"only": ["unknown"]}, "HOOK_NOT_FOUND"),
    ],
)
async def test_a_dry_run_of_what_cannot_be_is_refused(changes, reason):
    async with rig() as made:
        fields = {"room_id": "r", "trigger": BEFORE, "payload": made.call().payload} | changes
        with pytest.raises(RoomdError) as caught:
            await made.plane.rpc["TestHooks"](ME, pb.TestHooksRequest(**fields))
        assert caught.value.reason_name == reason


# ------------------------------------------------------------------ observers


async def test_observers_are_told_and_what_they_find_is_collected():
    def behave(invocation):
        done = pb.Done()
        done.tasks.add(title=invocation.handler)
        done.observations.add(category="c", content=invocation.handler)
        return done

    async with rig() as made:
        assert made.plane.runner.observe(made.call(trigger=AFTER)) is None
        worker = await plain_worker(
            made,
            hook("plain", spec(OBSERVE)),
            hook("curious", spec(OBSERVE, context=pb.ContextSelection(room=True))),
            hook("other", spec(OBSERVE, filter=pb.HookFilter(channel_ids=["email"]))),
            behave=behave,
        )
        told = made.plane.runner.observe(made.call(trigger=AFTER))
        found = await told
        assert sorted(task.title for task in found.tasks) == ["curious", "plain"]
        assert len(found.observations) == 2
        contexts = {one.handler: one.context.room.room_id for one in worker.invocations}
        assert contexts == {"plain": "", "curious": "r"}
        assert not any(one.reply_expected for one in worker.invocations)


async def test_observers_that_nobody_serves_are_counted():
    async with rig() as made:
        await made.create("watcher", spec(OBSERVE))
        for _ in range(3):
            found = await made.plane.runner.observe(made.call(trigger=AFTER))
            assert not found.tasks
        assert (await made.hook("watcher")).dropped == 3
        worker = await plain_worker(made, hook("watcher"))
        notice = (await worker.told("notice")).notice
        assert (notice.code, notice.handler, notice.count) == ("DROPPED_EPHEMERAL", "watcher", 3)


async def test_a_full_window_drops_counts_and_tells():
    async with rig(notice_seconds=0.05) as made:
        worker = await plain_worker(
            made, hook("watcher", spec(OBSERVE)), window=pb.SetWindow(observe_window=2)
        )
        futures = [made.plane.runner.observe(made.call(trigger=AFTER)) for _ in range(5)]
        notice = (await worker.told("notice")).notice
        assert (notice.code, notice.count) == ("DROPPED_EPHEMERAL", 3)
        assert len(worker.invocations) == 2
        for invocation in worker.invocations:
            await worker.answer(invocation, pb.Done())
        await asyncio.gather(*futures)
        assert (await made.hook("watcher")).dropped == 3


async def test_an_observer_that_does_not_answer_ends_with_its_timeout():
    async with rig() as made:
        await plain_worker(
            made,
            hook("slow", spec(OBSERVE, timeout=0.1)),
            hook("wrong", spec(OBSERVE)),
            hook("failing", spec(OBSERVE)),
            behave=lambda one: {"slow": None, "wrong": block(), "failing": pb.Failure()}[
                one.handler
            ],
        )
        began = time.monotonic()
        await made.plane.runner.observe(made.call(trigger=AFTER))
        assert 0.09 < time.monotonic() - began < 0.13
        assert sorted(fault[:2] for fault in made.faults) == [
            ("hook_error", "failing"),
            ("hook_error", "wrong"),
            ("hook_timeout", "slow"),
        ]


async def test_an_observer_whose_context_cannot_be_read_ends_too():
    async with rig() as made:
        await plain_worker(
            made, hook("curious", spec(OBSERVE, context=pb.ContextSelection(room=True)))
        )
        call = made.call(trigger=AFTER)

        async def broken(_):
            raise ValueError("owner fault")

        call.context = broken
        assert not (await made.plane.runner.observe(call)).tasks
        assert (await made.hook("curious")).dropped == 1


async def test_every_payload_kind_is_filtered_by_its_subject():
    trigger = pb.HOOK_TRIGGER_ON_DELIVERY_STATUS
    wanted = pb.HookFilter(channel_ids=["sms"])
    async with rig() as made:
        worker = await plain_worker(
            made,
            hook("sms", spec(OBSERVE, trigger, filter=wanted)),
            hook("typed", spec(OBSERVE, trigger, filter=pb.HookFilter(event_types=[1]))),
            behave=lambda _: pb.Done(),
        )
        for channel in ("sms", "email"):
            call = made.call(trigger=trigger, channel_id=channel, event_type=0)
            call.payload = pb.HookPayload(delivery=pb.Delivery(channel_id=channel))
            told = made.plane.runner.observe(call)
            if told is not None:
                await told
        seen = [(one.handler, one.hook.delivery.channel_id) for one in worker.invocations]
        assert seen == [("sms", "sms")]


async def test_decisions_and_hooks_of_others_do_not_meet():
    async with rig() as made:
        await plain_worker(made, hook("gate", spec()), behave=lambda _: block(), caller=FOREIGN)
        await plain_worker(made, hook("gate", spec()), behave=lambda _: allow())
        assert not (await made.plane.runner.decide(made.call())).blocked_by
