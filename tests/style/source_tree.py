"""The files of the repository and the modules of the product, as the style tests read them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "roomd": "sdks/python/roomd",
    "roomd_server": "server/roomd_server",
    "roomd_gateway": "gateway/roomd_gateway",
}
"""Import name → folder. A package that is not there yet has no modules."""
GENERATED = "sdks/python/roomd/v1/"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One module."""

    name: str
    """Path from the root of the repository."""
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @property
    def module(self) -> str:
        """Dotted name under which it is imported."""
        for package, folder in PACKAGES.items():
            if self.name.startswith(f"{folder}/"):
                inner = self.name.removeprefix(f"{folder}/").removesuffix(".py")
                dotted = f"{package}.{inner.replace('/', '.')}"
                return dotted.removesuffix(".__init__")
        return self.name

    @cached_property
    def functions(self) -> list[tuple[str, Function]]:
        """Every function with its qualified name."""
        return list(_functions(self.tree, ""))

    def of(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """The nodes of these kinds."""
        return (node for node in self.nodes if isinstance(node, kinds))

    def marked(self, node: ast.AST, marker: str) -> bool:
        """Whether a marker comment stands on the node's lines or on the line above it."""
        first, last = node.lineno, node.end_lineno or node.lineno
        if isinstance(node, ast.ExceptHandler):
            last = node.body[0].lineno - 1 if node.body[0].lineno > first else first
        return any(marker in line for line in self.lines[max(0, first - 2) : last])


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{prefix}{child.name}."
            if not isinstance(child, ast.ClassDef):
                yield inner[:-1], child
        yield from _functions(child, inner)


@lru_cache(maxsize=1)
def sources() -> tuple[Source, ...]:
    """Every module of the product that a person wrote."""
    paths = [path for folder in PACKAGES.values() for path in (ROOT / folder).rglob("*.py")]
    named = [(path.relative_to(ROOT).as_posix(), path) for path in sorted(paths)]
    return tuple(
        Source(name, path.read_text(encoding="utf-8"))
        for name, path in named
        if not name.startswith(GENERATED)
    )


@lru_cache(maxsize=1)
def repository_files() -> tuple[str, ...]:
    """What is in the repository or about to be: tracked, and new but not ignored."""
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "--deduplicate"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"the style tests read a git checkout: {done.stderr}"
    return tuple(name for name in done.stdout.splitlines() if (ROOT / name).is_file())


@lru_cache(maxsize=1)
def repository_texts() -> dict[str, str]:
    """The same files with their text; those that are not text are left out."""
    texts = {}
    for name in repository_files():
        data = (ROOT / name).read_bytes()
        if b"\0" not in data:
            texts[name] = data.decode("utf-8", errors="replace")
    return texts
