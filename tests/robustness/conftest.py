"""The robustness tests use a kit of another folder; alone they must find it too."""

from __future__ import annotations

import sys
from pathlib import Path

KIT = str(Path(__file__).resolve().parent.parent / "api")
if KIT not in sys.path:
    sys.path.append(KIT)
