"""Numbered migrations, whatever the database: they only go forward.

A migration that was released is never changed: add the next number instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Migration(NamedTuple):
    """One step of the schema, applied in one transaction."""

    number: int
    title: str
    statements: tuple[str, ...]
    fill: Callable[[Any], Any] | None = None
    """Fills what the statements made from what is stored, if that is more than SQL can."""


class SchemaTooNew(Exception):
    """The store was written by a newer release: run that one, or restore a copy.

    Args:
        found: Schema number of the store.
        known: Newest number this release can work with.
    """

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"the store has schema {found}, this release knows up to {known}")
        self.found = found
        self.known = known


class SchemaTooOld(Exception):
    """The store was written by an older release: bring it up to date first.

    Args:
        needed: Migrations that it needs.
    """

    def __init__(self, needed: Sequence[Migration]) -> None:
        numbers = ", ".join(str(migration.number) for migration in needed)
        super().__init__(f"the store needs migration {numbers}: run `roomd migrate`")
        self.needed = needed


def check_not_old(needed: Sequence[Migration]) -> None:
    """See to it that a store is up to date, or has nothing in it.

    Raises:
        SchemaTooOld: it needs some migrations, not all.
    """
    if needed and needed[0].number > 1:
        raise SchemaTooOld(needed)


def beyond(version: int, migrations: Sequence[Migration]) -> list[Migration]:
    """Migrations that a store of this version still needs, in order.

    Raises:
        SchemaTooNew: the store is ahead of this release.
    """
    newest = migrations[-1].number
    if version > newest:
        raise SchemaTooNew(version, newest)
    return [migration for migration in migrations if migration.number > version]
