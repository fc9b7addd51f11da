"""A file of API keys: who is let in, with what, and what happens when it changes."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from roomd import v1 as pb
from roomd_server.api.policy import SCOPES
from roomd_server.core.errors import Unauthenticated
from roomd_server.core.ports import Grant
from roomd_server.security import key_file
from roomd_server.security.credentials import DevKey
from roomd_server.security.key_file import KeyFile, KeyFileError, new_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def write(path: Path, *rows: dict[str, Any]) -> None:
    path.write_text(json.dumps({"keys": rows}))


def row(key_id: str = "bot", **fields: Any) -> tuple[str, dict[str, Any]]:
    """A key, and its row."""
    key, sha256 = new_key(key_id)
    return f"Bearer {key}", {"id": key_id, "sha256": sha256, **fields}


def opened(path: Path, besides: DevKey | None = None) -> KeyFile:
    return KeyFile(path, SCOPES, besides)


def test_a_key_is_let_in_with_its_scopes_and_grant(path: Path) -> None:
    limits = {
        "triggers": ["BEFORE_BROADCAST", "BEFORE_DELIVER"],
        "modes": ["DECIDE"],
        "rooms": ["support-*"],
        "handlers": ["channel_provider"],
        "may_modify": False,
    }
    bot, first = row(scopes=["hooks:serve"], grant=limits)
    admin, second = row("admin")
    write(path, first, second)
    keys = opened(path)
    known = keys.resolve(bot)
    assert (known.org, known.key_id, known.scopes) == ("default", "bot", {"hooks:serve"})
    assert known.grant == Grant(
        triggers=frozenset((pb.HOOK_TRIGGER_BEFORE_BROADCAST, pb.HOOK_TRIGGER_BEFORE_DELIVER)),
        modes=frozenset((pb.HOOK_MODE_DECIDE,)),
        rooms=("support-*",),
        kinds=frozenset(("channel_provider",)),
        may_block=True,
        may_modify=False,
    )
    assert (keys.resolve(admin).scopes, keys.resolve(admin).grant) == (None, None)


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer rd_bot_", "Bearer rd_bot_{0}", "Basic {1}", "Bearer rd_x_{1}"]
)
def test_everybody_else_stays_out(path: Path, shown: str) -> None:
    bot, one = row()
    write(path, one)
    wrong = shown.format("0" * 64, bot.rpartition("_")[2])
    with pytest.raises(Unauthenticated) as refused:
        opened(path).resolve(wrong or None)
    assert refused.value.reason_name == "CREDENTIAL_INVALID"
    assert bot.rpartition("_")[2] not in refused.value.message


def test_the_dev_key_is_taken_besides(path: Path) -> None:
    dev = DevKey()
    write(path)
    assert opened(path, dev).resolve(f"Bearer {dev.key}").key_id == "dev"
    with pytest.raises(Unauthenticated):
        opened(path).resolve(f"Bearer {dev.key}")


def test_a_key_ends_when_it_says(path: Path) -> None:
    now = datetime.now(UTC)
    past, first = row("past", expires=(now - timedelta(seconds=1)).isoformat())
    next_, second = row("next", expires=(now + timedelta(hours=1)).isoformat())
    write(path, first, second)
    keys = opened(path)
    assert keys.resolve(next_).key_id == "next"
    with pytest.raises(Unauthenticated, match="expired"):
        keys.resolve(past)


def test_a_changed_file_is_taken_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file, "LOOK_SECONDS", 0.0)
    bot, one = row()
    other, two = row("other")
    write(path, one)
    keys = opened(path)
    assert keys.resolve(bot).key_id == "bot"
    write(path, two)
    os.utime(path, ns=(time.time_ns(), time.time_ns() + 1))
    with pytest.raises(Unauthenticated):
        keys.resolve(bot)
    assert keys.resolve(other).key_id == "other"


def test_a_slip_in_the_file_locks_nobody_out(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(key_file, "LOOK_SECONDS", 0.0)
    bot, one = row()
    write(path, one)
    keys = opened(path)
    path.write_text("{")
    assert keys.resolve(bot).key_id == "bot"
    path.unlink()
    assert keys.resolve(bot).key_id == "bot"
    assert "the keys stay as they were" in caplog.text


HASH = "0" * 64
MISTAKES = {
    "not there": (None, "No such file"),
    "no JSON": ("{", "JSON"),
    "no hash": ('{"keys": [{"id": "a"}]}', "sha256"),
    "unknown field": (f'{{"keys": [{{"id": "a", "sha256": "{HASH}", "org": "x"}}]}}', "org"),
    "unknown scope": (
        f'{{"keys": [{{"id": "a", "sha256": "{HASH}", "scopes": ["all"]}}]}}',
        "no such scope: all; there are",
    ),
    "unknown trigger": (
        f'{{"keys": [{{"id": "a", "sha256": "{HASH}", "grant": {{"triggers": ["X"]}}}}]}}',
        "X is no trigger",
    ),
    "unknown mode": (
        f'{{"keys": [{{"id": "a", "sha256": "{HASH}", "grant": {{"modes": ["X"]}}}}]}}',
        "X is no mode",
    ),
    "unknown kind": (
        f'{{"keys": [{{"id": "a", "sha256": "{HASH}", "grant": {{"handlers": ["hook"]}}}}]}}',
        "hook is no kind of handler",
    ),
    "twice": (
        f'{{"keys": [{{"id": "a", "sha256": "{HASH}"}}, {{"id": "a", "sha256": "{HASH}"}}]}}',
        "same id",
    ),
}


@pytest.mark.parametrize("name", list(MISTAKES))
def test_a_mistake_is_named(path: Path, name: str) -> None:
    text, said = MISTAKES[name]
    if text is not None:
        path.write_text(text)
    with pytest.raises(KeyFileError, match=re.escape(said)) as wrong:
        opened(path)
    assert str(path) in str(wrong.value)
