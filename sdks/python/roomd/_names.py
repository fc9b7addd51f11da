"""Names that the protocol takes, from names that people give."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Container
from hashlib import blake2b
from pathlib import Path
from typing import Any

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


def function_name(function: Callable[..., Any], *, qualified: bool) -> str:
    """What a hook is called when nobody says.

    Args:
        function: The hook.
        qualified: Add a mark of where the function is defined. Copies of one program get the
            same name, and share the work; another program whose function happens to be called
            the same gets another, where it would otherwise take a share of this one's messages.
    """
    plain: str = getattr(function, "__name__", "") or type(function).__name__
    if not qualified:
        return plain
    inner = getattr(function, "__qualname__", plain)
    where = f"{_module_of(function)}:{inner}"
    return f"{plain}-{blake2b(where.encode(), digest_size=3).hexdigest()}"


def _module_of(function: Callable[..., Any]) -> str:
    """The module; for the program itself its file, which says more than ``__main__``."""
    module = getattr(function, "__module__", None) or type(function).__module__
    if module != "__main__":
        return str(module)
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    return str(spec.name) if spec is not None else Path(getattr(main, "__file__", "") or "").name


def free_name(name: str, taken: Container[str]) -> str:
    """A handler's name that is not taken: the second one is ``name-2``, in every copy of the
    program that registers its hooks in the same order.
    """
    wanted, number = handler_name(name), 1
    while wanted in taken:
        number += 1
        wanted = handler_name(f"{name}-{number}")
    return wanted
