"""The test command itself: what it runs, what it compares the protocol with, what it answers."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from source_tree import ROOT


@pytest.fixture(scope="module")
def command() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_command", ROOT / "tests" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Repository:
    """A git repository with a protocol of one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        names = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        done = subprocess.run(
            ["git", *names, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def commit(self, path: str, text: str) -> str:
        self.write(path, text)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", text)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_nothing_has_landed_before_the_first_protocol(
    command: ModuleType, repository: Repository
) -> None:
    repository.commit("README.md", "no protocol yet")
    repository.commit("proto/a.proto", "one")
    repository.commit("README.md", "still the same protocol")
    assert command.landed(repository.folder) == ""


def test_a_fresh_clone_compares_with_the_protocol_before_the_last_change(
    command: ModuleType, repository: Repository
) -> None:
    before = repository.commit("proto/a.proto", "one")
    repository.commit("proto/a.proto", "two")
    repository.commit("README.md", "later")
    assert command.landed(repository.folder) == before


def test_what_is_not_committed_compares_with_the_last_commit(
    command: ModuleType, repository: Repository
) -> None:
    repository.commit("proto/a.proto", "one")
    last = repository.commit("proto/a.proto", "two")
    repository.write("proto/a.proto", "three")
    assert command.landed(repository.folder) == last


def test_a_branch_compares_with_where_it_left_the_main_line(
    command: ModuleType, repository: Repository
) -> None:
    main = repository.commit("proto/a.proto", "one")
    repository.git("update-ref", "refs/remotes/origin/main", main)
    repository.commit("proto/a.proto", "two")
    repository.commit("proto/a.proto", "three")
    assert command.landed(repository.folder) == main


def test_a_shallow_clone_has_nothing_to_compare_with(
    command: ModuleType, repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repository.commit("proto/a.proto", "one")
    repository.commit("proto/a.proto", "two")
    shallow = tmp_path_factory.mktemp("shallow")
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(shallow))
    assert command.landed(shallow) == ""


def test_a_folder_without_git_has_nothing_to_compare_with(
    command: ModuleType, tmp_path: Path
) -> None:
    assert command.landed(tmp_path) == ""


def test_every_failure_shows_and_decides_the_exit_code(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "environment", lambda: None)
    monkeypatch.setattr(command, "install", lambda env: env)
    steps = {"first": lambda *_: 1, "second": lambda *_: "no reason", "third": lambda *_: 0}
    monkeypatch.setattr(command, "STEPS", steps)
    monkeypatch.setattr(sys, "argv", ["run.py"])
    assert command.main() == 1
    shown = capsys.readouterr().out
    verdicts = [line.split()[-1] for line in shown.partition("== summary")[2].splitlines()[1:4]]
    assert verdicts == ["FAILED", "skipped", "ok"]
    assert "SKIPPED: no reason" in shown
    monkeypatch.setattr(sys, "argv", ["run.py", "--skip", "first"])
    assert command.main() == 0
    monkeypatch.setattr(sys, "argv", ["run.py", "--only", "forth"])
    with pytest.raises(SystemExit):
        command.main()


def test_it_asks_a_python_where_the_project_is(command: ModuleType) -> None:
    assert command.look_at(sys.executable).editable
    with pytest.raises(SystemExit):
        command.look_at("/no/such/python")


def test_settings_of_a_server_do_not_reach_the_tests(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOMD_API_KEY", "from outside")
    env = command.look_at(sys.executable)
    program = "import os; raise SystemExit('ROOMD_API_KEY' in os.environ)"
    assert command.run(env.python("-c", program), env) == 0
