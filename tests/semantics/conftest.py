"""The semantics tests use the kits of the other folders; alone they must find them too."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
for folder in ("api", "unit"):
    if str(TESTS / folder) not in sys.path:
        sys.path.append(str(TESTS / folder))
