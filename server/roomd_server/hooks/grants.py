"""What a credential lets its workers register and answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from roomd import v1 as pb
from roomd_server.core.errors import PermissionDenied
from roomd_server.core.ports import Grant


def check_hook(grant: Grant | None, spec: pb.HookSpec) -> None:
    """Refuse a hook that a credential may not make, change or serve.

    Raises:
        PermissionDenied: GRANT_MISSING.
    """
    if grant is None:
        return
    if grant.triggers is not None and not grant.triggers.issuperset(spec.triggers):
        names = _short(pb.HookTrigger.Name(one) for one in set(spec.triggers) - grant.triggers)
        raise missing("triggers", f"the trigger {names}")
    if grant.modes is not None and spec.mode not in grant.modes:
        raise missing("modes", f"the mode {_short([pb.HookMode.Name(spec.mode)])}")
    if grant.rooms is not None:
        wanted = spec.filter.room_ids
        if not wanted:
            raise missing("rooms", "all rooms; name yours in filter.room_ids")
        foreign = [one for one in wanted if not _covers(grant.rooms, one)]
        if foreign:
            raise missing("rooms", f"room {foreign[0]!r}")
    if not grant.may_block and spec.failure_policy == pb.FAILURE_POLICY_BLOCK:
        raise missing("may_block", "failure policy BLOCK")


def check_handler(grant: Grant | None, kind: str) -> None:
    """Refuse a handler of another kind that a credential may not serve.

    Raises:
        PermissionDenied: GRANT_MISSING.
    """
    if grant is not None and grant.kinds is not None and kind not in grant.kinds:
        raise missing("handlers", f"handlers of the kind {kind}")


def bounded(grant: Grant | None) -> Grant | None:
    """The grant, if there are answers that it does not let pass."""
    if grant is None or (grant.may_block and grant.may_modify):
        return None
    return grant


def excess(grant: Grant, result: pb.Result) -> PermissionDenied | None:
    """Why an answer says more than its worker may; None: it does not."""
    action = result.decision.WhichOneof("action")
    if action == "block" and not grant.may_block:
        return missing("may_block", "blocking")
    if action == "modify" and not grant.may_modify:
        return missing("may_modify", "modifying")
    return None


def missing(name: str, what: str) -> PermissionDenied:
    """Build the error for something that a grant does not cover."""
    return PermissionDenied(
        pb.ERROR_REASON_GRANT_MISSING,
        f"the grant of this key does not cover {what}",
        metadata={"grant": name},
    )


def _covers(rooms: Iterable[str], room_id: str) -> bool:
    return any(
        room_id.startswith(one[:-1]) if one.endswith("*") else room_id == one for one in rooms
    )


def _short(names: Iterable[str]) -> str:
    return ", ".join(
        sorted(name.removeprefix("HOOK_TRIGGER_").removeprefix("HOOK_MODE_") for name in names)
    )
