"""The page about a run: what is in it, and what it must not believe."""

from __future__ import annotations

from findings import Report, percentile, slope
from report import Run, page


def test_a_page_shows_figures_bars_and_verdicts() -> None:
    report = Report()
    report.at_most("p99 <of> it", 7.0, 5.0, "ms")
    report.equal("lost", 0, 0)
    report.note("messages", 12)
    report.series["times, ms"] = [(0, 1.0), (1, 2.0)]
    seen = {"a lock": True, "a limit": False}
    runs = [Run("R99", "a fault", 3.0, report, seen=seen), Run("R98", "x", 0.0, None, "no disk")]
    text = page("A run", runs)
    assert "p99 &lt;of&gt; it" in text
    assert "7 ms" in text
    assert "≤ 5 ms" in text
    assert "<td class='broken'>broken</td>" in text
    assert "Not tried: no disk" in text
    assert text.count("<svg") == 1
    assert "<td>without a lock</td><td class='held'>seen</td>" in text
    assert "<td>without a limit</td><td class='broken'>not seen</td>" in text


def test_a_figure_is_held_to_its_bar() -> None:
    report = Report()
    report.at_most("at the bar", 5.0, 5.0)
    report.at_most("never", float("inf"), 5.0)
    report.equal("other", [1], [])
    assert [one.what for one in report.broken] == ["never", "other"]


def test_percentiles_and_slopes() -> None:
    assert percentile(range(1, 101), 0.99) == 99
    assert percentile([3.0], 0.5) == 3.0
    assert percentile([], 0.5) == float("inf")
    assert slope([(0, 1.0), (10, 6.0), (20, 11.0)]) == 0.5
    assert slope([(1, 1.0)]) == 0.0
