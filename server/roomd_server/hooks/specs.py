"""Rules of hook specs that fields cannot say, and their defaults. Pure."""

from __future__ import annotations

import re
from typing import cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument, Violation, invalid
from roomd_server.core.times import duration, seconds_of
from roomd_server.core.triggers import TRIGGERS

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")

TIMEOUTS = {
    # Mode: default and largest timeout in seconds.
    pb.HOOK_MODE_DECIDE: (2.0, 10.0),
    pb.HOOK_MODE_VALIDATE: (2.0, 10.0),
    pb.HOOK_MODE_OBSERVE: (30.0, 300.0),
}
DEFAULT_MAX_ATTEMPTS = 10
DEFAULT_MAX_BACKLOG = 100_000
MAX_RECENT_EVENTS = 200


def check_name(name: str) -> None:
    """Refuse a handler name that does not match ``[a-z][a-z0-9_-]{0,62}``.

    Raises:
        InvalidArgument: VALIDATION.
    """
    if NAME.fullmatch(name) is None:
        raise invalid("name", f"must match {NAME.pattern}")


def complete(spec: pb.HookSpec, default_lifetime: pb.Lifetime) -> pb.HookSpec:
    """A copy with every default filled in, checked.

    Raises:
        InvalidArgument: VALIDATION, TRIGGER_MODE_MISMATCH, POLICY_NEEDS_PERSISTENT,
            DURABLE_NEEDS_PERSISTENT.
    """
    _check_triggers(spec)
    full = pb.HookSpec()
    full.CopyFrom(spec)
    full.lifetime = spec.lifetime or default_lifetime
    default_seconds, most_seconds = TIMEOUTS[spec.mode]
    seconds = seconds_of(spec.timeout)
    if not 0 <= seconds <= most_seconds:
        raise invalid("spec.timeout", f"must be between 0 and {most_seconds:g} seconds")
    if not seconds:
        full.timeout.CopyFrom(duration(default_seconds))
    if not 0 <= spec.context.recent_events <= MAX_RECENT_EVENTS:
        raise invalid("spec.context.recent_events", f"must be between 0 and {MAX_RECENT_EVENTS}")
    full.failure_policy = spec.failure_policy or default_policy(spec)
    if full.failure_policy == pb.FAILURE_POLICY_BLOCK and full.lifetime != pb.LIFETIME_PERSISTENT:
        raise InvalidArgument(
            pb.ERROR_REASON_POLICY_NEEDS_PERSISTENT,
            "policy BLOCK needs lifetime PERSISTENT: a session hook is gone with its worker",
            violations=[Violation("spec.failure_policy", "BLOCK needs lifetime PERSISTENT")],
        )
    _complete_delivery(full)
    return full


def _complete_delivery(full: pb.HookSpec) -> None:
    """Fill in how an observer is told, and refuse what cannot be kept."""
    if full.delivery != pb.HOOK_DELIVERY_DURABLE:
        if full.mode == pb.HOOK_MODE_OBSERVE:
            full.delivery = pb.HOOK_DELIVERY_EPHEMERAL
        for name in ("max_attempts", "max_backlog"):
            if getattr(full, name):
                raise invalid(f"spec.{name}", "is for delivery DURABLE only")
        return
    if full.mode != pb.HOOK_MODE_OBSERVE or full.lifetime != pb.LIFETIME_PERSISTENT:
        needs = "DURABLE needs mode OBSERVE and lifetime PERSISTENT"
        raise InvalidArgument(
            pb.ERROR_REASON_DURABLE_NEEDS_PERSISTENT,
            f"{needs}: a session hook is gone with its worker, and nothing can wait for it",
            violations=[Violation("spec.delivery", needs)],
        )
    full.max_attempts = full.max_attempts or DEFAULT_MAX_ATTEMPTS
    full.max_backlog = full.max_backlog or DEFAULT_MAX_BACKLOG


def default_policy(spec: pb.HookSpec) -> pb.FailurePolicy:
    """BLOCK when one of the triggers fails closed, else ALLOW."""
    policies = {TRIGGERS[trigger].failure_policy for trigger in spec.triggers}
    closed = pb.FAILURE_POLICY_BLOCK in policies
    return pb.FAILURE_POLICY_BLOCK if closed else pb.FAILURE_POLICY_ALLOW


def _check_triggers(spec: pb.HookSpec) -> None:
    if not spec.triggers:
        raise invalid("spec.triggers", "name at least one")
    if spec.mode not in TIMEOUTS:
        raise invalid("spec.mode", "must be DECIDE, VALIDATE or OBSERVE")
    for trigger in spec.triggers:
        row = TRIGGERS.get(trigger)
        if row is None:
            raise invalid("spec.triggers", f"{trigger} is not a known trigger")
        if spec.mode not in row.modes:
            modes = ", ".join(_short(pb.HookMode.Name(mode)) for mode in sorted(row.modes))
            raise InvalidArgument(
                pb.ERROR_REASON_TRIGGER_MODE_MISMATCH,
                f"{_short(pb.HookTrigger.Name(trigger))} takes {modes}, not "
                f"{_short(pb.HookMode.Name(spec.mode))}",
                violations=[Violation("spec.mode", f"the trigger takes {modes}")],
            )


def _short(name: str) -> str:
    return name.removeprefix("HOOK_TRIGGER_").removeprefix("HOOK_MODE_")


def warnings(spec: pb.HookSpec) -> list[str]:
    """What a spec says without effect."""
    if spec.mode != pb.HOOK_MODE_OBSERVE:
        return []
    told = []
    if spec.shadow:
        told.append("shadow has no effect: OBSERVE decides nothing")
    if spec.failure_policy == pb.FAILURE_POLICY_BLOCK:
        told.append("failure_policy has no effect: OBSERVE decides nothing")
    return told


def differing(one: Message, other: Message) -> list[str]:
    """Names of the fields that two messages of a type do not have in common."""
    return [
        field.name
        for field in one.DESCRIPTOR.fields
        if _field(one, field.name) != _field(other, field.name)
    ]


def _field(message: Message, name: str) -> Message:
    """A message with nothing but one field."""
    only = type(message)()
    FieldMask(paths=[name]).MergeMessage(message, only)
    return only


def merged(spec: pb.HookSpec, changes: pb.HookSpec, mask: FieldMask) -> pb.HookSpec:
    """The spec with the masked fields of ``changes``; an empty mask or ``*`` takes all.

    Raises:
        InvalidArgument: VALIDATION, when the mask names what is not there.
    """
    result = pb.HookSpec()
    if not mask.paths or "*" in mask.paths:
        result.CopyFrom(changes)
        return result
    if not mask.IsValidForDescriptor(cast("Descriptor", pb.HookSpec.DESCRIPTOR)):
        raise invalid("update_mask", "names a field that a spec does not have")
    result.CopyFrom(spec)
    mask.MergeMessage(changes, result, replace_message_field=True, replace_repeated_field=True)
    return result
