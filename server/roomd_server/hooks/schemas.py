"""What the arguments of a tool must be like: JSON Schema, draft 2020-12."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import jsonschema_rs
from google.protobuf.struct_pb2 import Struct, Value

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument, Violation, invalid

MAX_SCHEMA_BYTES = 64 * 1024
MAX_VIOLATIONS = 16
"""Told to who called; the rest is left out."""

_FIELD = "spec.tool.parameters"


class ArgumentSchema:
    """A schema, ready to check calls.

    Args:
        parameters: Describes an object; empty: any object.

    Raises:
        InvalidArgument: VALIDATION, it is no schema of an object, refers to what is not in it,
            or has a pattern that cannot be matched in linear time.
    """

    __slots__ = ("_validator",)

    def __init__(self, parameters: Struct) -> None:
        if parameters.ByteSize() > MAX_SCHEMA_BYTES:
            raise invalid(_FIELD, f"must be at most {MAX_SCHEMA_BYTES // 1024} KiB")
        schema = _plain_object(parameters)
        if schema and schema.get("type") != "object":
            raise invalid(_FIELD, 'must describe an object: set "type" to "object"')
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                schema,
                # A backtracking pattern could hold the server for ever.
                pattern_options=jsonschema_rs.RegexOptions(),
                retriever=_fetch_nothing,
            )
        except jsonschema_rs.ValidationError as error:
            raise invalid(_FIELD, f"is no JSON Schema: {error.message[:500]}") from None

    def check(self, arguments: Struct) -> None:
        """Refuse arguments that it does not describe.

        Raises:
            InvalidArgument: VALIDATION, with a violation for each thing that is wrong.
        """
        found = list(self._violations(_plain_object(arguments)))
        if found:
            first = f"{found[0].field}: {found[0].description}"
            raise InvalidArgument(pb.ERROR_REASON_VALIDATION, first, violations=found)

    def _violations(self, arguments: dict[str, Any]) -> Iterator[Violation]:
        for count, error in enumerate(self._validator.iter_errors(arguments)):
            if count == MAX_VIOLATIONS:
                return
            path = "".join(
                f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path
            )
            yield Violation(f"arguments{path}", error.message[:500])


def _plain_object(struct: Struct) -> dict[str, Any]:
    """A struct as JSON has it; that JSON can say it was checked when it came in."""
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _plain_object(value.struct_value)
        case "list_value":
            return [_plain(one) for one in value.list_value.values]
        case "number_value":
            # A double that is whole is an integer in JSON, also in what errors say of it.
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _fetch_nothing(uri: str) -> NoReturn:
    raise LookupError(f"{uri} is not in the schema, and nothing is fetched")
