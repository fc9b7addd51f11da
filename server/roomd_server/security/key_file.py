"""API keys in a JSON file, each with its scopes and the grant of its workers.

The file holds no secrets, only the SHA-256 of each key. A secret has 256 random bits: nobody
finds it by trying, so the hash needs neither salt nor a slow function (OWASP Password Storage
Cheat Sheet is about what people choose; NIST SP 800-63B 5.1.2 asks 112 bits).
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from roomd import v1 as pb
from roomd_server.core.ports import Grant
from roomd_server.security.credentials import (
    DEFAULT_ORG,
    Credentials,
    Principal,
    bearer,
    refused,
)

log = logging.getLogger(__name__)

KEY_PREFIX = "rd_"
KEY_BYTES = 32
LOOK_SECONDS = 1.0
"""The file is looked at this often: a key that was taken out is refused from then on."""
HANDLER_KINDS = frozenset(field.name for field in pb.HandlerSpec.DESCRIPTOR.fields) - {"hook"}


class KeyFileError(Exception):
    """The file cannot be used; the message says why."""


def _trigger(name: str) -> str:
    if f"HOOK_TRIGGER_{name}" not in pb.HookTrigger.keys():  # noqa: SIM118
        raise ValueError(f"{name} is no trigger; write for example BEFORE_BROADCAST")
    return name


def _mode(name: str) -> str:
    if f"HOOK_MODE_{name}" not in pb.HookMode.keys():  # noqa: SIM118
        raise ValueError(f"{name} is no mode; write DECIDE, VALIDATE or OBSERVE")
    return name


def _kind(name: str) -> str:
    if name not in HANDLER_KINDS:
        raise ValueError(f"{name} is no kind of handler; there are {', '.join(HANDLER_KINDS)}")
    return name


class GrantRow(BaseModel):
    """A grant as it is written in the file; what is left out is not limited."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    triggers: tuple[Annotated[str, AfterValidator(_trigger)], ...] | None = None
    modes: tuple[Annotated[str, AfterValidator(_mode)], ...] | None = None
    rooms: tuple[Annotated[str, Field(min_length=1)], ...] | None = None
    handlers: tuple[Annotated[str, AfterValidator(_kind)], ...] | None = None
    may_block: bool = True
    may_modify: bool = True

    def grant(self) -> Grant:
        """As the hook plane wants it."""
        return Grant(
            triggers=_numbers(self.triggers, "HOOK_TRIGGER_", pb.HookTrigger.Value),
            modes=_numbers(self.modes, "HOOK_MODE_", pb.HookMode.Value),
            rooms=self.rooms,
            kinds=None if self.handlers is None else frozenset(self.handlers),
            may_block=self.may_block,
            may_modify=self.may_modify,
        )


class KeyRow(BaseModel):
    """A key as it is written in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[str, ...] | None = None
    """None: everything."""
    grant: GrantRow | None = None
    expires: AwareDatetime | None = None


class KeyTable(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[KeyRow, ...] = ()

    @field_validator("keys")
    @classmethod
    def _have_ids_of_their_own(cls, keys: tuple[KeyRow, ...]) -> tuple[KeyRow, ...]:
        if len({key.id for key in keys}) != len(keys):
            raise ValueError("two keys have the same id")
        return keys


def read_table(path: Path) -> KeyTable:
    """Read a file of keys.

    Raises:
        KeyFileError: it cannot be read, or is not what it should be.
    """
    try:
        return KeyTable.model_validate_json(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise KeyFileError(f"{path}: {place}: {first['msg']}") from None


def write_table(path: Path, table: KeyTable) -> None:
    """Replace a file of keys; who reads it meanwhile sees the old one or the new one."""
    text = table.model_dump_json(indent=2, exclude_none=True) + "\n"
    beside = path.with_name(f".{path.name}.new")
    beside.touch(mode=0o600)
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def new_key(key_id: str) -> tuple[str, str]:
    """A new key ``rd_<id>_<secret>``, and its hash for the file."""
    key = f"{KEY_PREFIX}{key_id}_{secrets.token_hex(KEY_BYTES)}"
    return key, hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Known:
    sha256: str
    expires: float | None
    principal: Principal


class KeyFile:
    """The keys of a file, and whoever else may call.

    Args:
        path: The file.
        scopes: Those that exist: another one in the file is a mistake.
        besides: Asked about callers whose key is not of the form ``rd_<id>_<secret>`` with
            an id of the file; None: nobody.

    Raises:
        KeyFileError: the file cannot be used.
    """

    loopback_only = False

    def __init__(self, path: Path, scopes: frozenset[str], besides: Credentials | None) -> None:
        self._path = path
        self._scopes = scopes
        self._besides = besides
        self._stamp = _stamp(path)
        self._looked = time.monotonic()
        self._keys = self._read()

    def resolve(self, authorization: str | None) -> Principal:
        """Take ``Bearer rd_<id>_<secret>``, compared in constant time.

        Raises:
            Unauthenticated: no key, one that is not in the file, or one that has expired.
        """
        self._look()
        key = bearer(authorization)
        key_id = key.removeprefix(KEY_PREFIX).rpartition("_")[0]
        known = self._keys.get(key_id)
        if known is None:
            if self._besides is not None:
                return self._besides.resolve(authorization)
            raise refused("this key is not valid here")
        shown = hashlib.sha256(key.encode()).hexdigest()
        if not hmac.compare_digest(shown, known.sha256):
            raise refused("this key is not valid here")
        if known.expires is not None and time.time() >= known.expires:
            raise refused("this key has expired")
        return known.principal

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._keys = self._read()
                self._stamp = stamp
                log.info("%s: %d keys", self._path, len(self._keys))
        except KeyFileError as error:
            # What was read before goes on: a slip in an editor must not lock everybody out.
            log.error("the keys stay as they were: %s", error)  # noqa: TRY400

    def _read(self) -> Mapping[str, _Known]:
        table = read_table(self._path)
        for row in table.keys:
            unknown = set(row.scopes or ()) - self._scopes
            if unknown:
                raise KeyFileError(
                    f"{self._path}: {row.id}: no such scope: {', '.join(sorted(unknown))}; "
                    f"there are {', '.join(sorted(self._scopes))}"
                )
        return {row.id: _known(row) for row in table.keys}


def _known(row: KeyRow) -> _Known:
    scopes = None if row.scopes is None else frozenset(row.scopes)
    grant = None if row.grant is None else row.grant.grant()
    expires = None if row.expires is None else row.expires.timestamp()
    return _Known(row.sha256, expires, Principal(DEFAULT_ORG, row.id, scopes, grant))


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    return found.st_mtime_ns, found.st_size, found.st_ino


def _numbers(
    names: Sequence[str] | None, prefix: str, number: Callable[[str], int]
) -> frozenset[int] | None:
    return None if names is None else frozenset(number(prefix + name) for name in names)
