"""Workers of several languages side by side, at a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from conform_process import Changes, Observation, WorkerProcess
from conform_sdks import Sdk, present
from server_process import KEY

Workers = Callable[[Sdk], list[str]]
Handlers = list[dict[str, Any]]
LANGUAGES = ("python", "go", "typescript")
PATIENCE_SECONDS = 30.0


@asynccontextmanager
async def side_by_side(
    commands: Workers, address: str, handlers: Callable[[str], Handlers]
) -> AsyncIterator[dict[str, WorkerProcess]]:
    """A worker for each language, one after the other, each with the handlers of its language."""
    sdks = {sdk.name: sdk for sdk in present()}
    made = {name: WorkerProcess(commands(sdks[name])) for name in LANGUAGES}
    try:
        for name, process in made.items():
            process.start()
            process.tell(
                {
                    "do": "start",
                    "case": "together",
                    "address": address,
                    "key": KEY,
                    "handlers": handlers(name),
                }
            )
            await seen(process, saw="attached")
        yield made
    finally:
        for process in made.values():
            if hasattr(process, "process"):
                process.end()


async def seen(process: WorkerProcess, **what: Any) -> Observation:
    """Wait until a worker has said this."""
    changes = Changes()
    process.listener = changes.ring_from_thread

    def look() -> Observation | None:
        return next((one for one in process.said if what.items() <= one.what.items()), None)

    found: Observation | None = await changes.wait(look, PATIENCE_SECONDS)
    assert found is not None, process.words()
    process.listener = None
    return found
