"""The tables of features in the SDKs' READMEs are what the cases say."""

from __future__ import annotations

import pytest
from conform_features import BEGIN, table, with_section
from conform_sdks import ROOT, SDKS, Sdk, is_required, present


@pytest.mark.parametrize("sdk", present(), ids=lambda sdk: sdk.name)
def test_the_table_of_a_readme_is_current(sdk: Sdk) -> None:
    path = ROOT / sdk.home / "README.md"
    readme = path.read_text(encoding="utf-8") if path.exists() else ""
    if BEGIN not in readme and not is_required():
        pytest.skip(f"the README of {sdk.title} has no table yet: run conform_features.py")
    assert with_section(readme) == readme, "run tests/sdk/conformance/conform_features.py"


def test_the_table_says_what_an_sdk_does_not_have() -> None:
    text = table()
    assert all(reason in text for sdk in SDKS.values() for reason in sdk.lacks.values())
    assert text.count("¹") == 2


def test_an_old_table_is_written_anew() -> None:
    old = f"# SDK\n\n{BEGIN}\nold\n<!-- end of features -->\nafter\n"
    assert with_section(old) == f"# SDK\n\n{BEGIN}\n{table()}\n<!-- end of features -->\nafter\n"
    assert with_section("# SDK\n").endswith("<!-- end of features -->\n")
