"""Points in a plane: PCA by hand, t-SNE by what it must keep together."""

import numpy as np
import pytest
from PIL import Image

from sim2real.adaptation.picture import pca, plot_domains, tsne


def test_pca_by_hand():
    # along (3, 4) with values -10, 0, 10, nothing else
    x = np.outer([-2.0, 0.0, 2.0], [3.0, 4.0, 0.0]) + 7.0
    plane = pca(x)
    assert np.abs(plane[:, 0]) == pytest.approx([10.0, 0.0, 10.0], abs=1e-9)
    assert plane[:, 1] == pytest.approx(0.0, abs=1e-9)


def test_tsne_keeps_clusters_together():
    random = np.random.default_rng(0)
    centres = random.normal(size=(3, 20)) * 10.0
    x = np.concatenate([centre + random.normal(size=(30, 20)) for centre in centres])
    plane = tsne(x, perplexity=10.0, steps=300)
    distance = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (distance.argmin(1) // 30 == np.arange(90) // 30).all()
    middles = plane.reshape(3, 30, 2).mean(1)
    spread = np.linalg.norm(plane.reshape(3, 30, 2) - middles[:, None], axis=2).mean()
    assert np.linalg.norm(middles[0] - middles[1]) > 3 * spread


@pytest.mark.parametrize("way", ["pca", "tsne"])
def test_a_picture_is_written(tmp_path, way):
    random = np.random.default_rng(0)
    sides = random.normal(size=(40, 5)), random.normal(size=(30, 5)) + 2.0
    plot_domains({"before": sides, "after": sides}, tmp_path / "a.png", way=way)
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert picture.shape[1] > 2 * 400 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
