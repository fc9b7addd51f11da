"""The documents' whole programs, run as they are printed by a Python of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from mission_runner import EXAMPLES, RAN

RUNNER = """
import runpy, sys
sys.path.insert(0, sys.argv[2])
import roomkit_alias
roomkit_alias.install()
runpy.run_path(sys.argv[1], run_name="__main__")
"""

PRINTED = {
    "001": ["False", "[ws-user] Hi", "[ai-bot] Hello!"],
    "004": [
        "Alice sent 'Hello everyone!' -> blocked=False",
        "  [ws-alice] Hello everyone!",
        "  [ai-assistant] Got it!",
    ],
}


@pytest.mark.parametrize("document", PRINTED)
def test_the_quickstart_runs_as_printed_and_ends_cleanly(document: str, tmp_path: Path) -> None:
    RAN.add((document, "Quickstart", 1))
    program = tmp_path / "quickstart.py"
    program.write_text(EXAMPLES[document, "Quickstart", 1], encoding="utf-8")
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        RUNNER,
        str(program),
        str(Path(__file__).parent),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
    said = [line for line in done.stdout.splitlines() if "[system]" not in line]
    assert said == PRINTED[document]
