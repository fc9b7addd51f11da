"""Every SDK against every case; see README.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from conform_cases import Case, all_cases, cases_for
from conform_process import WorkerProcess
from conform_sdk_role import failure_of_case
from conform_sdks import SDKS, Sdk, is_required, present
from conform_server_role import ServerRole
from conform_steps import Failed

from roomd_server.wiring import start_embedded

Workers = Callable[[Sdk], list[str]]
CASES = cases_for("sdk")
TABLE = [pytest.param(sdk, case, id=f"{sdk.name}-{case.id}") for sdk in present() for case in CASES]


@pytest.fixture(scope="session")
def long_lived() -> Iterator[dict[str, WorkerProcess]]:
    """One process per SDK for all cases that leave it alive."""
    processes: dict[str, WorkerProcess] = {}
    yield processes
    codes = {name: process.end() for name, process in processes.items()}
    assert not any(codes.values()), f"workers that did not end with 0: {codes}"


def process_for(case: Case, command: list[str], kept: dict[str, WorkerProcess]) -> WorkerProcess:
    """A worker for a case: the kept one, unless the case ends it."""
    name = command[-1]
    if not case.own_process and name in kept and kept[name].alive:
        return kept[name]
    process = WorkerProcess(command)
    process.start()
    if not case.own_process:
        kept[name] = process
    return process


@pytest.mark.parametrize(("sdk", "case"), TABLE)
async def test_the_sdk_passes_the_case(
    sdk: Sdk, case: Case, commands: Workers, long_lived: dict[str, WorkerProcess]
) -> None:
    if case.id in sdk.lacks:
        pytest.skip(f"{sdk.title} does not have it: {sdk.lacks[case.id]}")
    process = process_for(case, commands(sdk), long_lived)
    failed = await failure_of_case(case, process)
    if case.own_process:
        process.end()
    if failed:
        pytest.fail(failed, pytrace=False)  # the script says where, not the runner's code


SWAPPED = cases_for("server")


@pytest.mark.parametrize("case", SWAPPED, ids=[case.id for case in SWAPPED])
async def test_the_server_passes_the_case(case: Case) -> None:
    embedded = await start_embedded()
    try:
        await ServerRole(case, embedded).play()
    except Failed as failure:
        pytest.fail(str(failure), pytrace=False)
    finally:
        await embedded.stop()


def test_every_sdk_of_the_table_is_here_where_all_are_required() -> None:
    if is_required():
        assert [sdk.name for sdk in present()] == list(SDKS)


def test_there_are_cases_for_both_roles_and_each_has_a_sentence_and_a_rule() -> None:
    cases = all_cases()
    assert len(cases) >= 55
    assert len(cases_for("server")) >= 20
    for case in cases:
        assert case.title.endswith("."), case.id
        assert " " in case.title, case.id
        assert case.rule, case.id


def test_what_an_sdk_lacks_is_a_case() -> None:
    known = {case.id for case in all_cases()}
    for sdk in SDKS.values():
        assert set(sdk.lacks) <= known, sdk.name
