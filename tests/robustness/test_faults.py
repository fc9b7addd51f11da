"""Every fault of the table in its short size: the promises hold, and without a precaution
the run sees that they do not.

The long sizes: ``python tests/robustness/run.py``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import FAULTS
from findings import Fault, Report
from r18_disk_full import NoMounts
from site_of_test import Site

pytestmark = pytest.mark.slow

UNSAFE = [(fault, *next(iter(fault.without.items()))) for fault in FAULTS]
"""The first precaution of each; ``run.py --unsafe`` takes away all of them."""


async def tried(fault: Fault, site: Site) -> Report:
    """The report of a short run."""
    try:
        return await fault.run(site, fault.short)
    except NoMounts as why:
        pytest.skip(f"{fault.fault_id} IS NOT SHOWN HERE, it needs a small tmpfs: {why}")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.fault_id}: {fault.title}")
async def test_what_is_promised_holds(fault: Fault, tmp_path: Path) -> None:
    report = await tried(fault, Site(tmp_path))
    assert report.findings
    assert report.broken == []


@pytest.mark.parametrize(
    ("fault", "without", "what"), UNSAFE, ids=[f"{one[0].fault_id}-{one[1]}" for one in UNSAFE]
)
async def test_a_missing_precaution_is_seen(
    fault: Fault, without: str, what: str, tmp_path: Path
) -> None:
    report = await tried(fault, Site(tmp_path, (without,)))
    assert what in {finding.what for finding in report.broken}, report.findings
