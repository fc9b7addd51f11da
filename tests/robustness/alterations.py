"""``roomd`` with one of its precautions taken away, or with shorter times, by name.

An alteration replaces attributes by ``put(owner, name, value)``. Taking a precaution away
shows that the tests see what it prevents; shorter times let the same happen within the
seconds of a test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

Put = Callable[[Any, str, Any], None]
Alteration = Callable[[Put], None]


class Alterations:
    """Alterations by name.

    A value after ``=`` is given to the alteration: ``quick-retries=0.1``.
    """

    def __init__(self) -> None:
        self._known: dict[str, Callable[..., None]] = {}

    def named(self, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Register a function under a name."""

        def register(function: Callable[..., None]) -> Callable[..., None]:
            self._known[name] = function
            return function

        return register

    def apply(self, names: Iterable[str], put: Put) -> None:
        """Apply those that are named."""
        for name in names:
            known, _, value = name.partition("=")
            self._known[known](put, *([value] if value else []))

    @contextmanager
    def applied(self, names: Iterable[str]) -> Iterator[None]:
        """Apply them to this process, and undo it at the end."""
        before: list[tuple[Any, str, Any]] = []

        def put(owner: Any, name: str, value: Any) -> None:
            before.append((owner, name, owner.__dict__[name]))
            setattr(owner, name, value)

        try:
            self.apply(names, put)
            yield
        finally:
            for owner, name, value in reversed(before):
                setattr(owner, name, value)


def with_defaults(put: Put, options: type, **values: Any) -> None:
    """Let a frozen dataclass of options have other defaults."""
    made = options.__init__

    def init(self: Any, *args: Any, **fields: Any) -> None:
        taken = [one.name for one in dataclasses.fields(options)[: len(args)]]
        made(self, *args, **{**{n: v for n, v in values.items() if n not in taken}, **fields})

    put(options, "__init__", init)


ALTERATIONS = Alterations()
