"""The test command: ``python3 tests/run.py``. Needs Python 3.11 or newer and nothing else.

Installs what the tests need into ``.venv``, then runs every check, goes on when one fails, and
prints a summary; the exit code is 1 when any failed. ``--only STEP,STEP`` and
``--skip STEP,STEP`` choose steps, ``--fast`` leaves out tests marked slow; what follows ``--``
goes to pytest.

Inside a virtual environment that one is used instead of ``.venv``; ``ROOMD_PYTHON`` names the
Python of another one.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
MIN_PYTHON = (3, 11)
PACKAGES = ("roomd", "roomd_server")
REQUIRE_ALL = "ROOMD_REQUIRE_ALL"
"""Set, as ``CI`` is by CI: a toolchain that is absent is a failure, not a skipped step."""
GO = ROOT / "sdks" / "go"
TYPESCRIPT = ROOT / "sdks" / "typescript"
INSTALLER_TAIL_LINES = 40
POSTGRES = "/usr/lib/postgresql"
ABOUT_STORED = (
    "tests/semantics",
    "tests/property/test_promises.py",
    "tests/api/test_durable_observers.py",
    "tests/api/test_durable_properties.py",
    "tests/sdk/test_sdk_durable.py",
    "tests/sdk/test_sdk_people.py",
    "tests/sdk/test_sdk_withdrawn.py",
)
"""Tests that run on both stores: whose server is in their process and whose subject is stored.
Those of the store itself, of its loss, of kills and of faults name the stores themselves."""
ABOUT_TRANSPORT = (
    "tests/api/test_api_drain.py",
    "tests/api/test_api_server.py",
    "tests/api/test_api_subscriptions.py",
    "tests/api/test_bad_input.py",
    "tests/api/test_standing.py",
    *(
        f"tests/robustness/test_faults.py::test_what_is_promised_holds[{fault}, on sqlite]"
        for fault in (
            "R07: a hook answers garbage",
            "R09: a subscriber stops reading",
            "R19: requests of chance to every RPC",
            "D3: hostile frames on the worker stream",
        )
    ),
)
"""Tests that run on both transports."""

PROBE = """
import importlib.util, json, sys, sysconfig
found = [importlib.util.find_spec(name) for name in sys.argv[1:]]
print(json.dumps({
    "version": sys.version_info[:2],
    "prefix": sys.prefix,
    "scripts": sysconfig.get_path("scripts"),
    "homes": [spec.origin if spec else "" for spec in found],
}))
"""


# ------------------------------------------------------------------ environment


class Environment(NamedTuple):
    """A Python with the project's tools."""

    executable: str
    prefix: Path
    scripts: Path
    homes: tuple[str, ...]
    """Where it finds the project's packages; '' for one that it does not have."""

    def python(self, *arguments: str) -> list[str]:
        """A command of this Python."""
        return [self.executable, *arguments]

    def tool(self, name: str, *arguments: str) -> list[str]:
        """A command of a program that is installed beside this Python."""
        return [str(self.scripts / name), *arguments]

    @property
    def editable(self) -> bool:
        """Whether it runs the code of this checkout, not an installed copy of it."""
        return all(home.startswith(f"{ROOT}{os.sep}") for home in self.homes)


def look_at(executable: str) -> Environment:
    """Ask a Python what it is.

    Raises:
        SystemExit: it does not run, or it is too old.
    """
    try:
        done = subprocess.run(
            [executable, "-c", PROBE, *PACKAGES],
            cwd=tempfile.gettempdir(),
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"{executable} does not run: {error}") from None
    told = json.loads(done.stdout)
    if tuple(told["version"]) < MIN_PYTHON:
        raise SystemExit(f"{executable} is older than Python 3.11: remove it, or name another")
    return Environment(
        executable, Path(told["prefix"]), Path(told["scripts"]), tuple(told["homes"])
    )


def environment() -> Environment:
    """The environment to use; made when there is none."""
    chosen = os.environ.get("ROOMD_PYTHON")
    if not chosen and sys.prefix != sys.base_prefix:
        chosen = sys.executable
    if not chosen:
        folder = ROOT / ".venv"
        chosen = str(folder / "bin" / "python")
        if not Path(chosen).exists():
            make(folder)
    return look_at(chosen)


def make(folder: Path) -> None:
    """Make a virtual environment, also where Python came without ``ensurepip`` (Debian).

    Raises:
        SystemExit: there is no pip to put into it.
    """
    say(f"making {folder.name} …")
    try:
        venv.create(folder, with_pip=True, clear=True)
        return
    except subprocess.CalledProcessError:
        venv.create(folder, with_pip=False, clear=True)
    inside = str(folder / "bin" / "python")
    lent = [sys.executable, "-m", "pip", "--python", inside, "install", "--quiet", "pip"]
    if subprocess.run(lent, check=False).returncode:
        shutil.rmtree(folder)
        raise SystemExit("this Python has no pip: install python3-venv, then try again")


def install(into: Environment) -> Environment:
    """Install the project, editable, with what its tests need; nothing when that is done.

    Raises:
        SystemExit: it cannot be done; the installer's last words are printed above.
    """
    stamp = into.prefix / ".roomd-installed"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if into.editable and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return into
    say(f"installing roomd[dev] into {into.prefix} (a minute or two) …")
    command = into.python(
        *("-m", "pip", "install", "--disable-pip-version-check", "--no-input"),
        *("--progress-bar", "off", "-e", ".[dev]"),
    )
    tail: collections.deque[str] = collections.deque(maxlen=INSTALLER_TAIL_LINES)
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as installer:
        for line in installer.stdout or ():
            tail.append(line)
            if line.startswith(("Collecting ", "Building ", "Installing ")):
                say(f"  {line.strip()[:96]}")
    if installer.returncode:
        raise SystemExit(f"{''.join(tail)}the installation failed")
    stamp.write_text(wanted, encoding="utf-8")
    return look_at(into.executable)


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def has_postgres() -> bool:
    """Whether there is a PostgreSQL for the tests; installed where that may be done."""

    def found() -> bool:
        return any(Path(POSTGRES).glob("*/bin/postgres")) or bool(shutil.which("postgres"))

    if found() or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found()
    say("installing postgresql …")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", "postgresql"]):
        subprocess.run(
            ["apt-get", "-qq", *command], env=quiet, stdout=subprocess.DEVNULL, check=False
        )
    return found()


# ------------------------------------------------------------------ what has landed


def git(*arguments: str, root: Path = ROOT) -> bytes:
    """Output of a git command; empty when it fails or there is no git."""
    command = ["git", "-c", "safe.directory=*", *arguments]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    except OSError:
        return b""
    return done.stdout if done.returncode == 0 else b""


def landed(root: Path = ROOT) -> str:
    """The commit whose protocol this one may not break; '' when there is none.

    On a branch, where it left the remote's main line. Else the newest commit with another
    protocol than the files here: the last commit for changes not yet committed, and for a
    fresh clone of the main line the one before the protocol's last change.
    """

    def one(*arguments: str) -> str:
        return git(*arguments, root=root).decode().strip()

    head = one("rev-parse", "--verify", "--quiet", "HEAD")
    base = one("merge-base", "HEAD", "refs/remotes/origin/main")
    if base and base != head and one("ls-tree", base, "proto"):
        return base
    if one("status", "--porcelain", "--", "proto") and one("ls-tree", "HEAD", "proto"):
        return head
    here = one("rev-parse", "HEAD:proto")
    for commit in one("log", "--format=%H", "--", "proto").split():
        there = one("rev-parse", "--verify", "--quiet", f"{commit}:proto")
        if there and there != here:
            return commit
    return ""


def check_breaking(with_: Environment) -> str | int:
    """Compare the protocol with the one that has landed; why not, or the exit code."""
    commit = landed()
    if not commit:
        shallow = git("rev-parse", "--is-shallow-repository").strip() == b"true"
        why = "the clone is shallow" if shallow else "no other protocol in the history"
        return f"{why}: nothing to compare with"
    say(f"against {git('log', '-1', '--format=%h %s', commit).decode().strip()}")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(git("archive", commit, "proto"))) as archive:
            for member in archive.getmembers():
                content = archive.extractfile(member)
                if content is not None:
                    path = Path(folder, member.name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.read())
        shutil.copy(ROOT / "buf.yaml", folder)
        return run(with_.tool("buf", "breaking", "--against", folder), with_)


# ------------------------------------------------------------------ steps

Step = Callable[[Environment, argparse.Namespace], "str | int"]
"""Runs a check; its exit code, or why it was skipped."""


def run(command: list[str], with_: Environment, folder: Path = ROOT, **more: str) -> int:
    """Run a command in the checkout, with more of an environment; its exit code.

    Settings of a server in the caller's environment are no business of the tests.
    """
    surroundings = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ROOMD_") or name == REQUIRE_ALL
    }
    # Hundreds of processes are started: none of them shall compile the sources again.
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    surroundings["PYTHONPYCACHEPREFIX"] = str(with_.prefix / "bytecode")
    surroundings["PATH"] = f"{with_.scripts}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    surroundings.update(more)
    try:
        return subprocess.run(command, cwd=folder, env=surroundings, check=False).returncode
    except OSError as error:
        say(f"{command[0]} does not run: {error}")
        return 127


def tests(with_: Environment, options: argparse.Namespace) -> int:
    """Run pytest over all tests."""
    has_postgres()
    chosen = ["-m", "not slow"] if options.fast else []
    return run(with_.python("-m", "pytest", "--durations=10", *chosen, *options.pytest), with_)


def absent(program: str) -> str | int:
    """What a step comes to without its toolchain: skipped, or failed where all is required."""
    if os.environ.get("CI") or os.environ.get(REQUIRE_ALL):
        say(f"{program} is not installed, and here nothing may be skipped")
        return 1
    return f"{program} IS NOT INSTALLED: THIS PART IS NOT TESTED"


def tests_on_postgres(with_: Environment, options: argparse.Namespace) -> str | int:
    """Run those tests again that are about what is stored, on PostgreSQL."""
    if not has_postgres():
        return absent("PostgreSQL")
    command = with_.python("-m", "pytest", "-m", "not slow", *ABOUT_STORED, *options.pytest)
    return run(command, with_, ROOMD_TEST_STORE="postgres")


def tests_on_native(with_: Environment, options: argparse.Namespace) -> int:
    """Run those tests again that are about what goes over the wire, on the native transport."""
    command = with_.python("-m", "pytest", *ABOUT_TRANSPORT, *options.pytest)
    return run(command, with_, ROOMD_TEST_TRANSPORT="native")


def go(with_: Environment, *arguments: str) -> str | int:
    """Run the go command in the Go SDK, with a real server to test against."""
    if shutil.which("go") is None:
        return absent("go")
    server = shlex.join(with_.python("-m", "roomd_server.cli"))
    return run(["go", *arguments], with_, GO, ROOMD_SERVER_CMD=server)


def npm(with_: Environment, *arguments: str) -> str | int:
    """Run npm in the TypeScript SDK, with a real server to test against."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return absent("node")
    server = shlex.join(with_.python("-m", "roomd_server.cli"))
    return run(["npm", *arguments], with_, TYPESCRIPT, ROOMD_SERVER_CMD=server)


STEPS: dict[str, Step] = {
    "ruff": lambda env, _: run(env.tool("ruff", "check"), env),
    "format": lambda env, _: run(env.tool("ruff", "format", "--check"), env),
    "mypy": lambda env, _: run(env.tool("mypy"), env),
    "imports": lambda env, _: run(env.tool("lint-imports"), env),
    "buf-lint": lambda env, _: run(env.tool("buf", "lint"), env),
    "buf-format": lambda env, _: run(env.tool("buf", "format", "--diff", "--exit-code"), env),
    "buf-breaking": lambda env, _: check_breaking(env),
    "generated": lambda env, _: run(env.python("proto/generate.py", "--check"), env),
    "ts-install": lambda env, _: npm(env, "ci", "--ignore-scripts", "--no-audit", "--no-fund"),
    "go-tools": lambda env, _: go(env, "build", "-C", "tools", "tool"),
    "generated-sdks": lambda env, _: run(env.python("proto/generate_sdks.py", "--check"), env),
    "go-vet": lambda env, _: go(env, "vet", "./..."),
    "go-staticcheck": lambda env, _: go(
        env, "tool", "-modfile=tools/go.mod", "staticcheck", "./..."
    ),
    "go-test": lambda env, _: go(env, "test", "-race", "-count=1", "./..."),
    "ts-test": lambda env, _: npm(env, "test"),
    "pytest": tests,
    "pytest-postgres": tests_on_postgres,
    "pytest-native": tests_on_native,
}


def main() -> int:
    """Run the steps; 0 when all are well."""
    if sys.version_info < MIN_PYTHON:
        print("roomd needs Python 3.11 or newer", file=sys.stderr)
        return 2
    options = arguments()
    with_ = install(environment())
    outcomes: list[tuple[str, str, float]] = []
    for name in options.steps:
        say(f"\n== {name}")
        began = time.monotonic()
        outcome = STEPS[name](with_, options)
        if isinstance(outcome, str):
            say(f"SKIPPED: {outcome}")
        verdict = "skipped" if isinstance(outcome, str) else "FAILED" if outcome else "ok"
        outcomes.append((name, verdict, time.monotonic() - began))
    say("\n== summary")
    for name, verdict, seconds in outcomes:
        say(f"{name:15} {seconds:7.1f} s  {verdict}")
    say(f"{'together':15} {sum(seconds for _, _, seconds in outcomes):7.1f} s")
    failed = [name for name, verdict, _ in outcomes if verdict == "FAILED"]
    if failed:
        say(f"again: python3 tests/run.py --only {','.join(failed)}")
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    """Parse the command line; ``steps`` are those to run, in order."""
    known = ", ".join(STEPS)
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        epilog="example: python3 tests/run.py --only ruff,pytest --fast -- -k visibility",
    )
    parser.add_argument("--only", default="", metavar="STEPS", help=f"of: {known}")
    parser.add_argument("--skip", default="", metavar="STEPS", help="leave these out")
    parser.add_argument("--fast", action="store_true", help="leave out tests marked slow")
    parser.add_argument("pytest", nargs="*", help="after --: arguments for pytest")
    options = parser.parse_args()
    only = [name for name in options.only.split(",") if name]
    skip = [name for name in options.skip.split(",") if name]
    unknown = [name for name in (*only, *skip) if name not in STEPS]
    if unknown:
        parser.error(f"no such step: {', '.join(unknown)}; there are {known}")
    options.steps = [name for name in STEPS if (not only or name in only) and name not in skip]
    return options


if __name__ == "__main__":
    raise SystemExit(main())
