"""Runs the documents' examples as they are printed.

An example is the text of a fenced block in ``mission/NNN.txt``. It is compiled as it stands, with
``await`` allowed at the top, and runs statement by statement in a dictionary of names: what it
does not define itself must be in there. Between two statements a test may act (make a room on the
kit that the example just made, send the message that a comment speaks of …).
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "mission"
BLOCK = re.compile(r"^## (?P<heading>[^\n]+)\n\n```python\n(?P<code>.*?)\n```$", re.M | re.S)

Names = dict[str, Any]
Act = Callable[[Names], Awaitable[None]]


def examples() -> dict[tuple[str, str, int], str]:
    """Every example by document, heading and number under its heading."""
    found: dict[tuple[str, str, int], str] = {}
    for path in sorted(FOLDER.glob("*.txt")):
        for match in BLOCK.finditer(path.read_text(encoding="utf-8")):
            number = 1
            while (path.stem, match["heading"], number) in found:
                number += 1
            found[path.stem, match["heading"], number] = match["code"]
    return found


EXAMPLES = examples()
RAN: set[tuple[str, str, int]] = set()


async def run(
    names: Names,
    document: str,
    heading: str,
    number: int = 1,
    *,
    before: Mapping[str, Act] | None = None,
) -> Names:
    """Run an example; its names afterwards.

    Args:
        names: What it finds; gets what it defines.
        document: Which document.
        heading: The heading it stands under.
        number: Which block under that heading.
        before: Beginning of a statement → what to do before it runs.
    """
    RAN.add((document, heading, number))
    code = EXAMPLES[document, heading, number]
    where = f"mission/{document}.txt: {heading}"
    acts = dict(before or {})
    for statement in ast.parse(code).body:
        text = ast.get_source_segment(code, statement) or ""
        for beginning in [one for one in acts if text.startswith(one)]:
            await acts.pop(beginning)(names)
        part = compile(
            ast.Module([statement], []), where, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True
        )
        outcome = eval(part, names)
        if inspect.iscoroutine(outcome):
            await outcome
    assert not acts, f"the example has no statement that begins with {list(acts)}"
    return names
