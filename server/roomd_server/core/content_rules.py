"""Rules of content that field options cannot say."""

from __future__ import annotations

import math
from collections.abc import Iterator

from roomd import v1 as pb
from roomd_server.core.errors import Violation

MAX_DEPTH = 5
"""Levels of composite and edit content."""
MAX_PARTS = 32


def check_content(content: pb.Content, path: str) -> list[Violation]:
    """Every rule that the content breaks, with paths below ``path``."""
    return list(_check(content, path, 1))


def _check(content: pb.Content, path: str, depth: int) -> Iterator[Violation]:
    kind = content.WhichOneof("kind")
    if kind is None:
        yield Violation(path, "must say something: set one kind of content")
    elif kind == "composite":
        yield from _check_composite(content.composite, f"{path}.composite", depth)
    elif kind == "edit":
        inner = content.edit.new_content
        where = f"{path}.edit.new_content"
        if inner.WhichOneof("kind") in ("edit", "delete"):
            yield Violation(where, "must not be an edit or delete itself")
        elif depth >= MAX_DEPTH:
            yield Violation(where, f"must not nest deeper than {MAX_DEPTH} levels")
        else:
            yield from _check(inner, where, depth + 1)
    elif kind == "location":
        for name in ("latitude", "longitude"):
            if not math.isfinite(getattr(content.location, name)):
                yield Violation(f"{path}.location.{name}", "must be a finite number")


def _check_composite(composite: pb.CompositeContent, path: str, depth: int) -> Iterator[Violation]:
    if not 1 <= len(composite.parts) <= MAX_PARTS:
        yield Violation(f"{path}.parts", f"must have 1 to {MAX_PARTS} parts")
        return
    if depth >= MAX_DEPTH and any(part.HasField("composite") for part in composite.parts):
        yield Violation(f"{path}.parts", f"must not nest deeper than {MAX_DEPTH} levels")
        return
    for number, part in enumerate(composite.parts):
        where = f"{path}.parts[{number}]"
        if part.WhichOneof("kind") in ("edit", "delete"):
            yield Violation(where, "must not be an edit or delete")
        else:
            yield from _check(part, where, depth + 1)
