"""Both domains' features before and after alignment, as points in a plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim2real.files import atomic_path

_COLOURS = ("#b0413e", "#2a6f97")
_MOST_POINTS = 400  # of a domain


def plot_domains(panels: dict[str, tuple[np.ndarray, np.ndarray]], path: str | Path, *, way: str = "pca",
                 seed: int = 0) -> None:
    """One panel for each pair of feature sets, simulated (n, f) and real (m, f), in their own plane.

    Args:
        panels: By title.
        path: PNG file to write.
        way: "pca" (linear: what it shows apart is apart) or "tsne" (neighbourhoods: shows clusters, not distances).
        seed: Which images are drawn.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 4.4), squeeze=False)
    for panel, (title, sides) in zip(axes[0], panels.items(), strict=True):
        random = np.random.default_rng(seed)
        sides = [side[random.permutation(len(side))[:_MOST_POINTS]] for side in sides]
        plane = PLANES[way](np.concatenate(sides).astype(float))
        order = random.permutation(len(plane))  # so that no domain lies on top
        colours = np.repeat(_COLOURS, [len(side) for side in sides])
        panel.scatter(*plane[order].T, c=colours[order], s=7, alpha=0.6, linewidths=0)
        panel.set_title(title, fontsize=10)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[["top", "right"]].set_visible(False)
    for name, colour in zip(("simulated", "real"), _COLOURS, strict=True):
        axes[0][0].scatter([], [], c=colour, s=20, label=name)
    figure.legend(loc="lower center", ncols=2, frameon=False, fontsize=10)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")
    plt.close(figure)


def pca(x: np.ndarray) -> np.ndarray:
    """The two directions of largest variance, (n, 2)."""
    x = x - x.mean(0)
    _, _, axes = np.linalg.svd(x, full_matrices=False)
    return x @ axes[:2].T


def tsne(x: np.ndarray, perplexity: float = 30.0, steps: int = 500) -> np.ndarray:
    """Exact t-SNE (van der Maaten & Hinton 2008, "Visualizing data using t-SNE") of x (n, f), (n, 2), begun from PCA.

    P from Gaussians whose width gives each point about ``perplexity`` neighbours; Q from Student's t; gradient
    4 sum_j (p_ij - q_ij)(y_i - y_j) / (1 + |y_i - y_j|^2), with momentum, gains and early exaggeration as published.
    """
    p = _neighbours(x, min(perplexity, (len(x) - 1) / 3.0))
    y = pca(x)
    y *= 1e-4 / max(1e-12, y.std())
    velocity, gain = np.zeros_like(y), np.ones_like(y)
    rate = max(len(x) / 48.0, 50.0)  # learning rate n / exaggeration / 4 (Belkina et al. 2019)
    for step in range(steps):
        t = 1.0 / (1.0 + _squared(y))
        np.fill_diagonal(t, 0.0)
        pull = ((12.0 if step < 150 else 1.0) * p - t / t.sum()) * t
        gradient = 4.0 * (pull.sum(1)[:, None] * y - pull @ y)
        gain = np.where(np.sign(gradient) != np.sign(velocity), gain + 0.2, np.maximum(0.8 * gain, 0.01))
        velocity = (0.5 if step < 150 else 0.8) * velocity - rate * gain * gradient
        y = y + velocity
    return y


PLANES = {"pca": pca, "tsne": tsne}


def _neighbours(x: np.ndarray, perplexity: float) -> np.ndarray:
    """Symmetric p_ij (n, n) that sum to 1; each row's width by bisection on its entropy."""
    distance = _squared(x)
    np.fill_diagonal(distance, np.inf)
    distance -= distance.min(1, keepdims=True)
    low, high = np.full((len(x), 1), 1e-12), np.full((len(x), 1), 1e12)
    for _ in range(60):
        beta = np.sqrt(low * high)
        p = np.exp(-distance * beta)
        p /= p.sum(1, keepdims=True)
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(1, keepdims=True)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, beta, low), np.where(wide, high, beta)
    return np.maximum((p + p.T) / (2.0 * len(x)), 1e-12)


def _squared(x: np.ndarray) -> np.ndarray:
    square = (x**2).sum(1)
    return np.maximum(square[:, None] + square[None, :] - 2.0 * x @ x.T, 0.0)
