"""Random numbers: uniform, independent, and a function of their key alone."""

import numpy as np
import pytest

from sim2real import rng

STREAMS = sorted(rng.STREAMS)


def ks_distance(sample: np.ndarray) -> float:
    """Kolmogorov-Smirnov distance of a sample to the uniform distribution, times sqrt(n); 1.95 is the 0.1 % level."""
    x, n = np.sort(sample), len(sample)
    return float(max((np.arange(1, n + 1) / n - x).max(), (x - np.arange(n) / n).max()) * np.sqrt(n))


def draw(size=1, seed=0, sims=1, counter=0, stream="episode"):
    return rng.uniform(seed, np.arange(sims), counter, stream, size)


VARIED = {
    "columns": lambda: draw(size=20_000)[0],
    "simulations": lambda: draw(sims=20_000)[:, 0],
    "counters": lambda: rng.uniform(0, np.zeros(20_000, int), np.arange(20_000), "step", 1)[:, 0],
    "counters far apart": lambda: rng.uniform(0, np.zeros(20_000, int), np.arange(20_000) << 40, "step", 1)[:, 0],
    "seeds": lambda: np.array([draw(seed=s)[0, 0] for s in range(5_000)]),
}


@pytest.mark.parametrize("along", VARIED)
def test_uniform_along_every_word_of_the_key(along):
    u = VARIED[along]()
    assert 0.0 < u.min() and u.max() < 1.0
    assert ks_distance(u) < 1.95
    counts = np.bincount((u * 50).astype(int), minlength=50)
    expected = len(u) / 50
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert 23.0 < chi_square < 85.4  # 0.1 % and 99.9 % of chi-square with 49 degrees of freedom


@pytest.mark.parametrize("along", VARIED)
def test_successive_numbers_are_independent(along):
    u = VARIED[along]()
    pairs = np.bincount((u[:-1] * 10).astype(int) * 10 + (u[1:] * 10).astype(int), minlength=100)
    expected = (len(u) - 1) / 100
    assert ((pairs - expected) ** 2 / expected).sum() < 161.0  # 99.99 % of chi-square with 99 degrees of freedom


def test_streams_seeds_and_simulations_are_uncorrelated():
    rows = [draw(size=20_000, stream=s)[0] for s in STREAMS]
    rows += [draw(size=20_000, seed=s)[0] for s in range(1, 5)]
    rows += list(draw(size=20_000, sims=5)[1:])
    correlation = np.corrcoef(rows) - np.eye(len(rows))
    assert np.abs(correlation).max() < 5.0 / np.sqrt(20_000)


def test_every_stream_has_a_number_of_its_own():
    assert len(set(rng.STREAMS.values())) == len(rng.STREAMS)


def test_a_number_depends_on_its_key_alone():
    wide = rng.uniform(3, np.arange(300), np.arange(300) + 7, "sensor", 9)
    some = np.array([5, 299, 17])
    np.testing.assert_array_equal(rng.uniform(3, some, some + 7, "sensor", 9), wide[some])
    np.testing.assert_array_equal(rng.uniform(3, some, some + 7, "sensor", 4), wide[some, :4])
    np.testing.assert_array_equal(rng.uniform(3, some, some + 7, "sensor", np.array([8, 2])), wide[some][:, [8, 2]])
    assert not np.isin(rng.uniform(4, some, some + 7, "sensor", 9), wide).any()


def test_numbers_never_change_between_versions():
    # an experiment's seed must mean the same tomorrow: worked with Python integers from SplitMix64's definition
    mask, golden = 2**64 - 1, 0x9E3779B97F4A7C15

    def mix(z):
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return z ^ (z >> 31)

    key = mix((5 * golden + rng.STREAMS["goal"] + 1) & mask)
    key = mix((key + 11 * golden) & mask)
    key = mix((key + 2 * golden) & mask)
    expected = ((mix((key + 4 * golden) & mask) >> 11) + 0.5) * 2.0**-53
    assert rng.uniform(5, np.array([11]), 2, "goal", 4)[0, 3] == expected


def test_normal_is_standard_normal():
    z = rng.normal(0, np.arange(20_000), 3, "sensor", 3)
    assert z.shape == (20_000, 3)
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=4 / np.sqrt(20_000))
    np.testing.assert_allclose(z.std(axis=0), 1.0, atol=4 / np.sqrt(40_000))
    assert (np.abs(np.corrcoef(z.T) - np.eye(3)) < 4 / np.sqrt(20_000)).all()
    # uniform by its own distribution function
    from statistics import NormalDist
    assert ks_distance(np.array([NormalDist().cdf(x) for x in z[:5_000, 2]])) < 1.95


def test_normal_does_not_depend_on_the_number_of_simulations():
    np.testing.assert_array_equal(rng.normal(1, np.arange(100), 5, "sensor", 6)[40:43],
                                  rng.normal(1, np.arange(40, 43), 5, "sensor", 6))


@pytest.mark.parametrize("seed", [0, -1, 2**31, 2**63 - 1, np.int64(7)])
def test_any_seed_and_negative_identities(seed):
    u = rng.uniform(seed, np.array([-1, 0, 2**62]), 0, "push", 2)
    assert len(np.unique(u)) == 6
