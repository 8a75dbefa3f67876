"""The pictures of an identification's report, as matplotlib figures."""

from __future__ import annotations

import numpy as np

from sim2real.identification.offline.estimation import Estimate
from sim2real.identification.offline.problem import Problem

_BEFORE, _AFTER, _MEASURED = "#b0413e", "#2a6f97", "#1d2a33"
_MOST_PANELS = 6


def _figure(width: float, height: float):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def intervals(problem: Problem, estimate: Estimate):
    """Each parameter's interval inside its range, by shares of the range."""
    figure = _figure(8.5, 0.7 + 0.27 * len(estimate.names))
    axes, rows = figure.subplots(), np.arange(len(estimate.names))[::-1]
    axes.barh(rows, 1.0, height=0.62, color="#e8ecef")
    axes.plot(problem.to_unit(problem.nominal), rows, "|", color="#9aa5ad", markersize=11, label="nominal")
    for told, face in ((True, _AFTER), (False, "white")):
        some = estimate.identifiable == told
        axes.hlines(rows[some], problem.to_unit(estimate.low)[some], problem.to_unit(estimate.high)[some],
                    color=_AFTER, linewidth=2.2)
        axes.plot(problem.to_unit(estimate.value)[some], rows[some], "o", color=_AFTER, markerfacecolor=face,
                  markersize=5, label="identified" if told else "not told")
    axes.set_yticks(rows, estimate.names, fontsize=8)
    axes.set_xticks([0.0, 1.0], ["lowest", "highest"], fontsize=8)
    axes.set_xlim(-0.02, 1.02)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    figure.legend(loc="outside upper right", ncols=3, fontsize=8, frameon=False)
    return figure


def correlations(estimate: Estimate):
    """The correlation of the errors of each pair."""
    count = len(estimate.names)
    figure = _figure(3.4 + 0.3 * count, 2.2 + 0.3 * count)
    axes = figure.subplots()
    image = axes.imshow(estimate.correlation, cmap="RdBu", vmin=-1.0, vmax=1.0)
    axes.set_xticks(range(count), estimate.names, rotation=60, ha="right", fontsize=8)
    axes.set_yticks(range(count), estimate.names, fontsize=8)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    figure.colorbar(image, ax=axes, shrink=0.7, label="correlation of errors")
    return figure


def predictions(judge: Problem, before: np.ndarray, after: np.ndarray):
    """Measured against predicted positions in the first piece that was held out, open loop."""
    return _panels(judge, "measured and predicted", [
        (judge.measured, _MEASURED, "measured"), (before, _BEFORE, "nominal"), (after, _AFTER, "identified")])


def residuals(judge: Problem, before: np.ndarray, after: np.ndarray):
    """Measured minus predicted, the same piece."""
    return _panels(judge, "measured minus predicted", [
        (judge.measured - before, _BEFORE, "nominal"), (judge.measured - after, _AFTER, "identified")])


def _panels(judge: Problem, title: str, curves: list[tuple[np.ndarray, str, str]]):
    labels = judge.labels
    places = judge.robot.num_joints if judge.robot.kind == "arm" else 3
    shown = [channel for channel in range(places) if (labels.channel == channel).any()][:_MOST_PANELS]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = _figure(8.5, 0.5 + 1.75 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for panel in grid.flat[len(shown):]:
        panel.axis("off")
    for panel, channel in zip(grid.flat, shown, strict=False):
        some = np.flatnonzero((labels.channel == channel) & (labels.piece == labels.piece[0]))
        some = some[np.argsort(labels.lead[some])]
        for values, colour, name in curves:
            panel.plot(labels.lead[some], values[some], color=colour, linewidth=1.3, label=name)
        panel.set_title(judge.channels[channel].partition(".")[2].replace("_", " "), fontsize=8)
        panel.tick_params(labelsize=7)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in grid[-1]:
        panel.set_xlabel("time from the start [s]", fontsize=8)
    unit = "rad" if judge.robot.kind == "arm" else "m"
    figure.supylabel(f"{title} [{unit}]", fontsize=8)
    handles, names = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=3, fontsize=8, frameon=False)
    return figure
