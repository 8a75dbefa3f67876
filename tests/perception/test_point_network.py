"""The network's geometry is the camera's, and it learns from renders."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sim2real.perception.kuka_renders import Renders  # noqa: E402
from sim2real.perception.point_network import PointNetwork  # noqa: E402
from sim2real.perception.point_training import PointConfig, align, predict, train  # noqa: E402
from sim2real.simulators.scenes.kuka_scene import CAMERA, CUBE_HEIGHT  # noqa: E402

CAMERA_48 = CAMERA.resized(64, 48)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return PointNetwork(CAMERA_48, CUBE_HEIGHT, (-0.88, 0.0))


def map_points(pixels):
    """Points of a map in [-1, 1] of pixels over width and height: cells' centres are -1 and 1 at the ends."""
    cells = np.array([16, 12])
    return torch.tensor((pixels * cells - 0.5) / (cells - 1) * 2 - 1, dtype=torch.float32)


def test_points_of_a_map_become_the_points_of_the_plane_that_the_camera_sees_there(network):
    places = np.array([[-0.6, 0.3], [-1.0, -0.2], [-1.2, 0.0]])
    pixels = CAMERA_48.project(np.concatenate([places, np.full((3, 1), CUBE_HEIGHT)], axis=1)) / [64, 48]
    assert torch.allclose(network.on_plane(map_points(pixels)), torch.tensor(places, dtype=torch.float32), atol=1e-4)


def test_the_horizon_gives_no_infinity(network):
    above = network.on_plane(torch.tensor([[0.0, -3.0], [0.0, -1.0]]))
    assert torch.isfinite(above).all() and above.abs().max() <= 3.0


def test_attention_loss_is_least_for_a_map_that_is_bright_at_the_thing(network):
    at = torch.tensor([[0.53125, 0.625]])  # the middle of column 8 and of row 7
    right, wrong = torch.zeros(1, 12, 16), torch.zeros(1, 12, 16)
    right[0, 7, 8], wrong[0, 2, 3] = 5.0, 5.0
    flat = network.attention_loss(torch.zeros(1, 12, 16), at)
    assert flat == pytest.approx(np.log(12 * 16), rel=1e-5)
    assert network.attention_loss(right, at) < flat < network.attention_loss(wrong, at)


def squares(count, seed, noise=20):
    """Pictures of a white square on grey, and where it is: what a render is to the network."""
    random = np.random.default_rng(seed)
    places = np.stack([random.uniform(-1.15, -0.6, count), random.uniform(-0.35, 0.35, count)], axis=1)
    pixels = CAMERA_48.project(np.concatenate([places, np.full((count, 1), CUBE_HEIGHT)], axis=1))
    images = random.integers(60, 60 + noise, (count, 48, 64, 3)).astype(np.uint8)
    for image, (u, v) in zip(images, pixels, strict=True):
        image[int(v) - 2:int(v) + 3, int(u) - 2:int(u) + 3] = 240
    return Renders(images, places, pixels / [64, 48])


def test_it_learns_to_find_a_square_and_alignment_keeps_that(network):
    trained = train(network, squares(192, 0), PointConfig(epochs=10, batch_size=16, effects=False))
    test = squares(64, 1)
    mean = np.linalg.norm(test.positions - test.positions.mean(0), axis=1).mean()
    error = np.linalg.norm(predict(trained, test.images) - test.positions, axis=1).mean()
    assert error < 0.25 * mean
    steps = []
    aligned = align(trained, squares(64, 2), squares(64, 3), test.images, PointConfig(epochs=1, learning_rate=2e-4),
                    steps.append)
    assert len(steps) == (64 + 64) // 16 and aligned is not trained  # renders and pasted ones, in batches of 16
    assert np.linalg.norm(predict(aligned, test.images) - test.positions, axis=1).mean() < 0.35 * mean


def test_the_same_seed_trains_the_same_network():
    def once():
        torch.manual_seed(1)
        return train(PointNetwork(CAMERA_48, CUBE_HEIGHT, (-0.88, 0.0)), squares(32, 0), PointConfig(epochs=1, seed=3))

    one, two = once(), once()
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
