"""Pictures of ``benchmarks.real_logs``: what was measured against what was predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.real_logs_rows import Measured
from sim2real.files import atomic_path
from sim2real.identification.responses.flight_state import STEP

MEASURED, OURS, OTHER, GIVEN = "#22313a", "#b0413e", "#2a6f97", "#9aa5ad"
_ARM_PANELS = (("random_waypoints", "Elbow"), ("single_joint_elbow", "Elbow"), ("static_holding", "Pitch"))
_AHEAD = 50  # steps


def draw(found: dict[str, Measured], folder: Path) -> None:
    """One picture for each data set that was measured, and ``real_logs.png`` of all where all were."""
    painters = {"so101": _arm, "servo": _servo, "crazyflie": _drone}
    here = {name: painters[name] for name in painters if name in found}
    for name, paint in here.items():
        _write(folder / f"{name}.png", [(paint, found[name])])
    if len(here) == len(painters):
        _write(folder / "real_logs.png", [(paint, found[name]) for name, paint in here.items()])


def _write(path: Path, rows: list) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(rows), 3, figsize=(13.5, 3.3 * len(rows)), squeeze=False)
    for panels, (paint, measured) in zip(axes, rows, strict=True):
        paint(panels, measured)
        for panel in panels:
            panel.spines[["top", "right"]].set_visible(False)
            panel.tick_params(labelsize=8)
        panels[1].legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=4)
    figure.tight_layout()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
    plt.close(figure)


def _arm(panels, measured: Measured) -> None:
    picture = measured.picture
    for panel, (motion, joint) in zip(panels, _ARM_PANELS, strict=True):
        log, column = picture["logs"][motion], picture["chosen"].joints.index(joint)
        panel.plot(log.time, log.channels[f"command.{joint}"], color=GIVEN, linewidth=0.9, label="command")
        panel.plot(log.time, log.channels[f"position.{joint}"], color=MEASURED, linewidth=1.6, label="measured")
        for name, colour, words in (("simple", OTHER, "dead time, first order"), ("chosen", OURS, "friction and sag")):
            panel.plot(log.time, picture[name].predict(log)[:, column], color=colour, linewidth=0.9, label=words)
        panel.set_title(f"SO-101, {motion.replace('_', ' ')}, {joint}: open loop", fontsize=9)
        panel.set_xlabel("[s]", fontsize=8)
        panel.set_ylabel("[rad]", fontsize=8)


def _servo(panels, measured: Measured) -> None:
    picture = measured.picture
    for panel, k in zip(panels, (0, 9, 15), strict=True):
        log = picture["logs"][k]
        panel.plot(log.time, log.channels["command"], color=GIVEN, linewidth=0.9, label="goal")
        panel.plot(log.time, log.channels["position"], color=MEASURED, linewidth=1.6, label="measured")
        panel.plot(log.time, picture["models"][k].predict(log), color=OURS, linewidth=0.9,
                   label="predicted, this motion never seen")
        panel.set_title(f"XL330, {picture['words'][k].replace('_', ' ')}, kp {log.constants['kp']:g}: open loop",
                        fontsize=9)
        panel.set_xlabel("[s]", fontsize=8)
        panel.set_ylabel("[rad]", fontsize=8)


def _drone(panels, measured: Measured) -> None:
    picture = measured.picture
    for panel, words in zip(panels, ("B2_circle_medium", "B8_star", "B9_trefoil_fast_rep11"), strict=True):
        k = next((k for k, flight in enumerate(picture["flights"]) if words in flight.name), 0)
        flight, ahead = picture["flights"][k], picture["models"][k].predict(picture["flights"][k])[_AHEAD]
        panel.plot(*flight.place[flight.rows, :2].T, color=MEASURED, linewidth=1.2, label="measured")
        starts = np.arange(0, len(ahead.rows), 45)
        end, true = ahead.place[starts], flight.place[ahead.rows[starts] + _AHEAD]
        panel.plot(*np.stack([end, true, np.full_like(end, np.nan)], axis=1).reshape(-1, 3)[:, :2].T, color=OURS,
                   linewidth=1.0, label="predicted (dot), to where it was")
        panel.plot(*end[:, :2].T, ".", color=OURS, markersize=4)
        panel.set_aspect("equal")
        name = Path(flight.name).name.removesuffix(".csv.gz").replace("_", " ")
        panel.set_title(f"Crazyflie, {name}: {_AHEAD * STEP:g} s ahead", fontsize=9)
        panel.set_xlabel("x [m]", fontsize=8)
        panel.set_ylabel("y [m]", fontsize=8)
