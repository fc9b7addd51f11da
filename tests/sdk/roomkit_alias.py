"""The documents' package name: ``roomkit`` and its submodules are those of ``roomd``.

The very same module objects, so that a class imported by either name is one class.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

DOCUMENTED = "roomkit"
ACTUAL = "roomd"


class _Alias(Loader):
    def __init__(self, actual: str) -> None:
        self._actual = actual
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self._actual)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """The module was executed under its own name; it keeps its own spec."""
        module.__spec__ = self._spec


class RoomkitFinder(MetaPathFinder):
    """Finds ``roomkit.x`` as ``roomd.x``."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != DOCUMENTED and not name.startswith(f"{DOCUMENTED}."):
            return None
        actual = ACTUAL + name.removeprefix(DOCUMENTED)
        try:
            module = import_module(actual)
        except ModuleNotFoundError:
            return None
        return ModuleSpec(name, _Alias(actual), is_package=hasattr(module, "__path__"))


def install() -> None:
    """Let ``import roomkit`` find roomd; once is enough."""
    if not any(isinstance(finder, RoomkitFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, RoomkitFinder())
