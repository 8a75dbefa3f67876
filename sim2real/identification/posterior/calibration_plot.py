"""Pictures of posteriors and their calibration (matplotlib, written to files, no display)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import stats

from sim2real.files import atomic_path
from sim2real.identification.posterior.calibration import BINS, LEVELS, Calibration

_COLOURS = ("#2a6f97", "#b0413e", "#5b8e3e", "#7d5ba6")


def plot_calibration(found: dict[str, Calibration], path: str | Path) -> None:
    """For each method the ranks of every parameter, and how often intervals hold the truth.

    Args:
        found: By the method's name.
        path: PNG file to write.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = max(len(c.names) for c in found.values())
    figure, axes = plt.subplots(len(found), columns + 1, figsize=(1.9 * columns + 3.2, 2.3 * len(found)),
                                squeeze=False, gridspec_kw={"width_ratios": [1.0] * columns + [1.5]})
    for row, colour, (method, calibration) in zip(axes, _COLOURS, found.items(), strict=False):
        for k, name in enumerate(calibration.names):
            _ranks(row[k], calibration.rank[:, k], colour)
            row[k].set_title(f"{name.replace('_', ' ')}\n{calibration.verdicts[name]}", fontsize=8)
        for k in range(len(calibration.names), columns):
            row[k].axis("off")
        row[0].set_ylabel(f"{method}\nlogs", fontsize=9)
        _coverage(row[-1], calibration, colour)
    figure.suptitle("Simulation-based calibration: share of the posterior below the truth (band: 99 % of a uniform "
                    "one), and coverage of intervals", fontsize=10, x=0.01, ha="left")
    figure.tight_layout()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")
    plt.close(figure)


def _ranks(panel, rank: np.ndarray, colour: str) -> None:
    low, high = stats.binom.interval(0.99, len(rank), 1.0 / BINS)
    panel.axhspan(low, high, color="#e8ecef", zorder=0)
    panel.hist(rank, BINS, range=(0.0, 1.0), color=colour, alpha=0.85, rwidth=0.92)
    panel.set_xticks([0.0, 0.5, 1.0])
    panel.tick_params(labelsize=7)
    panel.spines[["top", "right"]].set_visible(False)


def _coverage(panel, calibration: Calibration, colour: str) -> None:
    panel.plot([0, 100], [0, 100], ":", color="#9aa5ad", linewidth=1.0)
    share = np.linspace(0.02, 0.98, 49)
    for k in range(len(calibration.names)):
        panel.plot(100 * share, [100 * calibration.coverage(x)[k] for x in share], color=colour, alpha=0.3, linewidth=1)
    panel.plot([100 * x for x in LEVELS], [100 * calibration.coverage_of_all(x) for x in LEVELS], "o", color=colour)
    panel.set_xlabel("interval [%]", fontsize=8)
    panel.set_ylabel("truths inside [%]", fontsize=8)
    panel.tick_params(labelsize=7)
    panel.spines[["top", "right"]].set_visible(False)
