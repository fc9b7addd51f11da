"""Names that the protocol takes, from names that people give."""

from __future__ import annotations

import re
from hashlib import blake2b

MAX_NAME = 63


def handler_name(name: str, prefix: str = "") -> str:
    """A handler's name: lower case, digits, ``_`` and ``-``, beginning with a letter. What had
    to be changed gets a hash of the original, so that two names never become one.
    """
    wanted = f"{prefix}{name}"
    plain = re.sub(r"[^a-z0-9_-]+", "-", wanted.lower()).strip("-")
    if not plain or not plain[0].isalpha():
        plain = f"h-{plain}".rstrip("-")
    if plain == wanted and len(plain) <= MAX_NAME:
        return plain
    mark = blake2b(wanted.encode(), digest_size=3).hexdigest()
    return f"{plain[: MAX_NAME - 7]}-{mark}"
