"""How modules and classes hang together: nothing is dead, nothing is deep."""

from __future__ import annotations

from module_graph import lineages, unreachable, unused
from source_tree import Source, sources

from roomd_server.cli.main import COMMANDS

ENTRIES = {
    "roomd": "what applications import",
    "roomd_server.cli": "the command",
    "roomd_server.cli.__main__": "python -m roomd_server.cli",
    **{f"roomd_server.cli.{name}": "a command" for name in COMMANDS.values()},
    "roomd_server.cli.demo_worker": "the demo starts it as a process",
    "roomd.models.context": "an import path of the documents",
    "roomd.models.participant": "an import path of the documents",
}
"""Where a process or an application begins → why."""

CALLED_FROM_OUTSIDE = {
    "server/roomd_server/wiring.py:start_embedded": "the SDK starts it inside a process",
}
"""Names that no module of the server says → why."""

MAX_DEPTH = 2
MAX_DEPTH_OF_ERRORS = 3
"""The tree of errors: all of them, a kind, one of the kind."""


def test_every_module_is_used() -> None:
    """A module that no entry leads to is dead."""
    dead = unreachable(sources(), ENTRIES)
    assert not dead, "nobody imports (else name it in ENTRIES with the reason):\n" + "\n".join(
        sorted(dead)
    )


def test_every_entry_exists_and_is_needed() -> None:
    names = {source.module for source in sources()}
    assert set(ENTRIES) <= names
    roots = {"roomd", "roomd_server.cli", "roomd_server.cli.__main__"}
    assert set(ENTRIES) - roots <= unreachable(sources(), roots)


def test_a_dead_module_is_found() -> None:
    def at(name: str, text: str = "") -> Source:
        return Source(f"server/roomd_server/{name}.py", text)

    tree = [
        at("__init__"),
        at("core/__init__", "from roomd_server.core import loaded_with_the_package\n"),
        at("core/loaded_with_the_package"),
        at("core/used", "from . import beside\nfrom .further import x\n"),
        at("core/beside"),
        at("core/further"),
        at("core/dead", "from roomd_server.core import dead_too\n"),
        at("core/dead_too", "import roomd_server.core.dead\n"),
        at("main", "from roomd_server.core import used\n"),
    ]
    dead = {"roomd_server.core.dead", "roomd_server.core.dead_too"}
    assert unreachable(tree, ["roomd_server.main"]) == dead


def test_every_name_of_the_server_is_used() -> None:
    """What only tests call is dead. The SDK's names are for applications."""
    server = [source for source in sources() if source.module.startswith("roomd_server")]
    dead = unused(server) - set(CALLED_FROM_OUTSIDE)
    assert not dead, "nothing says (else name it with the reason):\n" + "\n".join(sorted(dead))
    assert set(CALLED_FROM_OUTSIDE) <= unused(server), "take out what is used"


def test_a_dead_name_is_found() -> None:
    def at(name: str, text: str) -> Source:
        return Source(f"server/roomd_server/{name}.py", text)

    tree = [
        at("a", "DEAD = 1\nUSED = 2\nASKED = 3\nOWN = 4\ndef dead(): return OWN\n"),
        at("b", "from roomd_server import a\nfrom roomd_server.a import USED\nx: int = a.ASKED\n"),
        at("c", "DEAD = 1\nprint(DEAD)\nfrom .b import x\n"),
    ]
    found = {"server/roomd_server/a.py:DEAD", "server/roomd_server/a.py:dead"}
    assert unused(tree) == found


def test_inheritance_is_shallow() -> None:
    deep = []
    for line in lineages(sources()).values():
        errors = line[-1].endswith("Error")
        if len(line) > (MAX_DEPTH_OF_ERRORS if errors else MAX_DEPTH):
            deep.append(" → ".join(line))
    assert not deep, "\n".join(["compose instead:", *deep])


def test_deep_inheritance_is_found() -> None:
    text = "class A(ABC): ...\nclass B(A): ...\nclass C(Generic[T], package.B): ...\n"
    lines = lineages([Source("server/roomd_server/core/deep.py", text)])
    assert lines["C"] == ["C", "B", "A"]
    assert lines["B"] == ["B", "A"]
