"""The first page tells the truth: its program and its commands run, in their order, twice."""

from __future__ import annotations

import re
import shlex
import sys
from typing import Any

import pytest
from programs import ROOT, finished
from server_process import KEY, ServerProcess

from roomd import HookExecution, HookTrigger, RoomKit
from roomd_server.cli.main import main

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)[0]
(COMMANDS,) = re.findall(r"^```sh\n(roomd doctor\n.*?)^```", README, re.M | re.S)


def test_the_program_prints_what_its_hook_decides(server: ServerProcess, tmp_path: Any) -> None:
    assert PROGRAM.count("127.0.0.1:7777") == PROGRAM.count("rd_dev_…") == 1
    program = tmp_path / "program.py"
    told = PROGRAM.replace("127.0.0.1:7777", server.address).replace("rd_dev_…", KEY)
    program.write_text(told, encoding="utf-8")
    for _ in range(2):  # who tries it changes something and starts it again
        printed = finished([sys.executable, "-W", "error", str(program)], tmp_path)
        assert printed == "Hello! -> accepted\nBuy spam now -> blocked: spam\n"


async def test_the_commands_work_one_after_the_other(server: ServerProcess) -> None:
    async with RoomKit(server.address, api_key=KEY) as kit:

        @kit.hook(HookTrigger.AFTER_BROADCAST, HookExecution.ASYNC, name="audit", durable=True)
        async def audit(event: Any) -> None:
            pass

        await kit.connect()
    printed = {}
    for line in COMMANDS.splitlines():
        words = shlex.split(line, comments=True)
        assert words[0] == "roomd"
        command = [sys.executable, "-m", "roomd_server.cli", *words[1:]]
        printed[" ".join(words[1:4])] = finished(command, ROOT, address=server.address, key=KEY)
    assert printed["room attach lounge"] == "ws-ann is in lounge\n"
    assert printed["send lounge ws-ann"] == "accepted as event 1\n"
    assert "Hello" in printed["room show lounge"]
    assert "audit" in printed["hooks list"]
    assert printed["hooks delete audit"] == "deleted audit\n"


def test_the_command_alone_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "roomd demo" in capsys.readouterr().err


def test_a_label_without_a_value_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["room", "create", "r", "--label", "blue"])
    assert "'blue' is not KEY=VALUE" in capsys.readouterr().err
