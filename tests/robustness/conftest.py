"""Where the faults are tried: a site on each store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from faults import STORES
from site_of_test import Site


@pytest.fixture(params=STORES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """A site on the store that the parameter names."""
    create: Callable[[], str] | None = None
    if request.param == "postgres":
        create = request.getfixturevalue("postgres").create
    return Site(tmp_path, database=create() if create else "")
