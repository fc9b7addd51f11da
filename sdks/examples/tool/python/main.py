"""Tool: the weather, for every AI of the server.

The server checks each call against the tool's schema, so that `execute` gets what it describes:
a call with anything else is refused before it comes here. An AI calls it as this program does.
"""

import asyncio
import os
from typing import Any
from uuid import uuid4

from roomd import RoomKit, Tool, ValidationFailedError

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


class Weather(Tool):
    """Says what the weather is."""

    name = f"weather-{uuid4()}"
    description = "The weather of a city"
    parameters = SCHEMA

    async def execute(self, arguments: dict[str, Any]) -> str:
        """Look out of the window."""
        print(f"asked: the weather in {arguments['city']}")
        return f"sunny in {arguments['city']}"


async def main() -> None:
    """Show it."""
    address = os.environ.get("ROOMD_ADDRESS", "127.0.0.1:7777")
    async with RoomKit(address, api_key=os.environ.get("ROOMD_API_KEY", "")) as kit:
        weather = Weather()
        kit.register_tool(weather)
        answer = await kit.call_tool(weather.name, {"city": "Paris"})
        print(f"the AI reads: {answer.text}")
        try:
            await kit.call_tool(weather.name, {"city": 3})
        except ValidationFailedError as error:
            print(f"refused: {next(iter(error.violations))}")


asyncio.run(main())
