"""Plots as SVG text: the same numbers give the same bytes, and the page needs no script and no network.

Text stays text (the reader's own fonts show Chinese), and nothing from the data is read as mathematics or markup.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from tasks.core.report import Report

INK, QUIET, GRID = "#1f2933", "#7b8794", "#e4e7eb"
COLOURS = ("#2f6f8f", "#e08e45", "#6a994e", "#a44a3f", "#7d6b91", "#c9b458", "#4d908e", "#577590")
# Measured with the font that matplotlib brings (so the bytes do not hang on a machine's fonts), shown in the reader's.
FONTS = "Inter, 'Helvetica Neue', Arial, 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
FAMILY = re.compile(r'(<text style="[^"]*?font-family: )[^;"]+')  # within a tag: text from data has no < of its own
# What repeats in every plot and says nothing; names of parts would come twice on a page with two plots.
NOISE = re.compile(r"<metadata>.*?</metadata>|<style .*?</style>|(?<=<g) id=\"[\w.]+\"", re.DOTALL)
STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "instructflow", "font.family": "DejaVu Sans", "font.size": 10,
    "text.parse_math": False, "text.color": INK, "axes.labelcolor": QUIET, "axes.edgecolor": GRID,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "grid.color": GRID,
    "xtick.color": QUIET, "ytick.color": INK, "axes.titlesize": 11, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "legend.frameon": False, "figure.facecolor": "none", "axes.facecolor": "none",
}  # fmt: skip
WIDTH = 5.6  # inches; a page scales it, so less is larger text
MOST_BARS = 24
LABEL_CHARS = 32


@contextmanager
def _axes(title: str, height: float) -> Iterator[Any]:
    """Axes to draw on; afterwards their label is the SVG."""
    import logging
    import warnings

    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # a font that is missing here is the reader's
    with mpl.rc_context(cast(Any, STYLE)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.set_title(title)
        yield axes
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = NOISE.sub("", text.getvalue()[text.getvalue().index("<svg") :])
    axes.set_label(FAMILY.sub(rf"\1{FONTS}", svg))


def bars(title: str, counts: dict[str, float]) -> str:
    """Horizontal bars in the given order, each with its number; beyond `MOST_BARS` the rest is one bar."""
    shown = dict(list(counts.items())[:MOST_BARS])
    if rest := list(counts.values())[MOST_BARS:]:
        shown[f"{len(rest)} more"] = sum(rest)
    with _axes(title, 0.5 + 0.25 * max(1, len(shown))) as axes:
        names = [_label(name) for name in shown]
        drawn = axes.barh(range(len(names)), list(shown.values()), color=COLOURS[0], height=0.7)
        axes.bar_label(drawn, labels=[_number(v) for v in shown.values()], padding=3, color=QUIET, fontsize=9)
        axes.set_yticks(range(len(names)), names)
        _bars_only(axes)
    return str(axes.get_label())


def funnel(title: str, rows: list[tuple[str, int]]) -> str:
    """The rows that are left after each step, from top to bottom, centred."""
    most = max((n for _, n in rows), default=1) or 1
    with _axes(title, 0.8 + 0.34 * max(1, len(rows))) as axes:
        axes.barh(range(len(rows)), [n for _, n in rows], left=[-n / 2 for _, n in rows], color=COLOURS[0], height=0.74)
        for place, (_, n) in enumerate(rows):
            inside = n > 0.2 * most
            axes.text(0 if inside else n / 2 + most * 0.01, place, f"{n:,}", va="center", fontsize=9,
                      ha="center" if inside else "left", color="white" if inside else QUIET)  # fmt: skip
        axes.set_yticks(range(len(rows)), [_label(name) for name, _ in rows])
        _bars_only(axes)
        axes.spines["left"].set_visible(False)
    return str(axes.get_label())


def lines(title: str, series: dict[str, list[tuple[float, float]]], x: str = "step", y: str = "") -> str:
    """One line a series of (x, y) points."""
    with _axes(title, 3.2) as axes:
        for place, (name, points) in enumerate(series.items()):
            style = {"color": COLOURS[place % len(COLOURS)], "linewidth": 1.6, "markersize": 3}
            axes.plot(*zip(*points, strict=True), label=_label(name), marker="o" if len(points) < 40 else None, **style)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        if series:
            axes.legend(fontsize=9)
    return str(axes.get_label())


def intervals(title: str, values: dict[str, tuple[float, float, float]], zero: bool = True) -> str:
    """One dot a name with its interval: (mean, low, high); a line at 0 where that means no difference."""
    with _axes(title, 0.9 + 0.4 * max(1, len(values))) as axes:
        for place, (mean, low, high) in enumerate(values.values()):
            axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=2.4, solid_capstyle="round")
            axes.plot([mean], [place], "o", color=COLOURS[0], markersize=6)
        if zero:
            axes.axvline(0, color=QUIET, linewidth=1, linestyle=(0, (3, 3)))
        axes.set_yticks(range(len(values)), [_label(name) for name in values])
        axes.set_ylim(len(values) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
    return str(axes.get_label())


def dots(title: str, names: tuple[str, ...], values: dict[str, tuple[float, ...]]) -> str:
    """Some dots a name on one scale from 0, joined by a line: `names` says what the first is, the second, …"""
    with _axes(title, 1.1 + 0.28 * max(1, len(values))) as axes:
        for place, ends in enumerate(values.values()):
            axes.plot((min(ends), max(ends)), [place, place], color=GRID, linewidth=3, zorder=1)
        for end, name in enumerate(names):
            of_end = [ends[end] for ends in values.values()]
            axes.plot(of_end, range(len(values)), "o", color=COLOURS[end], markersize=6, label=_label(name), zorder=2)
        axes.set_yticks(range(len(values)), [_label(name) for name in values])
        axes.set_ylim(len(values) - 0.5, -0.5)
        axes.set_xlim(0, 1.06 * max((end for ends in values.values() for end in ends), default=1))
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.figure.legend(loc="outside lower right", ncols=len(names), fontsize=9)
    return str(axes.get_label())


def _bars_only(axes: Any) -> None:
    """Top to bottom, without a scale: each bar has its number, or its length says enough."""
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _in_order(counts: dict[str, int]) -> dict[str, float]:
    """Numbers by size (2 before 10), all else as it is."""
    if not all(map(str.isdecimal, counts)):
        return {**counts}
    return dict(sorted(counts.items(), key=lambda item: int(item[0])))


def _label(name: Any) -> str:
    text = " ".join(str(name).split()) or "(empty)"
    return text if len(text) <= LABEL_CHARS else f"{text[: LABEL_CHARS - 1]}…"


def _number(value: float) -> str:
    return f"{value:,.3g}" if isinstance(value, float) else f"{value:,}"


def step_plots(report: Report) -> dict[str, str]:
    """The plots of one step's report, by title: what its ledger says, how its rows spread, how its model learned."""
    plots = {}
    events = {
        f"{action}: {reason}": n for action, reasons in report.ledger.items() for reason, n in sorted(reasons.items())
    }
    if events:
        plots["ledger"] = bars(
            f"{report.step}: what happened to rows", dict(sorted(events.items(), key=lambda e: -e[1]))
        )
    for name, counts in report.counts.items():
        if len(counts) > 1:
            plots[name] = bars(f"{report.step}: rows by {name.replace('_', ' ')}", _in_order(counts))
    history = report.measures.get("history")
    if isinstance(history, list) and history:
        keys = [key for key in ("train_loss", "val_loss") if any(point.get(key) is not None for point in history)]
        series = {k: [(p["step"], p[k]) for p in history if p.get(k) is not None] for k in keys}
        plots["loss"] = lines(f"{report.step}: loss", series, y="nats per answer token")
    return plots
