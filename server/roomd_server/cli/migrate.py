"""``roomd migrate``: bring the tables of a store up to date."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from roomd_server.api.fronts import StartupError
from roomd_server.config import Settings
from roomd_server.storage import migrate

Subparsers = Any  # argparse names its own type only privately


def add(subparsers: Subparsers) -> None:
    """Add the command."""
    command = subparsers.add_parser(
        "migrate",
        help="bring the tables of a store up to date",
        description="Applies the migrations that a store still needs, forward only, each in a "
        "transaction. No server may be at work meanwhile: roomd serve refuses a store that "
        "needs some, roomd dev does the same by itself.",
        epilog="example: roomd migrate --store postgresql://roomd@db/roomd --dry-run",
    )
    add_store(command)
    command.add_argument("--dry-run", action="store_true", help="say what would be done, only")
    command.set_defaults(run=run)


def add_store(command: argparse.ArgumentParser) -> None:
    """Add the option that names a store."""
    described = Settings.model_fields["store"].description
    command.add_argument(
        "--store",
        default=os.environ.get("ROOMD_STORE", ""),
        help=f"{described}; default: ROOMD_STORE",
    )


async def run(options: argparse.Namespace) -> int:
    """Migrate, and say what was done."""
    url = options.store or str(Settings.model_fields["store"].default)
    try:
        applied = await migrate(url, dry_run=options.dry_run)
    except StartupError as error:
        print(f"roomd: {error}", file=sys.stderr)
        return 2
    verb = "to apply" if options.dry_run else "applied"
    for migration in applied:
        print(f"{verb}: {migration.number} {migration.title}")
    if not applied:
        print("up to date")
    return 0
