"""Programs of the documents and examples: run against a real server, in any language."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GO_SDK = ROOT / "sdks" / "go"
EXAMPLES = ROOT / "sdks" / "examples"
BUILD_SECONDS = 400
RUN_SECONDS = 60
BUILDS = pytest.mark.timeout(BUILD_SECONDS + 2 * RUN_SECONDS)
"""Marks tests that build Go programs, which is slow where nothing was built before."""


def needs(*programs: str) -> None:
    """Skip a test without these programs, loudly; fail it where all is required."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    message = f"THIS IS NOT TESTED: {', '.join(missing)} is not installed"
    if os.environ.get("CI") or os.environ.get("ROOMD_REQUIRE_ALL"):
        pytest.fail(message)
    pytest.skip(message)


def go(folder: Path, *arguments: str) -> str:
    """Run the go command; what it printed."""
    return finished(["go", *arguments], folder, seconds=BUILD_SECONDS)


def finished(
    command: Sequence[str],
    folder: Path,
    *,
    address: str = "",
    key: str = "",
    seconds: float = RUN_SECONDS,
) -> str:
    """Run a command to its end, which must be a good one; what it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "ROOMD_ADDRESS": address, "ROOMD_API_KEY": key},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{command} in {folder}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
