"""Generate the protocol's code of the other SDKs: ``python proto/generate_sdks.py [--check]``.

Runs buf with ``buf.gen.yaml``, whose plugins the toolchains of the languages bring. ``--check``
generates into a temporary folder and fails when what is committed differs. A language whose
toolchain is absent is skipped with a line that says so; with ``CI`` or ``ROOMD_REQUIRE_ALL`` in
the environment that is a failure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "proto" / "buf.gen.yaml"
TOOLS = {
    "sdks/go": "go",
    "sdks/typescript": "sdks/typescript/node_modules/.bin/protoc-gen-es",
}
"""SDK → the program without which its code cannot be generated."""
GENERATED = re.compile(r"(\.pb\.go|_pb\.ts)$")
GENERATE_SECONDS = 600


def templates() -> Iterator[tuple[str, str]]:
    """Every SDK of the template, with a template of its plugins alone.

    Raises:
        SystemExit: a plugin writes where no SDK is known.
    """
    head, *plugins = re.split(r"(?m)^(?=  - local:)", TEMPLATE.read_text(encoding="utf-8"))
    of_sdk: dict[str, str] = {}
    for plugin in plugins:
        out = re.search(r"(?m)^ +out: *(\S+)$", plugin)
        sdk = next((one for one in TOOLS if out and f"{out[1]}/".startswith(f"{one}/")), "")
        if not sdk:
            raise SystemExit(f"{TEMPLATE.name}: whose plugin is this?\n{plugin}")
        of_sdk[sdk] = of_sdk.get(sdk, head) + plugin
    yield from of_sdk.items()


def has_tool(sdk: str) -> bool:
    """Whether the SDK's code can be generated here."""
    return bool(shutil.which(TOOLS[sdk]) or (ROOT / TOOLS[sdk]).exists())


def generate(template: str, out: Path) -> dict[str, bytes]:
    """Run buf; what it wrote into ``out``, by path.

    Raises:
        SystemExit: buf or a plugin refused; its own message is printed above.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(template)
        file.flush()
        command = ["buf", "generate", "--template", file.name, "--output", str(out)]
        search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PATH": search},
            timeout=GENERATE_SECONDS,
            check=False,
        )
    if done.returncode:
        raise SystemExit(done.returncode)
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }


def committed(made: dict[str, bytes]) -> dict[str, bytes]:
    """The generated code that lies where the new code belongs."""
    folders = {Path(name).parent for name in made}
    return {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for folder in folders
        for path in (ROOT / folder).glob("*")
        if GENERATED.search(path.name)
    }


def write(made: dict[str, bytes]) -> None:
    """Replace the generated code that is there."""
    for name in committed(made):
        (ROOT / name).unlink()
    for name, content in made.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_bytes(content)


def main() -> int:
    """Generate, or compare; 0 when all is well."""
    required = bool(os.environ.get("CI") or os.environ.get("ROOMD_REQUIRE_ALL"))
    status = 0
    for sdk, template in templates():
        if not has_tool(sdk):
            print(f"{'MISSING' if required else 'SKIPPED'}: {sdk} needs {TOOLS[sdk]}")
            status |= required
            continue
        with tempfile.TemporaryDirectory() as folder:
            made = generate(template, Path(folder))
        there = committed(made)
        stale = sorted(
            name for name in made.keys() | there.keys() if made.get(name) != there.get(name)
        )
        if "--check" not in sys.argv:
            write(made)
            print(f"{sdk}: generated {len(made)} files")
        elif stale:
            print("generated code is not current; run: python proto/generate_sdks.py", *stale)
            status = 1
        else:
            print(f"{sdk}: generated code is current: {len(made)} files")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
