"""The image: pinned, without root, and what it starts is a command that exists.

There may be no container engine where the tests run, so the file is read, not built.
"""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest
from dockerfile_rules import faults, instructions, words
from source_tree import ROOT

from roomd_server.cli.main import parser
from roomd_server.cli.serving import settings_of

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SOUND = "FROM python:3.11-slim\nCOPY README.md .\nRUN useradd roomd\nUSER roomd\n"


def test_the_dockerfile_is_sound() -> None:
    assert faults(DOCKERFILE, ROOT) == []


def test_a_sound_file_passes() -> None:
    assert faults(SOUND, ROOT) == []


@pytest.mark.parametrize(
    "text",
    [
        SOUND.replace("3.11-slim", "latest"),
        SOUND.replace(":3.11-slim", ""),
        SOUND.replace("python:", "registry.example.com/python:"),
        SOUND.replace("README.md", "no-such-file"),
        SOUND.replace("USER roomd\n", ""),
        SOUND.replace("USER roomd", "USER root"),
        SOUND.replace("USER roomd", "USER 0:0"),
        SOUND.replace("RUN", "RUN pip install \\\n  roomd &&"),
        SOUND + "RUN true\n",
        SOUND + "FROM python:3.11-slim\n",
        SOUND + "ADD https://example.com/x /x\n",
        SOUND + "CMD roomd serve\n",
        SOUND + "ENV ROOMD_API_KEY=abc\n",
        SOUND + "INSTALL x\n",
        "",
    ],
)
def test_a_fault_is_found(text: str) -> None:
    assert faults(text, ROOT)


def test_the_image_starts_a_server_on_its_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROOMD_LISTEN", raising=False)
    monkeypatch.delenv("ROOMD_STORE", raising=False)
    steps = instructions(DOCKERFILE)
    assert words(steps, "ENTRYPOINT") == ["roomd"]
    options = parser().parse_args(words(steps, "CMD"))
    settings = settings_of(options)
    (port,) = [rest for name, rest in steps if name == "EXPOSE"]
    (volume,) = [rest for name, rest in steps if name == "VOLUME"]
    assert settings.listen == f"0.0.0.0:{port}"
    assert Path(settings.store.removeprefix("sqlite:///")).parent == Path(volume)


def test_its_health_check_is_a_command_that_exists() -> None:
    steps = instructions(DOCKERFILE)
    (check,) = [rest for name, rest in steps if name == "HEALTHCHECK"]
    command = words([("CMD", check.partition("CMD ")[2])], "CMD")
    assert command[0] == "roomd"
    options = parser().parse_args(command[1:])
    (port,) = [rest for name, rest in steps if name == "EXPOSE"]
    assert options.address.endswith(f":{port}")


def test_what_is_copied_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = [
        source
        for name, rest in instructions(DOCKERFILE)
        if name == "COPY" and "--from=" not in rest
        for source in rest.split()[:-1]
    ]
    assert copied
    assert not [one for one in copied for rule in ignored if fnmatch.fnmatch(one, rule)]
    assert {".git", ".venv"} <= set(ignored)
