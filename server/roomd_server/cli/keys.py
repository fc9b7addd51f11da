"""``roomd keys``: the file of API keys that ``roomd serve --api-keys FILE`` takes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from roomd_server.api.policy import SCOPES
from roomd_server.cli.client import print_json, print_table
from roomd_server.security.key_file import (
    GrantRow,
    KeyFileError,
    KeyRow,
    KeyTable,
    new_key,
    read_table,
    write_table,
)

Subparsers = Any  # argparse names its own type only privately

GRANT_OPTIONS = ("triggers", "modes", "rooms", "handlers")


def add(subparsers: Subparsers) -> None:
    """Add the commands."""
    keys = subparsers.add_parser(
        "keys",
        help="API keys with scopes and grants, in a file",
        epilog="example: roomd keys add keys.json moderator --scopes hooks:serve "
        "--triggers BEFORE_BROADCAST --modes DECIDE --rooms 'support-*' --no-modify",
    )
    verbs = keys.add_subparsers(dest="verb", required=True, metavar="VERB")
    adding = verbs.add_parser(
        "add",
        help="make a key; it is printed once and kept nowhere",
        epilog="example: roomd keys add keys.json audit --scopes hooks:serve --modes OBSERVE",
    )
    _add_file(adding)
    adding.add_argument("key_id", metavar="ID", help="names the key in logs: [a-z0-9-]")
    adding.add_argument("--scopes", nargs="+", help=f"{', '.join(sorted(SCOPES))}; default all")
    adding.add_argument("--triggers", nargs="+", help="of hooks; default all")
    adding.add_argument("--modes", nargs="+", help="DECIDE, VALIDATE, OBSERVE; default all")
    adding.add_argument("--rooms", nargs="+", help="of hooks: ids, or beginnings with a final *")
    adding.add_argument("--handlers", nargs="*", help="kinds besides hooks; default all")
    adding.add_argument(
        "--expires", metavar="TIME", help="for example 2027-01-31T12:00:00Z; default never"
    )
    adding.add_argument("--no-block", action="store_true", help="its hooks may not block")
    adding.add_argument("--no-modify", action="store_true", help="its hooks may not modify")
    adding.set_defaults(run=add_key)
    listing = verbs.add_parser(
        "list", help="the keys of a file", epilog="example: roomd keys list keys.json"
    )
    _add_file(listing)
    listing.set_defaults(run=list_keys)
    removing = verbs.add_parser(
        "remove",
        help="take a key out; a running server refuses it a second later, and ends its streams",
        epilog="example: roomd keys remove keys.json audit",
    )
    _add_file(removing)
    removing.add_argument("key_id", metavar="ID")
    removing.set_defaults(run=remove_key)


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_key(options: argparse.Namespace) -> int:
    """Make a key, write its hash into the file, print it."""
    try:
        table = read_table(options.file) if options.file.exists() else KeyTable()
        key, sha256 = new_key(options.key_id)
        row = KeyRow.model_validate(
            {
                "id": options.key_id,
                "sha256": sha256,
                "scopes": options.scopes,
                "expires": options.expires,
                "grant": _grant(options),
            }
        )
        unknown = set(row.scopes or ()) - SCOPES
        if unknown:
            return _wrong(f"--scopes: there is no {min(unknown)}")
        if any(one.id == row.id for one in table.keys):
            return _wrong(f"{options.file} has a key {row.id!r}; remove it first")
        write_table(options.file, KeyTable(keys=(*table.keys, row)))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        return _wrong(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
    except (KeyFileError, OSError) as error:
        return _wrong(str(error))
    if options.json:
        print_json({"id": row.id, "key": key})
    else:
        print(key)
    return 0


def list_keys(options: argparse.Namespace) -> int:
    """Print ids, scopes, grants and ends."""
    try:
        table = read_table(options.file)
    except KeyFileError as error:
        return _wrong(str(error))
    if options.json:
        for row in table.keys:
            print_json(row.model_dump(mode="json", exclude={"sha256"}, exclude_none=True))
        return 0
    print_table(
        "keys",
        ("id", "scopes", "grant", "expires"),
        (
            (
                row.id,
                ", ".join(row.scopes or ("all",)),
                _shown(row.grant),
                f"{row.expires:%Y-%m-%d %H:%M %Z}" if row.expires else "never",
            )
            for row in table.keys
        ),
    )
    return 0


def remove_key(options: argparse.Namespace) -> int:
    """Take a key out of the file."""
    try:
        table = read_table(options.file)
        left = tuple(row for row in table.keys if row.id != options.key_id)
        if len(left) == len(table.keys):
            return _wrong(f"{options.file} has no key {options.key_id!r}")
        write_table(options.file, KeyTable(keys=left))
    except (KeyFileError, OSError) as error:
        return _wrong(str(error))
    return 0


def _grant(options: argparse.Namespace) -> dict[str, object] | None:
    limits: dict[str, object] = {
        name: getattr(options, name) for name in GRANT_OPTIONS if getattr(options, name) is not None
    }
    if options.no_block:
        limits["may_block"] = False
    if options.no_modify:
        limits["may_modify"] = False
    return limits or None


def _shown(grant: GrantRow | None) -> str:
    if grant is None:
        return "everything"
    return "; ".join(
        f"{name}: {', '.join(value) if isinstance(value, tuple) else value}"
        for name, value in grant
        if value is not None and value is not True
    )


def _wrong(message: str) -> int:
    print(f"roomd: {message}", file=sys.stderr)
    return 2
