"""The golden messages of proto/vectors: Python keeps each of them, byte for byte and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.message import Message

import roomd.v1

FOLDER = Path(__file__).resolve().parents[2] / "proto" / "vectors"
INDEX: list[dict[str, Any]] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))

each = pytest.mark.parametrize("vector", INDEX, ids=[one["name"] for one in INDEX])


def fresh(vector: dict[str, Any]) -> Message:
    found = descriptor_pool.Default().FindMessageTypeByName(vector["type"])
    return message_factory.GetMessageClass(found)()


def on_the_wire(vector: dict[str, Any]) -> bytes:
    return (FOLDER / f"{vector['name']}.binpb").read_bytes()


def as_json(vector: dict[str, Any]) -> Any:
    return json.loads((FOLDER / f"{vector['name']}.json").read_text(encoding="utf-8"))


def test_the_folder_is_what_the_script_makes() -> None:
    script = [sys.executable, str(FOLDER / "generate.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_a_vector_for_every_kind_of_content() -> None:
    assert len(INDEX) >= 40
    names = {one["name"] for one in INDEX}
    kinds = roomd.v1.Content.DESCRIPTOR.oneofs_by_name["kind"].fields
    assert {f"content_{field.name}" for field in kinds} <= names


@each
def test_a_message_is_the_same_bytes_again(vector: dict[str, Any]) -> None:
    message = fresh(vector)
    message.ParseFromString(on_the_wire(vector))
    assert message.SerializeToString(deterministic=True) == on_the_wire(vector)


@each
def test_a_message_has_the_same_json(vector: dict[str, Any]) -> None:
    message = fresh(vector)
    message.ParseFromString(on_the_wire(vector))
    assert json_format.MessageToDict(message) == as_json(vector)


@each
def test_json_gives_the_same_bytes(vector: dict[str, Any]) -> None:
    message = fresh(vector)
    json_format.ParseDict(as_json(vector), message)
    is_same = message.SerializeToString(deterministic=True) == on_the_wire(vector)
    assert is_same == vector["json_is_whole"]
