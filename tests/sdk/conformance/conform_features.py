"""The table of features in the SDKs' READMEs: ``python …/conform_features.py [--check]``.

Rows are the features of the cases, columns the SDKs; the suite proves what it says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from conform_cases import Case, all_cases
from conform_sdks import ROOT, SDKS, Sdk, present

BEGIN = "<!-- features: written by tests/sdk/conformance/conform_features.py -->"
END = "<!-- end of features -->"
TITLE = "## What the conformance suite proves"
SUPERSCRIPTS = "¹²³⁴⁵⁶⁷⁸⁹"


def table() -> str:
    """The table, in Markdown, with a note for everything that an SDK does not have."""
    by_feature: dict[str, list[Case]] = {}
    for case in all_cases():
        by_feature.setdefault(case.feature, []).append(case)
    notes: list[str] = []
    sdks = list(SDKS.values())
    lines = [
        f"| cases of the worker stream | {' | '.join(sdk.title for sdk in sdks)} | server |",
        f"|---|{'---|' * len(sdks)}---|",
    ]
    for feature, cases in by_feature.items():
        cells = [_cell(sdk, cases, notes) for sdk in sdks]
        swapped = sum("server" in case.roles for case in cases)
        lines.append(f"| {feature} | {' | '.join(cells)} | {swapped or '–'} |")
    return "\n".join(lines + ([""] if notes else []) + list(_numbered(notes)))


def _cell(sdk: Sdk, cases: list[Case], notes: list[str]) -> str:
    """How many cases an SDK passes, with the numbers of the notes on those it does not."""
    mine = [case for case in cases if "sdk" in case.roles]
    lacking = [case for case in mine if case.id in sdk.lacks]
    marks = ""
    for case in lacking:
        note = f"{sdk.title}: {sdk.lacks[case.id]}."
        if note not in notes:
            notes.append(note)
        marks += SUPERSCRIPTS[notes.index(note)]
    has = len(mine) - len(lacking)
    if not mine:
        return "–"
    return f"{has} of {len(mine)} {marks}" if lacking else str(has)


def _numbered(notes: list[str]) -> Iterator[str]:
    for number, note in enumerate(notes):
        yield f"{SUPERSCRIPTS[number]} {note}"


def section() -> str:
    """The table between its marks."""
    return f"{BEGIN}\n{table()}\n{END}"


def with_section(readme: str) -> str:
    """A README with the table of today; at its end when it has none."""
    if BEGIN not in readme:
        return f"{readme.rstrip()}\n\n{TITLE}\n\n{section()}\n"
    before, _, rest = readme.partition(BEGIN)
    return before + section() + rest.partition(END)[2]


def main() -> int:
    """Write the tables, or say which are old; 0 when all is well."""
    old = []
    for sdk in present():
        path = ROOT / sdk.home / "README.md"
        if not path.exists():
            continue
        now = path.read_text(encoding="utf-8")
        if with_section(now) != now:
            old.append(str(path.relative_to(ROOT)))
            if "--check" not in sys.argv[1:]:
                path.write_text(with_section(now), encoding="utf-8")
    if "--check" in sys.argv[1:] and old:
        print(f"not current: {', '.join(old)}; run {__file__}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
