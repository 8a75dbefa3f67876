"""A picture of an excitation: positions, velocities and efforts under their limits, and the tool's path in its box."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim2real.files import atomic_path
from sim2real.identification.excitation.limits import ExcitationLimits
from sim2real.kinematics import Chain

_COLOURS = ("#b0413e", "#2a6f97", "#5b8e3e", "#7d5ba6", "#c98b2b", "#3f8f8a", "#8a8a8a")
_INK, _SHADE = "#9aa5ad", "#e8ecef"


def draw(path: str | Path, limits: ExcitationLimits, time: np.ndarray, command: np.ndarray) -> None:
    """Write a PNG of a stream (T, J) [rad] at times (T,) [s]."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    robot, period = limits.robot, float(time[1] - time[0])
    velocity = np.gradient(command, period, axis=0)
    acceleration = np.gradient(velocity, period, axis=0)
    bounds = limits.command
    centre, half = 0.5 * (bounds.high + bounds.low), 0.5 * (bounds.high - bounds.low)
    some = slice(None, None, max(1, round(0.01 / period)))
    effort = limits.efforts(limits.motion(command[some], velocity[some], acceleration[some]))
    figure = plt.figure(figsize=(11, 7))
    grid = figure.add_gridspec(4, 2, width_ratios=(1.7, 1.0))
    panels = [("position", time, (command - centre) / half), ("velocity", time, velocity / bounds.velocity),
              ("acceleration", time, acceleration / bounds.acceleration), ("effort", time[some], effort)]
    for row, (name, at, used) in enumerate(panels):
        axes = figure.add_subplot(grid[row, 0])
        for i, joint in enumerate(robot.joint_names):
            axes.plot(at, 100 * used[:, i], color=_COLOURS[i % len(_COLOURS)], linewidth=0.9, label=joint)
        for bound in (-100, 100) if name != "effort" else (100,):
            axes.axhline(bound, color=_INK, linewidth=0.9, linestyle="--")
        axes.set_ylim(-112 if name != "effort" else 0, 112)
        axes.set_ylabel(f"{name} [%]", fontsize=8)
        _plain(axes)
        if row < len(panels) - 1:
            axes.set_xticklabels([])
    axes.set_xlabel("time [s]", fontsize=8)
    tool = Chain.from_robot(robot).forward(command[some])[0]
    for row, (i, k, names) in enumerate(((0, 1, "from above"), (0, 2, "from the side"))):
        axes = figure.add_subplot(grid[2 * row:2 * row + 2, 1])
        low, high = limits.low, limits.high
        axes.add_patch(plt.Rectangle(low[[i, k]], *(high - low)[[i, k]], facecolor=_SHADE, edgecolor=_INK,
                                     linestyle="--", linewidth=0.9))
        axes.plot(tool[:, i], tool[:, k], color=_COLOURS[1], linewidth=0.9)
        axes.plot(*tool[0, [i, k]], "o", color=_COLOURS[0], markersize=4)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_title(f"the tool's path {names}, its box; red: home", fontsize=8)
        axes.set_xlabel("x [m]", fontsize=8)
        axes.set_ylabel(f"{'xyz'[k]} [m]", fontsize=8)
        _plain(axes)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.suptitle(f"{robot.name}: excitation, in % of the limits", fontsize=11, x=0.01, ha="left")
    figure.tight_layout(rect=(0, 0.03, 1, 0.99))
    figure.legend(handles, labels, loc="lower left", ncols=len(labels), fontsize=8, frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    plt.close(figure)


def _plain(axes) -> None:
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
