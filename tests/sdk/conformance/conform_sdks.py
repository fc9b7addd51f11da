"""The SDKs: how their conformance workers are built and run, and what they do not have."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[2]
BUILD_SECONDS = 600


@dataclass(frozen=True)
class Sdk:
    """An SDK as the suite sees it."""

    name: str
    title: str
    home: str
    """Its folder; its README holds the table of features."""
    worker: str
    """Where the source of its conformance worker is; without it the SDK is not here yet."""
    needs: tuple[str, ...]
    """Programs without which it is skipped, loudly."""
    build: Callable[[Path], list[str]]
    """Builds into a folder and returns the command of its worker."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """Cases of what the SDK does not have, and why."""


class Absent(Exception):
    """The SDK cannot be tested here."""


def _python(_into: Path) -> list[str]:
    return [sys.executable, str(FOLDER / "workers" / "python.py")]


def _go(into: Path) -> list[str]:
    binary = str(into / "conformance-worker")
    _run(["go", "build", "-o", binary, "./cmd/conformance-worker"], ROOT / "sdks" / "go")
    return [binary]


def _typescript(_into: Path) -> list[str]:
    home = ROOT / "sdks" / "typescript"
    if not (home / "node_modules").is_dir():
        _run(["npm", "ci", "--no-audit", "--no-fund"], home)
    _run(["npm", "run", "build"], home)
    return ["node", str(home / "dist" / "conformance-worker.js")]


SDKS: Mapping[str, Sdk] = {
    sdk.name: sdk
    for sdk in (
        Sdk(
            "python",
            "Python",
            "sdks/python",
            "tests/sdk/conformance/workers/python.py",
            (),
            _python,
            {"attach/detached": "hooks of all rooms stay until the kit is closed"},
        ),
        Sdk("go", "Go", "sdks/go", "sdks/go/cmd/conformance-worker", ("go",), _go),
        Sdk(
            "typescript",
            "TypeScript",
            "sdks/typescript",
            "sdks/typescript/conformance-worker",
            ("node", "npm"),
            _typescript,
        ),
    )
}


def is_required() -> bool:
    """Whether an SDK that cannot be tested is a failure."""
    return bool(os.environ.get("CI") or os.environ.get("ROOMD_REQUIRE_ALL"))


def present() -> list[Sdk]:
    """The SDKs that are in the repository, with their workers."""
    return [sdk for sdk in SDKS.values() if (ROOT / sdk.worker).exists()]


def worker_command(sdk: Sdk, into: Path) -> list[str]:
    """Build an SDK's worker; its command.

    Raises:
        Absent: a program that it needs is not here.
        AssertionError: it cannot be built.
    """
    missing = [program for program in sdk.needs if shutil.which(program) is None]
    if missing:
        raise Absent(f"THE {sdk.title} SDK IS NOT TESTED: {', '.join(missing)} is not installed")
    return sdk.build(into)


def _run(command: list[str], home: Path) -> None:
    done = subprocess.run(
        command, cwd=home, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    assert done.returncode == 0, f"{command} in {home}:\n{done.stdout}\n{done.stderr}"
