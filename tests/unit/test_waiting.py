"""The room's lock."""

from __future__ import annotations

import asyncio
import random

import pytest

from roomd_server.core.waiting import FifoLock


async def test_it_is_handed_on_in_the_order_of_asking() -> None:
    lock, order = FifoLock(), []

    async def enter(number: int) -> None:
        async with lock:
            order.append(number)
            await asyncio.sleep(0)

    lock.take()
    tasks = [asyncio.create_task(enter(number)) for number in range(20)]
    await asyncio.sleep(0)
    lock.release()
    assert not lock.free, "it belongs to the next one already: nobody can slip in"
    await asyncio.gather(*tasks)
    assert order == list(range(20))
    assert lock.free


async def test_who_gives_up_waiting_is_passed_over() -> None:
    lock = FifoLock()
    lock.take()
    first, second = (asyncio.create_task(lock.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    lock.release()
    await second
    lock.release()
    assert lock.free


async def test_who_is_cancelled_with_the_lock_in_hand_hands_it_on() -> None:
    lock = FifoLock()
    lock.take()
    first, second = (asyncio.create_task(lock.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    lock.release()
    first.cancel()  # it was woken, and has not run yet
    with pytest.raises(asyncio.CancelledError):
        await first
    await second
    lock.release()
    assert lock.free


async def test_no_two_hold_it_whatever_is_cancelled_when() -> None:
    lock, inside, chance = FifoLock(), [0], random.Random(7)

    async def enter() -> None:
        async with lock:
            inside[0] += 1
            assert inside[0] == 1
            try:
                await asyncio.sleep(chance.choice((0, 0.001)))
            finally:
                inside[0] -= 1

    tasks = [asyncio.create_task(enter()) for _ in range(300)]
    for task in tasks:
        if chance.random() < 0.4:
            task.cancel()
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert not [one for one in outcomes if isinstance(one, AssertionError)]
    assert lock.free
