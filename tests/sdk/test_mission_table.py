"""The table of the documents' examples is true: every example has a row, every test exists."""

from __future__ import annotations

import re
from pathlib import Path

from mission_runner import EXAMPLES

HERE = Path(__file__).parent
ROW = re.compile(r"^\| (\d{3}) \| (.+?)(?: \((\d+)\))? \| (.+) \|$", re.M)
TABLE = ROW.findall((HERE / "mission_examples.md").read_text(encoding="utf-8"))
TESTS = {
    name
    for path in HERE.glob("test_*.py")
    for name in re.findall(r"^\s*(?:async )?def (test_\w+)", path.read_text("utf-8"), re.M)
}


def test_every_example_has_a_row_with_a_test() -> None:
    tested = {
        (document, heading, int(number or 1))
        for document, heading, number, where in TABLE
        if where.startswith("`test_")
    }
    assert set(EXAMPLES) <= tested


def test_every_test_in_the_table_exists() -> None:
    named = {name for *_, where in TABLE for name in re.findall(r"`(test_\w+)`", where)}
    assert named <= TESTS


def test_every_other_row_says_what_it_is_left_for() -> None:
    for *_, where in TABLE:
        assert where.startswith(("`test_", "later: ", "not: ")), where
        assert len(where) > len("later: ")
