"""The rules of the house, held against the code itself. Each rule is shown to fail too."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_FUNCTION_LINES = 60
MAX_MODULE_LINES = 500
MAX_PARAMETERS = 7

SOURCES = sorted(
    path
    for folder in ("server/roomd_server", "sdks/python/roomd", "gateway")
    for path in (ROOT / folder).rglob("*.py")
    if "/v1/" not in path.as_posix()
)

LONG_MODULES = {
    "sdks/python/roomd/kit.py": "the documents' one class: a line or two for each call",
    "sdks/python/roomd/_convert.py": "one function per noun and direction, nothing else",
    "server/roomd_server/core/ports.py": "the engine's doors, all in one place to read",
}
LONG_FUNCTIONS = {
    "content_to_pb": "a match over the twelve kinds of content",
    "content_from_pb": "a match over the twelve kinds of content",
}
NAMED = {"RoomLockManager", "InMemoryLockManager"}
"""Names that the documents gave."""
WIDE_FUNCTIONS = "# noqa: PLR0913"
LOCAL_IMPORTS = {
    "sdks/python/roomd/_embedded.py": "the server is optional for the slim client",
}


class Source(NamedTuple):
    """A module under test."""

    name: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def read(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    return Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text))


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def marked(source: Source, line: int, marker: str) -> bool:
    """Whether a marker comment stands on the line or just above it."""
    return any(marker in source.lines[at] for at in (line - 1, line - 2) if at >= 0)


# ------------------------------------------------------------------ rules


def long_modules(source: Source) -> Iterator[str]:
    if len(source.lines) > MAX_MODULE_LINES and source.name not in LONG_MODULES:
        yield f"{len(source.lines)} lines, at most {MAX_MODULE_LINES}"


def long_functions(source: Source) -> Iterator[str]:
    for function in functions(source):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > MAX_FUNCTION_LINES and function.name not in LONG_FUNCTIONS:
            yield f"{function.name}: {length} lines, at most {MAX_FUNCTION_LINES}"


def wide_functions(source: Source) -> Iterator[str]:
    if source.name.startswith("sdks/python/roomd/") and "/_" not in source.name:
        return  # the documents' signatures
    for function in functions(source):
        names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        count = len([one for one in names if one not in ("self", "cls")])
        if count > MAX_PARAMETERS and WIDE_FUNCTIONS not in source.lines[function.lineno - 1]:
            yield f"{function.name}: {count} parameters, at most {MAX_PARAMETERS}"


def vague_names(source: Source) -> Iterator[str]:
    vague = re.compile(r"(Manager|Helper|Utils?|Mixin)$")  # but the documents' own names
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and vague.search(node.name) and node.name not in NAMED:
            yield f"class {node.name}: name it for what it does"


def deep_classes(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and len(node.bases) > 2:
            yield f"class {node.name}: {len(node.bases)} bases; compose"


def local_imports(source: Source) -> Iterator[str]:
    if source.name in LOCAL_IMPORTS:
        return
    for function in functions(source):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield f"line {node.lineno}: import inside {function.name}"


def swallowed(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        name = node.type.id if isinstance(node.type, ast.Name) else ""
        broad = node.type is None or name in ("Exception", "BaseException")
        raises = any(isinstance(one, ast.Raise) for one in ast.walk(node))
        if broad and not raises and not marked(source, node.lineno, "# boundary:"):
            yield f"line {node.lineno}: a broad except that is no named boundary"


def unbounded_queues(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name not in ("asyncio.Queue", "deque", "collections.deque", "queue.Queue"):
            continue
        words = {keyword.arg for keyword in node.keywords}
        sized = words & {"maxsize", "maxlen"} or (name.endswith("Queue") and node.args)
        sized = sized or len(node.args) > 1
        if not sized and not marked(source, node.lineno, "# bounded:"):
            yield f"line {node.lineno}: {name}() without a bound"


def lost_tasks(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            name = ast.unparse(node.value.func)
            if name.endswith(("create_task", "ensure_future")):
                yield f"line {node.lineno}: a task that nobody keeps"


def unfinished(source: Source) -> Iterator[str]:
    for number, line in enumerate(source.lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
            yield f"line {number}: {line.strip()}"


def prints(source: Source) -> Iterator[str]:
    if "/cli/" in source.name:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            yield f"line {node.lineno}: print; use logging"


def undocumented(source: Source) -> Iterator[str]:
    if source.text.strip() and ast.get_docstring(source.tree) is None:
        yield "no module docstring: say what lives here"


def wall_clock_in_core(source: Source) -> Iterator[str]:
    if "roomd_server/core/" not in source.name:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in ("time.time", "time.monotonic", "datetime.now", "datetime.utcnow"):
                yield f"line {node.lineno}: {name}; the clock is injected"


Rule = Callable[[Source], Iterator[str]]
RULES: list[Rule] = [
    long_modules,
    long_functions,
    wide_functions,
    vague_names,
    deep_classes,
    local_imports,
    swallowed,
    unbounded_queues,
    lost_tasks,
    unfinished,
    prints,
    undocumented,
    wall_clock_in_core,
]

BAD: dict[str, str] = {
    "long_modules": '"""Long."""\n' + "x = 1\n" * 501,
    "long_functions": '"""Long."""\ndef f():\n' + "    x = 1\n" * 61,
    "wide_functions": '"""Wide."""\ndef f(a, b, c, d, e, g, h, i): ...\n',
    "vague_names": '"""Vague."""\nclass RoomManager: ...\n',
    "deep_classes": '"""Deep."""\nclass A(B, C, D): ...\n',
    "local_imports": '"""Local."""\ndef f():\n    import os\n',
    "swallowed": '"""Swallows."""\ntry:\n    f()\nexcept Exception:\n    pass\n',
    "unbounded_queues": '"""Queue."""\nq = asyncio.Queue()\n',
    "lost_tasks": '"""Task."""\nasyncio.create_task(f())\n',
    "unfinished": '"""Unfinished."""\n# TO' + "DO: later\n",
    "prints": '"""Prints."""\nprint(1)\n',
    "undocumented": "x = 1\n",
    "wall_clock_in_core": '"""Clock."""\nnow = time.time()\n',
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    broken = [
        f"{source.name}: {message}"
        for path in SOURCES
        for source in [read(path)]
        for message in rule(source)
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_can_be_broken(rule: Rule) -> None:
    text = BAD[rule.__name__]
    source = Source("server/roomd_server/core/bad.py", text, ast.parse(text))
    assert list(rule(source))


def test_every_module_is_used() -> None:
    """A module that nobody imports is dead, unless it is where a process begins."""
    entries = {"__main__", "demo_worker", "cli"}
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    orphans = []
    for path in SOURCES:
        name = path.stem if path.stem != "__init__" else path.parent.name
        if name in entries or path.parent.name in ("models", "providers") or path.stem == "mock":
            continue
        dotted = path.with_suffix("").as_posix().split("/")
        module = ".".join(dotted[dotted.index("roomd" if "sdks" in dotted else "roomd_server") :])
        module = module.removesuffix(".__init__")
        short = module.rpartition(".")[2]
        ways = (
            rf"(from|import) {re.escape(module)}\b",
            rf'"{re.escape(module)}"',
            rf"import [^\n]*\b{short}\b",
        )
        used = any(re.search(way, text) for way in ways)
        if not used and module not in ("roomd", "roomd_server"):
            orphans.append(module)
    assert not orphans
