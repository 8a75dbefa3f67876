"""Pictures of an evaluation (matplotlib, written to files, no display)."""

from __future__ import annotations

from pathlib import Path

from sim2real.evaluation.sweep import Curve
from sim2real.files import atomic_path

_COLOURS = ("#b0413e", "#2a6f97", "#5b8e3e", "#7d5ba6")


def plot_sweep(curves: dict[str, list[Curve]], path: str | Path, title: str) -> None:
    """One panel for each parameter: success of each policy along it, the training range shaded.

    Args:
        curves: By policy name, each with the same parameters in the same order.
        path: PNG file to write.
        title: Above the picture.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    curves = _largest_effect_first(curves)
    first = next(iter(curves.values()))
    columns = min(6, len(first))
    rows = -(-len(first) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.35 * columns, 1.95 * rows), squeeze=False, sharey=True)
    for k, panel in enumerate(axes.flat):
        if k >= len(first):
            panel.axis("off")
            continue
        reference = first[k]
        if reference.high > reference.low:
            panel.axvspan(reference.low, reference.high, color="#e8ecef", zorder=0)
        panel.axvline(reference.nominal, color="#9aa5ad", linewidth=0.8, linestyle=":", zorder=1)
        for colour, (name, items) in zip(_COLOURS, curves.items(), strict=False):
            panel.plot(items[k].values, [100 * s for s in items[k].success], "o-", color=colour, markersize=3.5,
                       linewidth=1.6, label=name, clip_on=False, zorder=3)
        panel.set_ylim(0, 100)
        panel.xaxis.set_major_locator(MaxNLocator(3))
        panel.ticklabel_format(axis="x", scilimits=(-3, 4))
        ratio = reference.unit == "1" and reference.parameter.endswith("_scale")
        unit = "ratio to nominal" if ratio else reference.unit
        panel.set_xlabel(f"[{unit}]" if unit != "1" else "", fontsize=8)
        panel.set_title(reference.parameter.replace("_", " "), fontsize=9)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    for row in axes:
        row[0].set_ylabel("success [%]", fontsize=8)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    figure.legend(handles, labels, loc="upper right", ncols=len(labels), fontsize=10, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.99))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")
    plt.close(figure)


def _largest_effect_first(curves: dict[str, list[Curve]]) -> dict[str, list[Curve]]:
    """The same curves, those parameters first along which success of any policy changes most."""
    effect = [max(max(c.success) - min(c.success) for c in column) for column in zip(*curves.values(), strict=True)]
    order = sorted(range(len(effect)), key=lambda k: -effect[k])
    return {name: [items[k] for k in order] for name, items in curves.items()}
