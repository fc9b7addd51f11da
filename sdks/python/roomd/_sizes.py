"""How large a message to the service may be. No stream lives here."""

from __future__ import annotations

from roomd.exceptions import MessageTooLargeError

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""What a server takes that does not say so."""
ENVELOPE_BYTES = 64 * 1024
"""Left free in a message for what is around its parts."""


def room_for_parts(max_message_bytes: int = 0) -> int:
    """How many bytes the parts of one message may have together.

    Args:
        max_message_bytes: What the server says that it takes; 0: it does not say.
    """
    return (max_message_bytes or MAX_MESSAGE_BYTES) - ENVELOPE_BYTES


def check_room(what: str, size: int, max_bytes: int) -> None:
    """Refuse what would end its stream, and with it everything else on it.

    Raises:
        MessageTooLargeError: no message holds it.
    """
    if size > max_bytes:
        raise MessageTooLargeError(
            f"{what} of {size} bytes is too large: a message has room for {max_bytes}",
            reason="MESSAGE_TOO_LARGE",
        )
