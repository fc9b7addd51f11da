"""The rules of the house as functions from a module to what breaks them.

A finding names its subject, ``path`` or ``path:name``, so that an exception to a rule can be
written down with its reason (``EXCEPTIONS``). Two comments mark what a reader must be told:
``# bounded:`` what limits a queue, ``# boundary:`` why a broad ``except`` may stand there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from source_tree import Source

MAX_FUNCTION_LINES = 60
MAX_MODULE_LINES = 500
MAX_PARAMETERS = 7

VAGUE = {"Manager", "Helper", "Helpers", "Util", "Utils", "Mixin", "Base", "Misc"}
QUEUES = {"Queue", "LifoQueue", "PriorityQueue", "SimpleQueue", "deque"}
TASKS = {"create_task", "ensure_future"}
CLOCK_READS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter"}
BROAD = {"Exception", "BaseException"}
CANCELLATION = {"CancelledError", "BaseException"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

SIGNATURE = "the documents' signature"

EXCEPTIONS: dict[str, dict[str, str]] = {
    "long_modules": {
        "sdks/python/roomd/kit.py": "the documents' one class: a line or two for each call",
        "sdks/python/roomd/_convert.py": "one function per noun and direction, nothing else",
        "server/roomd_server/core/ports.py": "the engine's doors, all in one place to read",
    },
    "long_functions": {
        "sdks/python/roomd/_convert.py:content_to_pb": "a match over the twelve kinds of content",
        "sdks/python/roomd/_convert.py:content_from_pb": "a match over the twelve kinds of content",
    },
    "wide_functions": {
        "sdks/python/roomd/_bindings.py:binding_of": SIGNATURE,
        "sdks/python/roomd/_events.py:EventCalls.send_request": SIGNATURE,
        "sdks/python/roomd/kit.py:RoomKit.__init__": SIGNATURE,
        "sdks/python/roomd/kit.py:RoomKit.hook": SIGNATURE,
        "sdks/python/roomd/kit.py:RoomKit.send_event": SIGNATURE,
        "sdks/python/roomd/store/reader.py:StoreReader.list_events": SIGNATURE,
    },
    "vague_names": {
        "sdks/python/roomd/core/locks.py:InMemoryLockManager": "the documents' name",
        "sdks/python/roomd/realtime/base.py": "the documents' name",
    },
    "local_imports": {
        "sdks/python/roomd/__init__.py:__getattr__": "the server starts without loading the SDK",
        "sdks/python/roomd/_embedded.py:start": "the slim client has no server",
        "server/roomd_server/cli/main.py:parser": "a command imports what it needs",
        "server/roomd_server/wiring.py:_exporting": "OpenTelemetry's SDK is an extra",
        "server/roomd_server/wiring.py:_front": "the native transport is an extra",
    },
    "swallowed_errors": {
        "server/roomd_server/stores/sqlite_writer.py:SqliteWriter._write": "raises store faults",
        "server/roomd_server/stores/sqlite_writer.py:SqliteWriter._write_one": "the same",
    },
    "swallowed_cancellation": {
        "server/roomd_server/core/waiting.py:outlast": "raised again when the future has ended",
    },
    "unfinished": {
        "sdks/python/roomd/providers/ai/base.py:AIProvider.generate_stream": (
            "optional: asked only of a provider that says it streams"
        ),
    },
}
"""Rule → subject → why. An entry that is not needed any more fails a test."""


class Finding(NamedTuple):
    """One breach of a rule."""

    subject: str
    line: int
    message: str


Rule = Callable[[Source], Iterator[Finding]]


def last_name(node: ast.AST) -> str:
    """``c`` of ``a.b.c``; '' when it is no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        return last_name(node.value)
    return node.id if isinstance(node, ast.Name) else ""


def at(source: Source, node: ast.AST, message: str) -> Finding:
    """A finding in the innermost function around the node."""
    around = [
        name
        for name, function in source.functions
        if function.lineno <= node.lineno <= (function.end_lineno or function.lineno)
    ]
    subject = f"{source.name}:{around[-1]}" if around else source.name
    return Finding(subject, node.lineno, message)


def long_modules(source: Source) -> Iterator[Finding]:
    """A module has at most 500 lines."""
    lines = len(source.lines)
    if lines > MAX_MODULE_LINES:
        yield Finding(source.name, 1, f"{lines} lines, at most {MAX_MODULE_LINES}")


def long_functions(source: Source) -> Iterator[Finding]:
    """A function has at most 60 lines."""
    for name, function in source.functions:
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > MAX_FUNCTION_LINES:
            message = f"{name}: {lines} lines, at most {MAX_FUNCTION_LINES}"
            yield Finding(f"{source.name}:{name}", function.lineno, message)


def wide_functions(source: Source) -> Iterator[Finding]:
    """A function takes at most 7 parameters, ``self`` and ``cls`` not counted."""
    for name, function in source.functions:
        given = function.args
        names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        count = len([one for one in names if one not in ("self", "cls")])
        if count > MAX_PARAMETERS:
            message = f"{name}: {count} parameters, at most {MAX_PARAMETERS}; take one object"
            yield Finding(f"{source.name}:{name}", function.lineno, message)


def vague_names(source: Source) -> Iterator[Finding]:
    """A class or a module is named for what it does; ``base.py`` holds an ABC."""
    for node in source.of(ast.ClassDef):
        vague = VAGUE & set(re.findall(r"[A-Z]+[a-z]*|[a-z]+", node.name))
        if vague:
            message = f"class {node.name}: {vague.pop()} says nothing; name it for what it does"
            yield Finding(f"{source.name}:{node.name}", node.lineno, message)
    stem = source.module.rpartition(".")[2]
    if stem == "base" and re.search(r"\((ABC|Protocol|BaseModel)\b|metaclass=ABCMeta", source.text):
        return
    if VAGUE & {word.capitalize() for word in stem.split("_")}:
        yield Finding(source.name, 1, f"module {stem}: name it for what it holds")


def mixed_classes(source: Source) -> Iterator[Finding]:
    """A class has at most two bases: what it is, and what it is generic or abstract in."""
    for node in source.of(ast.ClassDef):
        if len(node.bases) > 2:
            message = f"class {node.name}: {len(node.bases)} bases; compose"
            yield Finding(f"{source.name}:{node.name}", node.lineno, message)


def local_imports(source: Source) -> Iterator[Finding]:
    """Imports stand at the top of a module."""
    for name, function in source.functions:
        for node in ast.walk(function):
            loads = isinstance(node, ast.Call) and last_name(node.func) in (
                "import_module",
                "__import__",
            )
            if loads or isinstance(node, ast.Import | ast.ImportFrom):
                message = f"import inside {name}"
                yield Finding(f"{source.name}:{name}", node.lineno, message)


def caught(handler: ast.ExceptHandler) -> set[str]:
    """Names of what a handler catches; a bare ``except`` catches BaseException."""
    if handler.type is None:
        return {"BaseException"}
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {last_name(one) for one in types}


def suppressions(source: Source) -> Iterator[tuple[ast.Call, set[str]]]:
    """Every ``suppress(…)`` with the names of what it suppresses."""
    for node in source.of(ast.Call):
        if last_name(node.func) == "suppress":
            yield node, {last_name(one) for one in node.args}


def swallowed_errors(source: Source) -> Iterator[Finding]:
    """A broad ``except`` ends by raising, or is a boundary that says why: ``# boundary:``."""
    for node in source.of(ast.ExceptHandler):
        passes_on = isinstance(node.body[-1], ast.Raise) or source.marked(node, "# boundary:")
        if caught(node) & BROAD and not passes_on:
            message = "a broad except that neither raises nor says `# boundary: why`"
            yield at(source, node, message)
    for node, names in suppressions(source):
        if names & BROAD and not source.marked(node, "# boundary:"):
            yield at(source, node, "suppress() of everything")


def swallowed_cancellation(source: Source) -> Iterator[Finding]:
    """Who catches ``CancelledError`` raises it again; nobody suppresses it."""
    for node in source.of(ast.ExceptHandler):
        raises = any(isinstance(one, ast.Raise) for one in ast.walk(node))
        if caught(node) & CANCELLATION and not raises:
            yield at(source, node, "cancellation is caught and not raised")
    for node, names in suppressions(source):
        if names & CANCELLATION:
            yield at(source, node, "cancellation is suppressed")


def unbounded_queues(source: Source) -> Iterator[Finding]:
    """A queue has a bound, or says what bounds it: ``# bounded: by …``."""
    for node in source.of(ast.Call):
        name = last_name(node.func)
        position = 1 if name == "deque" else 0
        bounds = [one.value for one in node.keywords if one.arg in ("maxsize", "maxlen")]
        bounds += node.args[position : position + 1]
        endless = {"0", "None"}
        bounded = any(ast.unparse(bound) not in endless for bound in bounds)
        as_factory = [
            last_name(one)
            for one in (*node.args, *(word.value for word in node.keywords))
            if name in ("field", "defaultdict") and last_name(one) in QUEUES
        ]
        if ((name in QUEUES and not bounded) or as_factory) and not source.marked(
            node, "# bounded:"
        ):
            message = f"{name}() without a bound: give one, or say `# bounded: by what`"
            yield at(source, node, message)


def lost_tasks(source: Source) -> Iterator[Finding]:
    """A task is kept: nobody else holds a reference to it, and it can vanish half done."""
    for node in source.of(ast.Expr, ast.Assign):
        if isinstance(node, ast.Assign):
            nameless = all(isinstance(to, ast.Name) and to.id == "_" for to in node.targets)
            call = node.value if nameless else None
        else:
            call = node.value
        while isinstance(call, ast.Call):
            if last_name(call.func) in TASKS:
                yield at(source, call, "a task that nobody keeps")
            call = call.func.value if isinstance(call.func, ast.Attribute) else None


def unfinished(source: Source) -> Iterator[Finding]:
    """Nothing is left for later; only an abstract method may be not implemented."""
    for number, line in enumerate(source.lines, 1):
        if UNFINISHED.search(line):
            yield Finding(source.name, number, line.strip())
    for name, function in source.functions:
        if any(last_name(one) == "abstractmethod" for one in function.decorator_list):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Raise) and node.exc is not None:
                raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                if last_name(raised) == "NotImplementedError":
                    message = f"{name} is not implemented and not abstract"
                    yield Finding(f"{source.name}:{name}", node.lineno, message)


def prints(source: Source) -> Iterator[Finding]:
    """Only commands print."""
    if "/cli/" in source.name:
        return
    for node in source.of(ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in ("print", "pprint", "breakpoint"):
            yield at(source, node, f"{node.func.id}(): use logging")


def undocumented(source: Source) -> Iterator[Finding]:
    """A module says what lives in it."""
    if not (ast.get_docstring(source.tree) or "").strip():
        yield Finding(source.name, 1, "no module docstring: say what lives here")


def wall_clock_in_core(source: Source) -> Iterator[Finding]:
    """The engine asks the injected clock and ids: neither ``time`` nor ``datetime.now()``."""
    if not source.name.startswith("server/roomd_server/core/"):
        return
    for node in source.of(ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_READS:
            owner = last_name(node.func.value)
            looped = isinstance(node.func.value, ast.Call) and "loop" in last_name(
                node.func.value.func
            )
            if owner in ("time", "datetime", "date", "loop", "_loop") or looped:
                message = f"{ast.unparse(node.func)}(): ask the injected clock"
                yield at(source, node, message)
    for node in source.of(ast.Import, ast.ImportFrom):
        names = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        for name in names:
            if name in ("time", "random", "uuid", "secrets"):
                yield at(source, node, f"{name} is injected into the engine")


RULES: tuple[Rule, ...] = (
    long_modules,
    long_functions,
    wide_functions,
    vague_names,
    mixed_classes,
    local_imports,
    swallowed_errors,
    swallowed_cancellation,
    unbounded_queues,
    lost_tasks,
    unfinished,
    prints,
    undocumented,
    wall_clock_in_core,
)
