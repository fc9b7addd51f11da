"""The test command: ``python3 tests/run.py``. Needs Python 3.11 and nothing else.

Installs what the tests need into ``.venv``, then runs every check and prints a summary; the
exit code is 1 when any failed. ``--only STEP,STEP`` and ``--skip STEP,STEP`` choose steps,
``--fast`` leaves out tests marked slow; what follows ``--`` goes to pytest.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".roomd-installed"
MIN_PYTHON = (3, 11)


class Step(NamedTuple):
    """One check."""

    name: str
    command: Callable[[argparse.Namespace], list[str] | str]
    """The command, or why the step is skipped."""


def tool(name: str) -> str:
    """A program of the environment."""
    return str(VENV / "bin" / name)


def python(*arguments: str) -> list[str]:
    """The environment's Python."""
    return [tool("python"), *arguments]


def install() -> None:
    """Make the environment and install the project with what its tests need.

    Raises:
        SystemExit: it cannot be done; the installer has said why.
    """
    if not (VENV / "bin" / "python").exists():
        print(f"making {VENV.name} …", flush=True)
        venv.create(VENV, with_pip=True)
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted:
        return
    print("installing roomd[dev] …", flush=True)
    command = python(
        "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-e", ".[dev]"
    )
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise SystemExit("the installation failed")
    STAMP.write_text(wanted, encoding="utf-8")


def git(*arguments: str) -> str:
    """Output of a git command; '' when it fails."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def breaking(_options: argparse.Namespace) -> list[str] | str:
    """Compare the protocol with what has landed before: the main line of the remote, else the
    commit before the last one."""
    for reference in ("refs/remotes/origin/main", "HEAD~1"):
        commit = git("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
        if commit and commit != git("rev-parse", "HEAD") and git("ls-tree", commit, "proto"):
            return [tool("buf"), "breaking", "--against", f".git#ref={commit}"]
    return "nothing has landed before this commit, or the clone is shallow"


def pytest(options: argparse.Namespace) -> list[str]:
    """All tests."""
    chosen = ["-m", "not slow"] if options.fast else []
    return python("-m", "pytest", "--durations=8", *chosen, *options.pytest)


STEPS = (
    Step("ruff", lambda _: [tool("ruff"), "check"]),
    Step("format", lambda _: [tool("ruff"), "format", "--check"]),
    Step("mypy", lambda _: [tool("mypy")]),
    Step("imports", lambda _: [tool("lint-imports")]),
    Step("buf-lint", lambda _: [tool("buf"), "lint"]),
    Step("buf-format", lambda _: [tool("buf"), "format", "--diff", "--exit-code"]),
    Step("buf-breaking", breaking),
    Step("generated", lambda _: python("proto/generate.py", "--check")),
    Step("pytest", pytest),
)


def main() -> int:
    """Run the steps; 0 when all are well."""
    options = arguments()
    if sys.version_info < MIN_PYTHON:
        print("roomd needs Python 3.11 or newer", file=sys.stderr)
        return 2
    install()
    environment = {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    outcomes: list[tuple[str, str, float]] = []
    for step in STEPS:
        if (options.only and step.name not in options.only) or step.name in options.skip:
            continue
        command = step.command(options)
        print(f"\n== {step.name}", flush=True)
        if isinstance(command, str):
            print(f"SKIPPED: {command}", flush=True)
            outcomes.append((step.name, "skipped", 0.0))
            continue
        began = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        verdict = "ok" if done.returncode == 0 else "FAILED"
        outcomes.append((step.name, verdict, time.monotonic() - began))
    print("\n== summary")
    for name, verdict, seconds in outcomes:
        print(f"{name:14} {verdict:8} {seconds:7.1f} s")
    return 1 if any(verdict == "FAILED" for _, verdict, _ in outcomes) else 0


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    names = [step.name for step in STEPS]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for option, text in (("--only", "run these steps only"), ("--skip", "leave these out")):
        parser.add_argument(
            option,
            default="",
            type=lambda value: [name for name in value.split(",") if name],
            help=f"{text}: {', '.join(names)}",
        )
    parser.add_argument("--fast", action="store_true", help="leave out tests marked slow")
    parser.add_argument("pytest", nargs="*", help="after --: arguments for pytest")
    options = parser.parse_args()
    unknown = {*options.only, *options.skip} - set(names)
    if unknown:
        parser.error(f"no such step: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
