"""Page tokens: opaque, and good only for the list they came from.

A token holds where the next page begins and a mark of the list: its name, the
organization and every field of the request that says which rows and in which order.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from hashlib import blake2b

from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import ListValue

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument, Violation
from roomd_server.core.ports import Caller

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000

Part = str | float


def page_size(requested: int) -> int:
    """The size asked for, or the default; never more than the largest."""
    return min(requested or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def mark(caller: Caller, request: Message) -> str:
    """Say which list a request reads: the same for all of its pages, whatever their size."""
    query = type(request)()
    query.CopyFrom(request)
    query.ClearField("page_token")
    query.ClearField("page_size")
    digest = blake2b(caller.org.encode(), digest_size=9)
    digest.update(b"\0" + query.DESCRIPTOR.name.encode() + b"\0")
    digest.update(query.SerializeToString(deterministic=True))
    return base64.urlsafe_b64encode(digest.digest()).decode()


def encode(kind: str, *parts: Part) -> str:
    """Make a token for the list ``kind`` (see ``mark``); numbers must fit a double."""
    values = ListValue()
    values.extend([kind, *parts])
    raw = values.SerializeToString(deterministic=True)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(kind: str, token: str, types: Sequence[type[str] | type[float]]) -> list[Part] | None:
    """Read a token back; None for the first page, which has none.

    Raises:
        InvalidArgument: BAD_CURSOR, when the token is of another list or was not made here.
    """
    if not token:
        return None
    values = ListValue()
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        values.ParseFromString(raw)
    except (binascii.Error, DecodeError, ValueError):
        raise bad_token() from None
    parts = [_plain(value.WhichOneof("kind"), value) for value in values.values]
    wanted = (str, *types)
    if [type(part) for part in parts] != list(wanted) or parts[0] != kind:
        raise bad_token()
    return [part for part in parts[1:] if part is not None]


def decode_text(kind: str, token: str) -> str:
    """Read a token with one text back; empty for the first page.

    Raises:
        InvalidArgument: BAD_CURSOR.
    """
    parts = decode(kind, token, (str,))
    return str(parts[0]) if parts else ""


def decode_count(kind: str, token: str) -> int:
    """Read a token with one count back; 0 for the first page.

    Raises:
        InvalidArgument: BAD_CURSOR.
    """
    parts = decode(kind, token, (float,))
    return whole(parts[0]) if parts else 0


def whole(part: Part) -> int:
    """A number of a token as a count or index.

    Raises:
        InvalidArgument: BAD_CURSOR, when it is not one.
    """
    if not isinstance(part, float) or not -1 <= part <= 2**53 or part != int(part):
        raise bad_token()
    return int(part)


def bad_token() -> InvalidArgument:
    """Build the error for a token of another list."""
    return InvalidArgument(
        pb.ERROR_REASON_BAD_CURSOR,
        "page_token: not a token of this list; read again from the first page",
        violations=[Violation("page_token", "must come from the same list with the same filter")],
    )


def _plain(kind: str | None, value: object) -> Part | None:
    if kind == "string_value":
        return str(value.string_value)  # type: ignore[attr-defined]
    if kind == "number_value":
        return float(value.number_value)  # type: ignore[attr-defined]
    return None
