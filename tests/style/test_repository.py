"""The repository as a whole: what stands at the top, what is never in a file, what the README
says."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Iterator

import pytest
from source_tree import ROOT, repository_files, repository_texts

from roomd_server.cli.main import parser

TOP = {
    "proto",
    "server",
    "sdks",
    "tests",
    "buf.yaml",
    "Dockerfile",
    "pyproject.toml",
    "README.md",
    "LICENSE",
}
LATER = {"gateway"}
"""Agreed, and coming with its own work."""

REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:com|org)|(?<![\w-])crates\.io"
    r"|(?:proxy|sum)\.golang\.org|rubygems\.org|conda\.anaconda\.org|buf\.build/gen"
    r"|(?:deb|security)\.debian\.org|archive\.ubuntu\.com"
    r"|(?<![\w.-])(?:docker\.io|ghcr\.io|quay\.io|gcr\.io)"
)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+|tmp/\w+)/[\w.]")
AS_PRINTED = "tests/sdk/mission/"
"""Documents of others, kept as printed."""

DEMONSTRATIONS = {
    "registries": (
        ["https://py" + "pi.org/simple", "index: registry.npm" + "js.org", "gh" + "cr.io/a/b"],
        ["pip install roomd", "the registry of hooks", "audio.grpc.io"],
    ),
    "paths": (
        ["see /wo" + "rk/main", '"/ro' + 'ot/.cache"', "cd /ho" + "me/anna/roomd"],
        ["hooks/work/queue.py", "/data/roomd.db", "homework/main"],
    ),
}


def test_the_top_level_is_what_was_agreed() -> None:
    names = {name.partition("/")[0] for name in repository_files()}
    visible = {name for name in names if not name.startswith(".")}
    assert visible - LATER == TOP


by_pattern = pytest.mark.parametrize(
    ("name", "pattern"),
    [("registries", REGISTRIES), ("paths", MACHINE_PATHS)],
    ids=["registries", "paths"],
)


@by_pattern
def test_no_file_names_a_registry_or_a_machine(name: str, pattern: re.Pattern[str]) -> None:
    found = [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match.group(0)}"
        for path, text in repository_texts().items()
        if path != "tests/style/test_repository.py" and not path.startswith(AS_PRINTED)
        for match in pattern.finditer(text)
    ]
    assert not found, "\n".join([name, *found])


@by_pattern
def test_the_patterns_find_what_they_look_for(name: str, pattern: re.Pattern[str]) -> None:
    bad, good = DEMONSTRATIONS[name]
    assert [text for text in bad if not pattern.search(text)] == []
    assert [text for text in good if pattern.search(text)] == []


def test_nothing_is_left_in_conflict() -> None:
    marks = re.compile(r"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)
    assert not [path for path, text in repository_texts().items() if marks.search(text)]


# ------------------------------------------------------------------ README


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def shell_lines() -> list[str]:
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", readme(), re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def readme_commands() -> list[list[str]]:
    """Every ``roomd …`` of the README, also those behind ``&&`` or in a sentence."""
    parts = [part.strip() for line in shell_lines() for part in re.split(r"&&|\|", line)]
    parts += re.findall(r"`(roomd [a-z][^`…]*)`", readme())
    lists = [shlex.split(part, comments=True) for part in parts]
    unique = {" ".join(words): words for words in lists if words}
    return [words[1:] for words in unique.values() if words[0].rpartition("/")[2] == "roomd"]


@pytest.mark.parametrize("command", readme_commands(), ids=" ".join)
def test_the_commands_of_the_readme_exist(command: list[str]) -> None:
    parser().parse_args(command)


def test_the_readme_shows_commands() -> None:
    assert len(readme_commands()) >= 5


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["room", "polish", "support"])
    assert "polish" in capsys.readouterr().err


def test_the_readme_has_the_two_commands() -> None:
    lines = shell_lines()
    assert "python3 tests/run.py" in lines
    assert any(line.endswith("roomd demo") for line in lines)


def test_ci_runs_the_test_command_of_the_readme_and_nothing_else() -> None:
    path = ROOT / ".ci" / "run"
    assert os.access(path, os.X_OK)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    commands = [line for line in lines[1:] if line.strip() and not line.startswith("#")]
    assert commands == [
        "set -euo pipefail",
        'cd "$(dirname "$0")/.."',
        "export ROOMD_REQUIRE_ALL=1",
        "exec python3 tests/run.py",
    ]


def test_the_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", readme())
    places = [place for place in links if "://" not in place]
    assert places
    assert not [place for place in places if not (ROOT / place).exists()]


# ------------------------------------------------------------------ help


def commands_of(one: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield sub
                yield from commands_of(sub)


def test_every_command_has_an_example_in_its_help() -> None:
    subs = list(commands_of(parser()))
    assert len(subs) >= 10
    assert not [sub.prog for sub in subs if "example:" not in (sub.epilog or "")]


def test_the_examples_of_the_help_are_commands_that_exist() -> None:
    for sub in commands_of(parser()):
        example = (sub.epilog or "").partition("example:")[2].strip().splitlines()[0]
        words = shlex.split(example.partition(" | ")[0])
        while "=" in words[0]:
            words.pop(0)
        assert words[0] == "roomd", f"{sub.prog}: {example}"
        parser().parse_args(words[1:])
