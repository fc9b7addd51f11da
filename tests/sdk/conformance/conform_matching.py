"""Messages as scripts write them: protobuf's JSON form with variables and matchers.

A string that begins with ``$`` is a variable: the first message that has it says what it is, all
others must agree. In a message that the runner sends a variable without a value gets one.

Matchers, in place of a value: ``{$contains: words}``, ``{$size: 3}``, ``{$max_size: 500}``,
``{$between: [1, 2]}`` (numbers and durations), ``{$absent: true}``, ``{$any: true}``,
``{$not: value}``, ``{$in: [..]}``, ``{$json: value}`` (a text that is its JSON). Fields that a
script does not name are not looked at.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

MISSING = object()
NUMBERS = ("lease", "nonce", "attach")
"""Variables whose names begin like this are numbers."""


class Names:
    """The variables of a case."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._count = itertools.count(101)

    def get(self, name: str) -> Any:
        """A variable's value, or MISSING."""
        return self._values.get(name, MISSING)

    def set(self, name: str, value: Any) -> None:
        """Give a variable its value."""
        self._values[name] = value

    def fill(self, template: Any) -> Any:
        """A template with its variables' values; those that have none get one."""
        if isinstance(template, dict):
            return {key: self.fill(value) for key, value in template.items()}
        if isinstance(template, list):
            return [self.fill(value) for value in template]
        if not _is_variable(template):
            return template
        if template not in self._values:
            number = next(self._count)
            is_number = template[1:].startswith(NUMBERS)
            self._values[template] = number if is_number else f"{template[1:]}-{number}"
        return self._values[template]


def as_dict(message: Message) -> dict[str, Any]:
    """A message as scripts write it."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def difference(expected: Any, actual: Any, names: Names, path: str = "") -> str | None:
    """Where a message is not what was expected; None: it is."""
    where = path or "it"
    if _is_matcher(expected):
        ((matcher, wanted),) = expected.items()
        return (
            None
            if MATCHERS[matcher](actual, wanted)
            else f"{where} is {_short(actual)}: {expected}"
        )
    if actual is MISSING:
        return f"{where} is not there"
    if _is_variable(expected):
        known = names.get(expected)
        if known is MISSING:
            names.set(expected, actual)
            return None
        expected = known
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return f"{where} is {_short(actual)}, not {expected}"
        for key, value in expected.items():
            found = difference(value, actual.get(key, MISSING), names, f"{path}.{key}".strip("."))
            if found:
                return found
        return None
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) != len(expected):
            return f"{where} is {_short(actual)}, not {len(expected)} of them"
        for number, value in enumerate(expected):
            found = difference(value, actual[number], names, f"{path}[{number}]")
            if found:
                return found
        return None
    return None if _same(expected, actual) else f"{where} is {_short(actual)}, not {expected!r}"


def _same(expected: Any, actual: Any) -> bool:
    """Numbers of 64 bits are strings in JSON; those of a struct are doubles."""
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return expected == actual
    if isinstance(expected, int) or isinstance(actual, int):
        return str(expected) == str(actual)
    return bool(expected == actual)


def _is_variable(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("$")


def _is_matcher(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in MATCHERS


def _number(value: Any) -> float:
    if value is MISSING:
        return float("nan")
    return float(value.removesuffix("s")) if isinstance(value, str) else float(value)


def _read(value: Any) -> Any:
    """What a text says as JSON; MISSING when it is none."""
    try:
        return json.loads(value) if isinstance(value, str) else MISSING
    except json.JSONDecodeError:
        return MISSING


def _size(value: Any) -> int:
    return -1 if value is MISSING else len(value)


MATCHERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$contains": lambda actual, wanted: actual is not MISSING and wanted in actual,
    "$size": lambda actual, wanted: _size(actual) == wanted,
    "$max_size": lambda actual, wanted: 0 <= _size(actual) <= wanted,
    "$between": lambda actual, wanted: wanted[0] <= _number(actual) <= wanted[1],
    "$absent": lambda actual, wanted: (actual is MISSING) is wanted,
    "$any": lambda actual, wanted: (actual not in (MISSING, "", 0, None)) is wanted,
    "$not": lambda actual, wanted: actual is not MISSING and not _same(wanted, actual),
    "$in": lambda actual, wanted: actual in wanted,
    "$json": lambda actual, wanted: _read(actual) == wanted,
}


def _short(value: Any) -> str:
    text = "not there" if value is MISSING else repr(value)
    return text if len(text) <= 300 else f"{text[:300]}…"
