"""Workers of the SDKs for the conformance tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conform_sdks import Absent, Sdk, is_required, worker_command

Workers = Callable[[Sdk], list[str]]


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Workers:
    """The command of an SDK's worker, built when first asked for."""
    built: dict[str, list[str] | str] = {}

    def command(sdk: Sdk) -> list[str]:
        if sdk.name not in built:
            try:
                built[sdk.name] = worker_command(sdk, tmp_path_factory.mktemp(sdk.name))
            except Absent as absent:
                built[sdk.name] = str(absent)
        found = built[sdk.name]
        if isinstance(found, str):
            assert not is_required(), found
            pytest.skip(found)
        return found

    return command
