"""Who imports whom, and who inherits from whom, read from the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from source_tree import Source


def imports(source: Source) -> Iterator[str]:
    """Dotted names that a module imports; ``from a import b`` may mean a module ``a.b``."""
    package = source.module.split(".")
    if not source.name.endswith("/__init__.py"):
        package = package[:-1]
    for node in source.of(ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            continue
        above = package[: len(package) - node.level + 1] if node.level else []
        home = ".".join([*above, *([node.module] if node.module else [])])
        yield home
        yield from (f"{home}.{alias.name}" for alias in node.names)


def unreachable(sources: Iterable[Source], entries: Iterable[str]) -> set[str]:
    """Modules that no chain of imports from the entries leads to.

    A package's ``__init__`` is loaded with whatever it holds, so it is never an orphan itself;
    what it imports counts once something in it, or it itself, is reached.
    """
    by_name = {source.module: source for source in sources}
    waiting = [name for name in entries if name in by_name]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        parts = name.split(".")
        loaded = {".".join(parts[:length]) for length in range(1, len(parts))}
        loaded.update(imports(by_name[name]))
        waiting += [one for one in loaded if one in by_name and one not in reached]
    return {
        name
        for name, source in by_name.items()
        if name not in reached and not source.name.endswith("/__init__.py")
    }


def unused(sources: Iterable[Source]) -> set[str]:
    """Top-level names that nothing but their own definition says: ``path:name``.

    A name is used where its own module reads it, where another imports it from there, and
    wherever it is read off something (``module.name``).
    """
    everything = list(sources)
    imported = {name for source in everything for name in imports(source)}
    read_off = {node.attr for source in everything for node in source.of(ast.Attribute)}
    return {
        f"{source.name}:{name}"
        for source in everything
        for name in _top_level(source) - _read_here(source)
        if f"{source.module}.{name}" not in imported and name not in read_off
    }


def _top_level(source: Source) -> set[str]:
    names: set[str] = set()
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(one.id for one in targets if isinstance(one, ast.Name))
    return {name for name in names if not name.startswith("__")}


def _read_here(source: Source) -> set[str]:
    names = {node.id for node in source.of(ast.Name) if isinstance(node.ctx, ast.Load)}
    # Annotations in quotes, and what is looked up by its name.
    return names | {word for node in source.of(ast.Constant) for word in _words(node.value)}


def _words(value: object) -> set[str]:
    return set(re.findall(r"\w+", value)) if isinstance(value, str) and "\n" not in value else set()


def lineages(sources: Iterable[Source]) -> dict[str, list[str]]:
    """Class → its longest line of own ancestors, itself first.

    Own classes are known by their name; one that stands for two gets the longer line.
    """
    parents: dict[str, set[str]] = {}
    for source in sources:
        for node in source.of(ast.ClassDef):
            bases = {_name(base) for base in node.bases}
            parents.setdefault(node.name, set()).update(bases - {node.name})

    def line(name: str, seen: tuple[str, ...]) -> list[str]:
        own = [one for one in sorted(parents[name]) if one in parents and one not in seen]
        return [name, *max((line(one, (*seen, name)) for one in own), key=len, default=[])]

    return {name: line(name, ()) for name in parents}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
