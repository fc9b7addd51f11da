"""Free metadata (``google.protobuf.Struct``): merged key by key, read without surprises."""

from __future__ import annotations

from google.protobuf.struct_pb2 import Struct


def merge(target: Struct, patch: Struct) -> None:
    """Take over every key of ``patch``; a null, or a value without a kind, removes the key."""
    for key, value in patch.fields.items():
        if value.WhichOneof("kind") in ("null_value", None):
            target.fields.pop(key, None)
        else:
            target.fields[key].CopyFrom(value)


def get_str(struct: Struct, key: str) -> str:
    """A string value; '' when it is missing or something else."""
    value = struct.fields.get(key)
    return value.string_value if value is not None else ""
