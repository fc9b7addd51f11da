"""The rules of the fields, compiled from the options in the proto files.

Per message type a plan is made once: which fields have a check, which must be set. A check
visits only fields that are set, and types below which nothing can be wrong are skipped.
Besides the written rules, everywhere: text without NUL, enum values that exist, times and
JSON that can be represented, ``metadata`` without the server's keys.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter, methodcaller
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from roomd import v1 as pb
from roomd_server.core.content_rules import check_content
from roomd_server.core.errors import InvalidArgument, Violation

MAX_VIOLATIONS = 20
"""More than these are not worth reading, nor worth finding."""
MAX_JSON_LEVELS = 16
"""Nesting of free data. A request of 100 levels would make an event that no client can
parse, because an event is sent with a few messages around it."""

Violations = list[Violation]
Check = Callable[[Any, Violations], None]
"""Looks at a field's value and adds what is wrong, with paths from the field on."""

# The stubs know extensions less precisely than the runtime does.
_RULES: Any = pb.rules
_ONEOF_RULES: Any = pb.oneof_rules

_RESERVED_KEY = "begins with _: these keys are the server's"
_NO_MEMBER = "one of its members is required"
_NUL = "must not contain NUL"
_RESOURCES = frozenset(
    f"roomd.v1.{name}" for name in ("Room", "Channel", "Binding", "Participant", "Task", "HookSpec")
)
"""What an update carries in part: rules hold for the fields that its mask names."""
_SMALL_FIELDS = 4
_MIN_TIMESTAMP, _MAX_TIMESTAMP = -62_135_596_800, 253_402_300_799
_MAX_DURATION = 315_576_000_000


class Plan:
    """What is checked in messages of one type."""

    __slots__ = (
        "_fields",
        "checks",
        "members",
        "required",
        "required_oneofs",
        "run",
        "small",
        "texts",
        "union",
    )

    def __init__(self, descriptor: Descriptor) -> None:
        # Kept alive: otherwise every ListFields makes them anew.
        self._fields = list(descriptor.fields)
        self.run: Callable[[Any, Violations], None] = self.check
        """Adds what is wrong with a message, in the way that suits the type."""
        self.checks: dict[int, Check] = {}
        """By field number."""
        self.texts: dict[int, float] = {}
        """Longest text, by number of the fields that have no other rule: most of them. They
        are looked at without a call, and checked only when something is wrong."""
        self.small: list[tuple[str, float, Check]] = []
        """For ``check_small``: name, longest text, check."""
        self.required: list[tuple[str, Callable[[Any], Any]]] = []
        """Fields that must be set, and how to see it."""
        self.required_oneofs: list[str] = []
        self.union = ""
        """For ``check_union``: the oneof that all fields belong to."""
        self.members: dict[str, Check] = {}
        """For ``check_union``: checks by field name."""

    @property
    def empty(self) -> bool:
        """Whether nothing can be wrong with such a message."""
        return not (self.checks or self.required or self.required_oneofs)

    def check(self, message: Message, out: Violations) -> None:
        """Add what is wrong with the message."""
        checks, texts = self.checks, self.texts
        for field, value in message.ListFields():
            number = field.number
            max_length = texts.get(number)
            if max_length is not None and len(value) <= max_length and "\0" not in value:
                continue
            check = checks.get(number)
            if check is not None:
                check(value, out)
        for name, is_set in self.required:
            if not is_set(message):
                out.append(Violation(name, "is required"))
        for name in self.required_oneofs:
            if message.WhichOneof(name) is None:
                out.append(Violation(name, _NO_MEMBER))

    def check_small(self, message: Message, out: Violations) -> None:
        """The same for a type with few fields, all plain texts: it is cheaper to read them
        all than to ask which are set.
        """
        for name, max_length, check in self.small:
            text = getattr(message, name)
            if len(text) > max_length or "\0" in text:
                check(text, out)
        for name, is_set in self.required:
            if not is_set(message):
                out.append(Violation(name, "is required"))

    def check_union(self, message: Message, out: Violations) -> None:
        """The same for a type whose fields all belong to one oneof: one look suffices."""
        member = message.WhichOneof(self.union)
        if member is None:
            if self.required_oneofs:
                out.append(Violation(self.union, _NO_MEMBER))
            return
        check = self.members.get(member)
        if check is not None:
            check(getattr(message, member), out)


_plans: dict[str, Plan] = {}
_plans_by_class: dict[type[Message], Plan] = {}


def plan_for(descriptor: Descriptor) -> Plan:
    """The plan of a message type; compiled when first asked for.

    Raises:
        ValueError: a rule in the proto files is not usable.
    """
    plan = _plans.get(descriptor.full_name)
    if plan is None:
        # Entered before it is complete: types contain themselves.
        plan = _plans[descriptor.full_name] = Plan(descriptor)
        _compile(descriptor, plan)
    return plan


def check(message: Message) -> Violations:
    """Everything that is wrong with the message, at most 20 violations."""
    plan = _plans_by_class.get(type(message))
    if plan is None:
        plan = plan_for(cast("Descriptor", message.DESCRIPTOR))
        _plans_by_class[type(message)] = plan
    out: Violations = []
    plan.run(message, out)
    if out:
        out = _without_unmasked(message, out)
    return out[:MAX_VIOLATIONS]


def validate(message: Message) -> None:
    """Raise what ``check`` finds.

    Raises:
        InvalidArgument: VALIDATION.
    """
    violations = check(message)
    if violations:
        raise refusal(violations)


def refusal(violations: Sequence[Violation]) -> InvalidArgument:
    """Build the error for broken rules."""
    first = "; ".join(f"{field}: {description}" for field, description in violations[:3])
    more = f" and {len(violations) - 3} more" if len(violations) > 3 else ""
    return InvalidArgument(pb.ERROR_REASON_VALIDATION, first + more, violations=violations)


# ------------------------------------------------------------------ compiling


def _compile(descriptor: Descriptor, plan: Plan) -> None:
    for field in descriptor.fields:
        rules: pb.FieldRules = field.GetOptions().Extensions[_RULES]
        if rules.required:
            plan.required.append((field.name, _presence(field)))
        check = _field_check(field, rules)
        if check is not None:
            plan.checks[field.number] = check
            plan.members[field.name] = check
            if _is_plain_text(field, rules):
                plan.texts[field.number] = rules.max_length or math.inf
    fields = descriptor.fields
    if len(plan.texts) == len(fields) <= _SMALL_FIELDS and not descriptor.oneofs:
        plan.small = [(f.name, plan.texts[f.number], plan.checks[f.number]) for f in fields]
        plan.run = plan.check_small
    for oneof in descriptor.oneofs:
        if oneof.GetOptions().Extensions[_ONEOF_RULES].required:
            plan.required_oneofs.append(oneof.name)
        if len(oneof.fields) == len(descriptor.fields) and not plan.required:
            plan.union = oneof.name
            plan.run = plan.check_union


def _presence(field: FieldDescriptor) -> Callable[[Any], Any]:
    name = field.name
    if field.message_type is not None and not field.is_repeated:
        return methodcaller("HasField", name)
    return attrgetter(name)


def _field_check(field: FieldDescriptor, rules: pb.FieldRules) -> Check | None:
    if _is_map(field):
        return _map_check(field, rules)
    check = _value_check(field, rules)
    if not field.is_repeated:
        return check
    if check is None and not rules.max_items:
        return None
    return partial(_check_items, field.name, rules.max_items or None, check)


def _value_check(field: FieldDescriptor, rules: pb.FieldRules) -> Check | None:
    name = field.name
    if field.message_type is not None:
        return _message_check(field, rules)
    if field.enum_type is not None:
        return partial(_check_enum, name, frozenset(field.enum_type.values_by_number))
    if field.type == FieldDescriptor.TYPE_STRING:
        pattern = re.compile(rules.pattern) if rules.pattern else None
        return partial(_check_text, name, rules.max_length or math.inf, pattern)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return partial(_check_bytes, name, rules.max_length) if rules.max_length else None
    bounds = _bounds(rules)
    return partial(_check_number, name, *bounds) if bounds else None


def _message_check(field: FieldDescriptor, rules: pb.FieldRules) -> Check | None:
    name, kind, owner = field.name, field.message_type, field.containing_type
    assert kind is not None
    assert owner is not None
    if kind.full_name == "google.protobuf.Struct":
        # A stored event may come back in a request, with the server's keys in it.
        reserved = name == "metadata" and owner.full_name != "roomd.v1.RoomEvent"
        return partial(_check_struct, name, reserved)
    if kind.full_name == "google.protobuf.Duration":
        low, high = _bounds(rules) or (-math.inf, math.inf)
        return partial(_check_duration, name, low, high)
    if kind.full_name == "google.protobuf.Timestamp":
        return partial(_check_timestamp, name)
    plan = plan_for(kind)
    if kind.full_name == "roomd.v1.Content" and not _within_content(owner):
        return partial(_check_outer_content, name, plan)
    # A plan that is still being compiled looks empty: then the type contains itself.
    if plan.empty and not _contains_itself(kind):
        return None
    return partial(_check_message, name, plan)


def _map_check(field: FieldDescriptor, rules: pb.FieldRules) -> Check | None:
    entry = field.message_type
    assert entry is not None
    key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
    no_rules = pb.FieldRules()
    key_check = _value_check(key, no_rules)
    value_check = _value_check(value, no_rules)
    return partial(_check_map, field.name, rules.max_items or None, key_check, value_check)


def _is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and bool(kind.GetOptions().map_entry)


def _is_plain_text(field: FieldDescriptor, rules: pb.FieldRules) -> bool:
    return field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated and not rules.pattern


def _bounds(rules: pb.FieldRules) -> tuple[float, float] | None:
    if not rules.HasField("minimum") and not rules.HasField("maximum"):
        return None
    low = rules.minimum if rules.HasField("minimum") else -math.inf
    high = rules.maximum if rules.HasField("maximum") else math.inf
    return low, high


def _within_content(descriptor: Descriptor) -> bool:
    return descriptor.file.name == "roomd/v1/content.proto"


def _contains_itself(descriptor: Descriptor) -> bool:
    seen: set[str] = set()
    left = [descriptor]
    while left:
        for field in left.pop().fields:
            kind = field.message_type
            if kind is None or kind.full_name in seen:
                continue
            if kind.full_name == descriptor.full_name:
                return True
            seen.add(kind.full_name)
            left.append(kind)
    return False


# ------------------------------------------------------------------ checks


def _check_text(
    name: str, max_length: float, pattern: re.Pattern[str] | None, value: str, out: Violations
) -> None:
    if len(value) > max_length:
        out.append(Violation(name, f"has {len(value)} characters, at most {max_length}"))
    elif "\0" in value:
        out.append(Violation(name, _NUL))
    elif pattern is not None and value and pattern.fullmatch(value) is None:
        out.append(Violation(name, f"must match {pattern.pattern}"))


def _check_bytes(name: str, max_length: int, value: bytes, out: Violations) -> None:
    if len(value) > max_length:
        out.append(Violation(name, f"has {len(value)} bytes, at most {max_length}"))


def _check_number(name: str, low: float, high: float, value: float, out: Violations) -> None:
    if not low <= value <= high:
        out.append(Violation(name, _range_text(value, low, high)))


def _check_enum(name: str, known: frozenset[int], value: int, out: Violations) -> None:
    if value not in known:
        out.append(Violation(name, f"{value} is not a known value"))


def _check_duration(name: str, low: float, high: float, value: Any, out: Violations) -> None:
    seconds, nanos = value.seconds, value.nanos
    if abs(seconds) > _MAX_DURATION or abs(nanos) > 999_999_999 or seconds * nanos < 0:
        out.append(Violation(name, "is not a Duration"))
    elif not low <= seconds + nanos / 1e9 <= high:
        out.append(Violation(name, _range_text(seconds + nanos / 1e9, low, high) + " seconds"))


def _check_timestamp(name: str, value: Any, out: Violations) -> None:
    in_range = _MIN_TIMESTAMP <= value.seconds <= _MAX_TIMESTAMP
    if not in_range or not 0 <= value.nanos <= 999_999_999:
        out.append(Violation(name, "is not a Timestamp between the years 1 and 9999"))


def _check_message(name: str, plan: Plan, value: Message, out: Violations) -> None:
    before = len(out)
    plan.run(value, out)
    if len(out) > before:
        _prefix(f"{name}.", out, before)


def _check_outer_content(name: str, plan: Plan, value: pb.Content, out: Violations) -> None:
    before = len(out)
    plan.run(value, out)
    if len(out) > before:
        _prefix(f"{name}.", out, before)
    elif not value.HasField("text"):
        # Plain text, nearly everything that is ever said, has no rules of this kind.
        out.extend(check_content(value, name))


def _check_items(
    name: str, max_items: int | None, check: Check | None, values: Any, out: Violations
) -> None:
    if max_items is not None and len(values) > max_items:
        # They are not looked at: an attacker may send millions.
        out.append(Violation(name, f"has {len(values)} entries, at most {max_items}"))
        return
    if check is None:
        return
    for i, value in enumerate(values):
        before = len(out)
        check(value, out)
        if len(out) > before:
            _index(name, f"{name}[{i}]", out, before)
            if len(out) >= MAX_VIOLATIONS:
                return


def _check_map(
    name: str,
    max_items: int | None,
    key_check: Check | None,
    value_check: Check | None,
    values: Any,
    out: Violations,
) -> None:
    if max_items is not None and len(values) > max_items:
        out.append(Violation(name, f"has {len(values)} entries, at most {max_items}"))
        return
    for key, value in values.items():
        before = len(out)
        if key_check is not None:
            key_check(key, out)
        if value_check is not None:
            value_check(value, out)
        if len(out) > before:
            _prefix(f"{name}[{key!r:.40}].", out, before)
            if len(out) >= MAX_VIOLATIONS:
                return


def _check_struct(name: str, reserved: bool, value: Struct, out: Violations) -> None:
    if reserved:
        for key in value.fields:
            if key.startswith("_"):
                out.append(Violation(f"{name}.{key:.40}", _RESERVED_KEY))
                break
    problem = _json_problem(value, MAX_JSON_LEVELS)
    if problem:
        out.append(Violation(name, problem))


def _json_problem(struct: Struct, levels: int) -> str:
    for key, value in struct.fields.items():
        if "\0" in key:
            return _NUL
        problem = _json_value_problem(value, levels)
        if problem:
            return problem
    return ""


def _json_value_problem(value: Any, levels: int) -> str:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return _NUL if "\0" in value.string_value else ""
    if kind == "number_value":
        return "" if math.isfinite(value.number_value) else "has a number that is not finite"
    if kind == "struct_value":
        if levels <= 1:
            return f"nests deeper than {MAX_JSON_LEVELS} levels"
        return _json_problem(value.struct_value, levels - 1)
    if kind == "list_value":
        if levels <= 1:
            return f"nests deeper than {MAX_JSON_LEVELS} levels"
        problems = (_json_value_problem(item, levels - 1) for item in value.list_value.values)
        return next(filter(None, problems), "")
    return "has a value of no kind" if kind is None else ""


def _range_text(value: float, low: float, high: float) -> str:
    if low == -math.inf:
        return f"is {value:g}, at most {high:g}"
    if high == math.inf:
        return f"is {value:g}, at least {low:g}"
    return f"is {value:g}, must be between {low:g} and {high:g}"


def _prefix(prefix: str, out: Violations, start: int) -> None:
    out[start:] = [Violation(prefix + field, text) for field, text in out[start:]]


def _index(name: str, indexed: str, out: Violations, start: int) -> None:
    # The item's check speaks of the field; the index goes behind the field's name.
    cut = len(name)
    out[start:] = [Violation(indexed + field[cut:], text) for field, text in out[start:]]


# ------------------------------------------------------------------ updates


def _without_unmasked(message: Message, violations: Violations) -> Violations:
    """Drop what is wrong with parts of a resource that an update does not take."""
    mask = getattr(message, "update_mask", None)
    if mask is None or not mask.paths or "*" in mask.paths:
        return violations
    taken = {path.partition(".")[0] for path in mask.paths}
    resources = {
        field.name
        for field in message.DESCRIPTOR.fields
        if field.message_type is not None and field.message_type.full_name in _RESOURCES
    }

    def counts(violation: Violation) -> bool:
        resource, _, rest = violation.field.partition(".")
        if resource not in resources or not rest:
            return True
        field = re.split(r"[.\[]", rest, maxsplit=1)[0]
        return field in taken or field.endswith("_id")

    return [violation for violation in violations if counts(violation)]
