"""The picture of a loop (matplotlib, written to a file, no display)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim2real.files import atomic_path

_PRIOR, _FOUND, _TWIN = "#e8ecef", "#2a6f97", "#b0413e"


def plot_loop(summary: dict, path: str | Path) -> None:
    """What was found of each parameter, and success on the twin before, after, and with the truth.

    Args:
        summary: What ``run_loop`` returns.
        path: PNG file to write.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10.0, 3.6), gridspec_kw={"width_ratios": [1.6, 1.0]})
    rows = summary["identified"][-1]
    for k, row in enumerate(rows):
        low, high = row["prior"]

        def place(value, low=low, high=high):
            return (value - low) / (high - low)

        left.barh(k, 1.0, color=_PRIOR, height=0.7)
        left.plot([place(row["low90"]), place(row["high90"])], [k, k], color=_FOUND, linewidth=5, solid_capstyle="butt")
        left.plot(place(row["mean"]), k, "o", color="white", markeredgecolor=_FOUND, markersize=6)
        left.plot(place(row["truth"]), k, "|", color=_TWIN, markersize=18, markeredgewidth=2.5)
        unit = "" if row["unit"] == "1" else row["unit"]
        left.text(1.01, k, f"{low:.3g} to {high:.3g} {unit}", va="center", fontsize=7)
    left.set_yticks(range(len(rows)), [row["name"].replace("_", " ") for row in rows], fontsize=8)
    left.invert_yaxis()
    left.set_xticks([])
    left.set_title("grey: prior, blue: 90 % of the posterior, red: the twin", fontsize=9, loc="left")
    left.spines[:].set_visible(False)
    names = [row["policy"] for row in summary["rows"]]
    rates = 100 * np.array([row["success_rate"] for row in summary["rows"]])
    low, high = 100 * np.array([row["success_interval"] for row in summary["rows"]]).T
    right.bar(names, rates, color=[_TWIN, *[_FOUND] * (len(names) - 2), "#9aa5ad"][:len(names)], width=0.6)
    right.errorbar(names, rates, [np.maximum(rates - low, 0.0), np.maximum(high - rates, 0.0)], fmt="none",
                   color="black", capsize=3, linewidth=1)
    for name, rate in zip(names, rates, strict=True):
        right.text(name, 3, f"{rate:.1f}", ha="center", fontsize=9, color="white")
    right.set_ylim(0, 105)
    right.set_ylabel("success on the twin [%]", fontsize=8)
    right.tick_params(labelsize=8)
    right.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{summary['task']}, {summary['method']}: one robot that nobody described (simulation)",
                    fontsize=10, x=0.01, ha="left")
    figure.tight_layout()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")
    plt.close(figure)
