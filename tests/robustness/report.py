"""One page about a run: what was done, the figures beside their bars, the verdicts, plots."""

from __future__ import annotations

import io
from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import NamedTuple

from findings import Finding, Report, Series
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; color: #222 }
table { border-collapse: collapse; width: 100%; margin: .5em 0 1em }
th, td { text-align: left; padding: .25em .6em; border-bottom: 1px solid #ddd }
td { vertical-align: top; overflow-wrap: anywhere }
.held { color: #176f2c } .broken { color: #b3261e; font-weight: bold }
figure { margin: 0 0 1em } svg { max-width: 100%; height: auto }
"""
INCHES = (8.0, 1.8)


class Run(NamedTuple):
    """A fault that was tried."""

    fault_id: str
    title: str
    seconds: float
    report: Report | None
    """None: it could not be tried here."""
    why: str = ""
    """Why not."""
    seen: Mapping[str, bool] = MappingProxyType({})
    """Precaution that was taken away → whether its run saw what it prevents."""

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.report is None:
            return "not tried"
        return "broken" if self.report.broken else "held"


def page(title: str, runs: list[Run]) -> str:
    """The whole page, which needs no other file."""
    rows = "".join(
        f"<tr><td><a href='#{run.fault_id}'>{run.fault_id}</a></td><td>{escape(run.title)}</td>"
        f"<td>{run.seconds:.0f} s</td><td class='{run.verdict}'>{run.verdict}</td></tr>"
        for run in runs
    )
    parts = "".join(_section(run) for run in runs)
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style><h1>{escape(title)}</h1>"
        f"<table><tr><th></th><th>fault</th><th>took</th><th>verdict</th></tr>{rows}</table>"
        f"{parts}</html>"
    )


def _section(run: Run) -> str:
    head = f"<h2 id='{run.fault_id}'>{run.fault_id}: {escape(run.title)}</h2>"
    if run.report is None:
        return f"{head}<p>Not tried: {escape(run.why)}</p>"
    rows = "".join(_row(one) for one in run.report.findings)
    table = f"<table><tr><th></th><th>measured</th><th>bar</th><th></th></tr>{rows}</table>"
    plots = "".join(_plot(name, series) for name, series in run.report.series.items() if series)
    return head + table + _without(run.seen) + plots


def _without(seen: Mapping[str, bool]) -> str:
    if not seen:
        return ""
    rows = "".join(
        f"<tr><td>without {escape(name)}</td>"
        f"<td class='{'held' if found else 'broken'}'>{'seen' if found else 'not seen'}</td></tr>"
        for name, found in seen.items()
    )
    return f"<table>{rows}</table>"


def _row(finding: Finding) -> str:
    verdict = ("held" if finding.held else "broken") if finding.bar else ""
    cells = "".join(f"<td>{escape(one)}</td>" for one in finding[:3])
    return f"<tr>{cells}<td class='{verdict}'>{verdict}</td></tr>"


def _plot(name: str, series: Series) -> str:
    figure = Figure(figsize=INCHES, layout="tight")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.plot([x for x, _ in series], [y for _, y in series], linewidth=0.8)
    axes.set_ylim(bottom=0)
    axes.set_title(name, fontsize=9, loc="left")
    axes.tick_params(labelsize=7)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    _, tag, drawing = out.getvalue().partition("<svg")  # without the head of an XML file
    return f"<figure>{tag}{drawing}</figure>"
