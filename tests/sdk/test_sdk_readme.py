"""The README of the SDK tells the truth: its programs run and print what they should."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SDK = Path(__file__).parents[2] / "sdks" / "python"
README = (SDK / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
PRINTED = [
    "hello → accepted\nbuy spam → spam\n",
    "ROOM_NOT_FOUND\n{'room_id': 'is required'}\n",
    "the hook is in the trace of the order: True\n",
    "to doctor: Room 4\n",
    "['book_flight', 'get_weather']\n"
    'answered {"city":"Paris","temperature":22} 22\n'
    "booked as call-1\n"
    "True nobody flies there; ask for another city\n"
    "wrong: arguments.city\n",
]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_program_of_the_readme_runs(number: int, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(BLOCKS[number], encoding="utf-8")
    command = [sys.executable, "-X", "utf8", "-W", "error", str(program)]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout == PRINTED[number]


def test_the_hook_fits_into_twenty_lines() -> None:
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    assert len(lines) <= 20


def test_every_name_of_the_readme_exists() -> None:
    import roomd

    errors = set(re.findall(r"`(\w+Error)`", README))
    assert errors <= set(roomd.__all__)
    assert len(errors) > 10


def test_the_client_alone_needs_nothing_of_the_server() -> None:
    project = tomllib.loads((SDK / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[<>=]", one)[0] for one in project["dependencies"]}
    assert names == {"grpcio", "protobuf", "googleapis-common-protos", "pydantic"}
    sources = (SDK / "roomd").rglob("*.py")
    importing = [
        path.name
        for path in sources
        if re.search(r"^(from|import) roomd_server", path.read_text(encoding="utf-8"), re.M)
    ]
    assert importing == []
