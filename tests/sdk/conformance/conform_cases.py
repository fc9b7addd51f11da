"""The cases: YAML files of scripts, as the runner plays them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent
CASES = FOLDER / "cases"
ROLES = frozenset(("sdk", "server"))
KNOWN = frozenset(
    ("id", "title", "rule", "roles", "handlers", "settings", "begin", "steps", "own_process")
)
BOTH_PLAY = frozenset(
    ("stream", "worker", "server", "attaching", "invoke", "answer", "end", "closed", "pause_ms")
)
"""Kinds of steps that each role reads its own way."""
SDK_PLAYS = frozenset(
    (
        *("server_unknown", "no_answer", "batches", "chunks", "no_more_chunks", "saw", "not_saw"),
        *("tell", "signal", "exit", "refuse", "called", "waits", "no_stream", "not_said"),
        "forgive",
    )
)
"""Kinds of steps that the role against the server leaves out."""
SERVER_PLAYS = frozenset(
    ("outcome", "api", "cause", "nothing", "hang_up", "worker_unknown", "worker_unknown_field")
)
"""Kinds of steps that the role against an SDK leaves out."""
DEFAULT_SETTINGS: Mapping[str, Any] = {
    "worker_id": "w1",
    "reconnect": {"first_ms": 20, "max_ms": 100, "steady_ms": 30_000, "jitter": 1.0},
}


@dataclass(frozen=True)
class Step:
    """One line of a script."""

    kind: str
    value: Any
    options: Mapping[str, Any]

    @property
    def only(self) -> str:
        """The one role that plays it; '' for both."""
        return str(self.options.get("only", ""))


@dataclass(frozen=True)
class Case:
    """One script."""

    id: str
    """File and name: ``leases/echoed``."""
    title: str
    rule: str
    feature: str
    roles: frozenset[str]
    steps: tuple[Step, ...]
    handlers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Those that the worker serves."""
    known: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """These and the others of the file."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    own_process: bool = False
    """It ends the worker's process."""


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case, in the order of the files.

    Raises:
        ValueError: a file says something that no case has.
    """
    found: list[Case] = []
    for path in sorted(CASES.glob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        common = document.get("handlers", {})
        for raw in document["cases"]:
            found.append(_case(path.stem, document["feature"], common, raw))
    names = [case.id for case in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"cases with the same id: {sorted(twice)}")
    return tuple(found)


def cases_for(role: str) -> list[Case]:
    """The cases of a role."""
    return [case for case in all_cases() if role in case.roles]


def _case(file: str, feature: str, common: Mapping[str, Any], raw: dict[str, Any]) -> Case:
    unknown = set(raw) - KNOWN
    roles = frozenset(raw.get("roles", ["sdk"]))
    if unknown or not roles <= ROLES:
        raise ValueError(f"{file}/{raw.get('id')}: unknown {unknown or roles - ROLES}")
    wanted = raw.get("handlers", list(common))
    handlers = {name: common[name] for name in wanted} if isinstance(wanted, list) else wanted
    begin = raw.get("begin", "serving")
    steps = [*_opening(begin, handlers), *(_step(step) for step in raw["steps"])]
    settings = dict(DEFAULT_SETTINGS) | raw.get("settings", {})
    if "reconnect" in raw.get("settings", {}):
        settings["reconnect"] = {**DEFAULT_SETTINGS["reconnect"], **settings["reconnect"]}
    return Case(
        id=f"{file}/{raw['id']}",
        title=raw["title"],
        rule=raw["rule"],
        feature=feature,
        roles=roles,
        steps=tuple(steps),
        handlers=handlers,
        known={**common, **handlers},
        settings=settings,
        own_process=raw.get("own_process", False),
    )


def _step(raw: dict[str, Any]) -> Step:
    (kind, value), *rest = raw.items()
    if kind not in BOTH_PLAY | SDK_PLAYS | SERVER_PLAYS:
        raise ValueError(f"there is no step {kind!r}")
    return Step(kind, value, dict(rest))


HELLO = {"hello": {"protocol_revision": 1, "worker_id": "$worker_id"}}
WELCOME = {
    "welcome": {
        "session_id": "$session",
        "protocol_revision": 1,
        "ping_interval": "20s",
        "max_message_bytes": 4 * 1024 * 1024,
    }
}


def _opening(begin: str, handlers: Mapping[str, Any]) -> list[Step]:
    """What most cases begin with: the worker dials, greets, attaches."""
    steps = [Step("stream", {"number": 1}, {})]
    if begin in {"greeted", "serving"}:
        steps += [Step("worker", HELLO, {}), Step("server", WELCOME, {})]
    if begin == "serving":
        steps += [Step("attaching", {"ready": True}, {})]
    elif begin == "nothing":
        return []
    elif begin not in {"dialled", "greeted"}:
        raise ValueError(f"a case cannot begin {begin!r}")
    return steps
