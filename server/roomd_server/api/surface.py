"""Which object serves which RPC: the method of one of the service's objects that has the
RPC's name. A method without one is a startup error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from roomd_server.api.methods import Shape, methods
from roomd_server.api.routes import PushHandler, Routes, StreamHandler, UnaryHandler


class MissingHandler(Exception):
    """An RPC of the descriptors that no object serves."""


def surface(parts: Mapping[str, Sequence[object]], pushes: Mapping[str, PushHandler]) -> Routes:
    """Find the handler of every RPC.

    Args:
        parts: Objects that serve a service, by its short name.
        pushes: Streams that write by themselves, by path.

    Raises:
        MissingHandler: nobody serves an RPC.
    """
    unary: dict[str, UnaryHandler] = {}
    streams: dict[str, StreamHandler] = {}
    for method in methods():
        if method.path in pushes:
            continue
        name = snake_case(method.name)
        service = method.service.rpartition(".")[2]
        found = [part for part in parts.get(service, ()) if hasattr(part, name)]
        if not found:
            raise MissingHandler(f"nobody serves {method.path}: no part has {name}()")
        table = unary if method.shape is Shape.UNARY else streams
        table[method.path] = getattr(found[0], name)
    return Routes(unary=unary, streams=streams, pushes=pushes)


def snake_case(name: str) -> str:
    """``CreateRoom`` as ``create_room``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
