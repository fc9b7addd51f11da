"""Cursors: a place in one room's log as an opaque token.

A token carries a check over organization, room and place: one of another room, or one that
was made up, is recognised. It is not a secret; what a caller may see is decided elsewhere.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument
from roomd_server.core.log import Position

_PLACE = struct.Struct(">BQQ")
_VERSION = 1
_CHECK_BYTES = 7
_TOKEN_LENGTH = (_PLACE.size + _CHECK_BYTES) * 4 // 3
"""32 characters, without padding."""


class RoomCursors:
    """Makes and reads the cursors of one room."""

    __slots__ = ("_hash", "_room_id")

    def __init__(self, org: str, room_id: str) -> None:
        self._room_id = room_id
        self._hash = blake2b(
            f"{len(org)}:{org}{room_id}".encode(), digest_size=_CHECK_BYTES, person=b"roomd cursor"
        )

    def encode(self, position: Position) -> bytes:
        """The token of a position, ASCII."""
        place = _PLACE.pack(_VERSION, position.index, position.change)
        return urlsafe_b64encode(place + self._check(place))

    def decode(self, token: str) -> Position:
        """The position of a token.

        Raises:
            InvalidArgument: BAD_CURSOR, not a cursor of this room.
        """
        if len(token) != _TOKEN_LENGTH or not token.isascii():
            raise self._bad()
        try:
            data = urlsafe_b64decode(token)
        except ValueError:
            raise self._bad() from None
        place, check = data[: _PLACE.size], data[_PLACE.size :]
        if len(data) != _PLACE.size + _CHECK_BYTES or check != self._check(place):
            raise self._bad()
        version, index, change = _PLACE.unpack(place)
        if version != _VERSION:
            raise self._bad()
        return Position(index, change)

    def _check(self, place: bytes) -> bytes:
        check = self._hash.copy()
        check.update(place)
        return check.digest()

    def _bad(self) -> InvalidArgument:
        return InvalidArgument(
            pb.ERROR_REASON_BAD_CURSOR,
            "this cursor is not one of this room; use one that a subscription to it gave out",
            metadata={"room_id": self._room_id},
        )
