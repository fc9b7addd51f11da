"""The examples print what they should, against a real server: every task in Python and Go.

Those in TypeScript are run by the tests of its SDK.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from programs import BUILDS, EXAMPLES, finished, go, needs
from server_process import KEY, ServerProcess

TASKS = sorted(path.parent.name for path in EXAMPLES.glob("*/expected.txt"))
LANGUAGES = ("python", "go", "typescript")
pytestmark = BUILDS


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the Go examples, each under the name of its task."""
    needs("go")
    folder = tmp_path_factory.mktemp("examples")
    go(EXAMPLES, "vet", "./...")
    for task in TASKS:
        go(EXAMPLES, "build", "-o", str(folder / task), f"./{task}/go")
    return folder


def expected(task: str) -> str:
    """What a task prints in every language."""
    return (EXAMPLES / task / "expected.txt").read_text(encoding="utf-8")


def test_every_task_is_there_in_every_language() -> None:
    assert {"moderation", "audit", "chat", "channel", "tool"} <= set(TASKS)
    folders = {path.parent.name for path in EXAMPLES.glob("*/*/main.*")}
    assert folders == set(LANGUAGES)
    missing = [
        f"{task}/{language}"
        for task in TASKS
        for language in LANGUAGES
        if not list((EXAMPLES / task / language).glob("main.*"))
    ]
    assert not missing


def stored_hooks(server: ServerProcess) -> str:
    """What is left of hooks, which nobody who tries an example wants to keep."""
    command = [sys.executable, "-m", "roomd_server.cli", "hooks", "list", "--json"]
    return finished(command, EXAMPLES, address=server.address, key=KEY)


@pytest.mark.parametrize("task", TASKS)
def test_python(task: str, server: ServerProcess) -> None:
    command = [sys.executable, "-X", "utf8", "-W", "error", str(EXAMPLES / task / "python/main.py")]
    printed = finished(command, EXAMPLES, address=server.address, key=KEY)
    assert printed == expected(task)
    assert stored_hooks(server) == ""


@pytest.mark.parametrize("task", TASKS)
def test_go(task: str, binaries: Path, server: ServerProcess) -> None:
    printed = finished([str(binaries / task)], EXAMPLES, address=server.address, key=KEY)
    assert printed == expected(task)
    assert stored_hooks(server) == ""
