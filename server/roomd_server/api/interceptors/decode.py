"""Bytes to a message, or an error with a reason; never an exception of the parser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from roomd import v1 as pb
from roomd_server.core.errors import InvalidArgument, ResourceExhausted

M = TypeVar("M", bound=Message)

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Largest message that is parsed."""
HARD_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Largest message that is received at all: between the two the answer says why."""


def decoder(message_type: type[M]) -> Callable[[bytes], M]:
    """Build the decoder for one message type.

    The parser itself refuses more than 100 levels and text that is not UTF-8.
    """
    parse = message_type.FromString

    def decode(data: bytes) -> M:
        if len(data) > MAX_MESSAGE_BYTES:
            raise too_large(len(data))
        try:
            return parse(data)
        except DecodeError:
            # The parser's own words help nobody outside.
            raise malformed(message_type.DESCRIPTOR.name) from None

    return decode


def too_large(size_bytes: int) -> ResourceExhausted:
    """Build the error for a message over the limit."""
    return ResourceExhausted(
        pb.ERROR_REASON_MESSAGE_TOO_LARGE,
        f"the message has {size_bytes} bytes, at most {MAX_MESSAGE_BYTES} are taken",
        metadata={"size_bytes": str(size_bytes), "max_bytes": str(MAX_MESSAGE_BYTES)},
    )


def malformed(name: str) -> InvalidArgument:
    """Build the error for bytes that are not the message."""
    return InvalidArgument(
        pb.ERROR_REASON_MALFORMED,
        f"the bytes are not a {name}, or nest deeper than 100 levels",
    )
