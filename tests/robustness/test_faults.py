"""Every fault of the table in its short size: the promises hold, and without a precaution
the run sees that they do not.

The long sizes: ``python tests/robustness/run.py``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from faults import FAULTS, OWN_ON_POSTGRES, STORES, stores_of
from findings import Fault, Report
from r18_disk_full import NoMounts
from site_of_test import Site

pytestmark = pytest.mark.slow

TRIED = [(fault, store) for store in STORES for fault in FAULTS if store in stores_of(fault)]
UNSAFE = [
    (fault, *next(iter(fault.without.items())), store)
    for fault, store in TRIED
    if store == "sqlite" or fault.fault_id in OWN_ON_POSTGRES
]
"""The first precaution of each; ``run.py --unsafe`` takes away all of them. One run is enough
to see it, but where the run is another on PostgreSQL.
"""


async def tried(fault: Fault, site: Site) -> Report:
    """The report of a short run."""
    try:
        return await fault.run(site, fault.short)
    except NoMounts as why:
        pytest.skip(f"{fault.fault_id} IS NOT SHOWN HERE, it needs a small tmpfs: {why}")


@pytest.mark.parametrize(
    ("fault", "site"),
    TRIED,
    indirect=["site"],
    ids=[f"{fault.fault_id}: {fault.title}, on {store}" for fault, store in TRIED],
)
async def test_what_is_promised_holds(fault: Fault, site: Site) -> None:
    report = await tried(fault, site)
    assert report.findings
    assert report.broken == []


@pytest.mark.parametrize(
    ("fault", "without", "what", "site"),
    UNSAFE,
    indirect=["site"],
    ids=[f"{fault.fault_id}-{without}-{store}" for fault, without, _, store in UNSAFE],
)
async def test_a_missing_precaution_is_seen(
    fault: Fault, without: str, what: str, site: Site
) -> None:
    report = await tried(fault, replace(site, without=(without,)))
    assert what in {finding.what for finding in report.broken}, report.findings
