"""The table of faults: a row for each that ``test_faults.py`` and ``run.py`` try."""

from __future__ import annotations

import d2_durable_observer
import d3_hostile_frames
import d4_slow_worker
import d5_soak
import r05_hook_hangs
import r06_worker_killed
import r07_hook_garbage
import r08_half_open
import r09_reader_stops
import r10_idle_subscriptions
import r11_subscribe_cancel
import r13_provider_outage
import r15_poison_event
import r16_two_bots
import r17_clock_jumps
import r18_disk_full
import r19_fuzz
from findings import Fault

FAULTS: tuple[Fault, ...] = (
    r05_hook_hangs.FAULT,
    r06_worker_killed.FAULT,
    r07_hook_garbage.FAULT,
    r08_half_open.FAULT,
    r09_reader_stops.FAULT,
    r10_idle_subscriptions.FAULT,
    r11_subscribe_cancel.FAULT,
    r13_provider_outage.FAULT,
    r15_poison_event.FAULT,
    r16_two_bots.FAULT,
    r17_clock_jumps.FAULT,
    r18_disk_full.FAULT,
    r18_disk_full.FAULT_OF_LOG,
    r19_fuzz.FAULT,
    d2_durable_observer.FAULT,
    d3_hostile_frames.FAULT,
    d4_slow_worker.FAULT,
    d5_soak.FAULT,
)

STORES = ("sqlite", "postgres")
"""Where faults are tried."""

NOT_ABOUT_THE_STORE = {
    "R08": "streams that die: nothing is stored or read meanwhile",
    "R10": "subscriptions that are idle: they read nothing",
    "R11": "subscriptions that come and go: what they may leave is in the process",
}
"""Faults that are tried on SQLite alone, and why."""

OWN_ON_POSTGRES = ("R18", "R18L")
"""Faults that come about in another way there, or there only."""


def stores_of(fault: Fault) -> tuple[str, ...]:
    """The stores that a fault is tried on."""
    if fault is r18_disk_full.FAULT_OF_LOG:
        return STORES[1:]
    return STORES[:1] if fault.fault_id in NOT_ABOUT_THE_STORE else STORES
