"""Pictures of the corridor benchmark: flights from above, and what the camera sees in training and in the test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim2real.files import atomic_path
from sim2real.perception.flight import Flown
from sim2real.simulators.scenes.corridor_boxes import slots
from sim2real.simulators.scenes.corridors import Corridors

_COLORS = {"randomized": "#2a6f97", "plain": "#b0413e"}
_FACES = {"pillar": "#8a8f94", "furniture": "#d9cdb8"}
_WALL = "#3b4046"
_GAP = 4  # [pixels] between views


def write_flights(path: Path, corridors: Corridors, flown: list[Flown], methods: list[str]) -> None:
    """Paths of one flight of each method in each corridor, with a cross where it hit something."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = 3
    rows = -(-len(corridors) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4.2 * columns, 2.7 * rows), squeeze=False)
    for k, panel in enumerate(axes.flat):
        panel.axis("off")
        if k >= len(corridors):
            continue
        panel.set_aspect("equal")
        _draw_boxes(panel, corridors, k)
        for i, method in enumerate(methods):
            path_here = flown[k].paths[:, i]
            path_here = path_here[np.isfinite(path_here[:, 0])]
            panel.plot(*path_here.T, color=_COLORS[method], linewidth=1.4,
                       label=f"{method}: {flown[k].distance[i]:.1f} m")
            if flown[k].crashed[i]:
                panel.plot(*path_here[-1], "x", color=_COLORS[method], markersize=7, markeredgewidth=2)
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, fontsize=8, frameon=False)
        low, high = corridors.line[k].min(axis=0) - 4.0, corridors.line[k].max(axis=0) + 4.0
        panel.set_xlim(low[0], high[0])
        panel.set_ylim(low[1], high[1])
    figure.tight_layout()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


def _draw_boxes(panel, corridors: Corridors, k: int) -> None:
    from matplotlib.patches import Polygon

    square = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) / 2.0
    for (_, group), centre, size, yaw in zip(slots(), corridors.centre[k], corridors.size[k], corridors.yaw[k],
                                             strict=True):
        if centre[2] < -1.0 or group in ("floor", "ceiling", "door", "board"):
            continue
        c, s = np.cos(yaw), np.sin(yaw)
        corners = (square * size[:2]) @ np.array([[c, s], [-s, c]]) + centre[:2]
        # an edge as well: walls are thinner than a pixel
        panel.add_patch(Polygon(corners, color=_FACES.get(group, _WALL), linewidth=0.8))


def write_views(path: Path, rows: list[np.ndarray], times: int = 2) -> None:
    """A contact sheet: rows of pictures (n, h, w, 3) uint8, each enlarged so many times, with a gap between rows."""
    import cv2

    lines = []
    for pictures in rows:
        large = pictures.repeat(times, axis=1).repeat(times, axis=2)
        padded = np.pad(large, ((0, 0), (0, _GAP), (0, _GAP), (0, 0)), constant_values=255)
        lines.append(np.concatenate(list(padded), axis=1))
    sheet = np.concatenate(lines)[:-_GAP, :-_GAP]
    with atomic_path(path) as temporary:
        Path(temporary).write_bytes(cv2.imencode(".png", sheet[:, :, ::-1])[1].tobytes())
