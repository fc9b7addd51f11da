"""The shell lines of the README do what they say, with the real grpcurl."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from programs import BUILDS, GO_SDK, ROOT, go, needs
from server_process import KEY, ServerProcess

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## From the shell")[2].partition("\n## ")[0]
BLOCKS = [one for one in re.findall(r"```sh\n(.*?)```", SECTION, re.S) if "roomd doctor" not in one]
LINES = [line for block in BLOCKS for line in block.splitlines() if line.strip()]
RUN_SECONDS = 60
pytestmark = BUILDS


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with grpcurl, built at the version that the tools' go.mod names."""
    needs("go")
    folder = tmp_path_factory.mktemp("tools")
    go(GO_SDK / "tools", "build", "-o", str(folder), "github.com/fullstorydev/grpcurl/cmd/grpcurl")
    return folder


def test_the_lines_of_the_readme_print_what_they_say(
    tools: Path, server: ServerProcess, tmp_path: Path
) -> None:
    script = ["set -euo pipefail", f"PATH={tools}:$PATH", f"export ROOMD_API_KEY={KEY}"]
    for number, line in enumerate(LINES):
        command = line.partition("# →")[0].replace("127.0.0.1:7777", server.address)
        # Braces, not a subshell: what a line sets holds for the next.
        script.append(f"{{ {command.strip().rstrip(';')}; }} > {tmp_path}/{number}")
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    printed = [path.read_text(encoding="utf-8") for path in sorted_by_number(tmp_path)]
    assert done.returncode == 0, f"{LINES[len(printed) - 1]}\n{done.stderr}"
    assert len(printed) == len(LINES)
    for line, output in zip(LINES, printed, strict=True):
        wanted = line.partition("# →")[2].strip()
        assert wanted in output, f"{line}\nprinted\n{output}"


def sorted_by_number(folder: Path) -> list[Path]:
    """The files of the lines, in their order."""
    return sorted(
        (one for one in folder.iterdir() if one.name.isdigit()), key=lambda one: int(one.name)
    )


def test_the_page_shows_what_there_is() -> None:
    used = set(re.findall(r"(\w+Service)/\w+", "\n".join(LINES)))
    assert used == {
        "AgentService",
        "ChannelService",
        "EventService",
        "HookService",
        "RoomService",
    }
    assert sum("# →" in line for line in LINES) >= 12
