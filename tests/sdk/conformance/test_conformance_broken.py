"""The cases see what is wrong: workers that are broken on purpose fail the right ones."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from conform_cases import FOLDER, Case, cases_for
from conform_process import WorkerProcess
from conform_sdk_role import failure_of_case
from conform_sdks import Sdk, present
from conform_steps import IMPATIENT

Workers = Callable[[Sdk], list[str]]
BROKEN: Mapping[str, Any] = yaml.safe_load((FOLDER / "broken.yaml").read_text(encoding="utf-8"))
CASES: Mapping[str, Case] = {case.id: case for case in cases_for("sdk")}
TABLE = [pytest.param(sdk, name, id=f"{sdk.name}-{name}") for sdk in present() for name in BROKEN]


@pytest.mark.slow
@pytest.mark.parametrize(("sdk", "name"), TABLE)
async def test_a_broken_worker_fails_the_right_cases(
    sdk: Sdk, name: str, commands: Workers
) -> None:
    process = WorkerProcess([*commands(sdk), f"--broken={name}"])
    process.start()
    try:
        for wanted in BROKEN[name]["fails"]:
            why = await failure_of_case(CASES[wanted], process, IMPATIENT)
            assert why, f"{wanted} does not see that a worker {name}"
        for wanted in BROKEN[name]["passes"]:
            assert not await failure_of_case(CASES[wanted], process)
    finally:
        process.end()


@pytest.mark.parametrize("sdk", present(), ids=lambda sdk: sdk.name)
def test_a_way_to_be_broken_that_is_not_known_is_refused(sdk: Sdk, commands: Workers) -> None:
    command = [*commands(sdk), "--broken=nothing-that-is-known"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, input=b"")
    assert done.returncode == 2
