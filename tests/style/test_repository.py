"""The repository as a whole: what stands at the top, what is never in a file."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from roomd_server.cli.main import parser

ROOT = Path(__file__).resolve().parents[2]
TOP = {
    "proto",
    "server",
    "sdks",
    "gateway",
    "tests",
    "buf.yaml",
    "Dockerfile",
    "pyproject.toml",
    "README.md",
    "LICENSE",
}
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|crates\.io|proxy\.golang|deb\.debian\.org"
)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work|root)/\w")


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_top_level_is_what_was_agreed() -> None:
    names = {name.split("/")[0] for name in tracked()}
    assert {name for name in names if not name.startswith(".")} <= TOP


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINE_PATHS], ids=["registries", "paths"])
def test_no_file_names_a_registry_or_a_machine(pattern: re.Pattern[str]) -> None:
    found = []
    for name in tracked():
        path = ROOT / name
        if path.suffix in (".png",) or not path.is_file() or path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        found += [f"{name}: {match.group(0)}" for match in pattern.finditer(text)]
    assert not found


def test_the_patterns_find_what_they_look_for() -> None:
    assert REGISTRIES.search("https://py" + "pi.org/simple")
    assert MACHINE_PATHS.search("see /wo" + "rk/main")


def readme_commands() -> list[list[str]]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("roomd ")]


@pytest.mark.parametrize("command", readme_commands(), ids=" ".join)
def test_the_commands_of_the_readme_exist(command: list[str]) -> None:
    parser().parse_args(command[1:])


def test_the_readme_has_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "python3 tests/run.py" in text
    assert "roomd demo" in text
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "python3 tests/run.py" in ci


def test_every_command_has_an_example_in_its_help() -> None:
    def subparsers(one: object) -> list[object]:
        actions = getattr(one, "_actions", [])
        return [
            sub
            for action in actions
            for sub in (action.choices or {}).values()
            if hasattr(action, "choices") and isinstance(action.choices, dict)
        ]

    seen = 0
    todo = subparsers(parser())
    while todo:
        sub = todo.pop()
        todo += subparsers(sub)
        seen += 1
        assert "example:" in (sub.epilog or ""), f"{sub.prog} shows no example"
    assert seen >= 10


def test_the_dockerfile_is_sound() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    steps = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    known = {"FROM", "WORKDIR", "COPY", "RUN", "VOLUME", "EXPOSE", "USER", "HEALTHCHECK"}
    known |= {"ENTRYPOINT", "CMD", "ENV", "ARG", "LABEL"}
    assert {name for name, _ in steps} <= known
    for name, rest in steps:
        if name == "FROM":
            assert re.match(r"\S+:\d[\w.-]*( AS \w+)?$", rest), f"pin {rest}"
        if name == "COPY" and "--from=" not in rest:
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), f"COPY {source}: not there"
        if name == "RUN" and "pip" in rest:
            assert "--no-cache-dir" in rest
    users = [rest for name, rest in steps if name == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    assert [name for name, _ in steps].index("USER") > max(
        index for index, (name, _) in enumerate(steps) if name == "RUN"
    )
    entry = [rest for name, rest in steps if name == "CMD"][-1]
    parser().parse_args([word.strip('", []') for word in entry.split(",")])


@pytest.mark.slow
def test_the_wheel_holds_everything(tmp_path: Path) -> None:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            str(tmp_path),
            str(ROOT),
        ],
        check=True,
    )
    (wheel,) = tmp_path.glob("roomd-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "roomd/__init__.py",
        "roomd/py.typed",
        "roomd/v1/event_pb2.py",
        "roomd/v1/event_pb2.pyi",
        "roomd_server/wiring.py",
        "roomd_server/cli/demo_script.json",
    ):
        assert wanted in names
    assert not [name for name in names if name.startswith("tests")]
