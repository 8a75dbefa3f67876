"""Banks of random numbers and the places in them."""

from statistics import NormalDist

import numpy as np
import pytest

from sim2real.randomization.image_noise import Draws, normal_bank, uniform_bank


def test_the_banks_are_what_they_are_called(ks):
    normal, uniform = normal_bank(1000), uniform_bank(1000)
    assert ks(np.asarray(normal, float)[::7], np.vectorize(NormalDist().cdf)) < 2.0
    assert normal.dtype == uniform.dtype == np.float32
    assert ks(np.asarray(uniform, float)) < 2.0
    assert normal.mean() == pytest.approx(0.0, abs=0.01) and normal.std() == pytest.approx(1.0, abs=0.01)
    assert uniform.min() >= 0.0 and uniform.max() < 1.0
    shifted = [np.corrcoef(normal[:-k], normal[k:])[0, 1] for k in (1, 3, 288, 65536)]
    assert np.abs(shifted).max() < 0.015


def test_banks_are_read_only_and_a_longer_one_begins_alike():
    with pytest.raises(ValueError, match="read-only"):
        normal_bank(1000)[0] = 1.0
    np.testing.assert_array_equal(normal_bank(200_000)[:100_000], normal_bank(1000)[:100_000])


def test_every_place_has_room_for_a_run():
    n = 50_000
    (start, other), (sign, _) = Draws(0, np.arange(n), np.zeros(n, int)).places("x", 2)
    assert abs(np.corrcoef(start, other)[0, 1]) < 0.02
    assert start.min() >= 0 and start.max() + 1000 <= len(normal_bank(1000)) and len(np.unique(start)) > 0.8 * n / 1.3
    assert set(sign) == {-1.0, 1.0} and abs(sign.mean()) < 0.02


def test_numbers_depend_on_seed_identity_counter_and_purpose():
    def draw(seed=1, identity=2, counter=3, purpose="x"):
        return Draws(seed, np.array([identity]), np.array([counter])).uniform(purpose, np.array([0]), 3).tolist()

    assert draw() == draw()
    assert len({tuple(draw(**change)[0]) for change in (
        {}, {"seed": 2}, {"identity": 3}, {"counter": 4}, {"purpose": "y"})}) == 5
