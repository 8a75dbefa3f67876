"""What is made of estimates: errors over the prior, coverage, and times to follow, by hand and on a runner."""

import numpy as np
import pytest

from sim2real.deployment.bundle import load_bundle
from sim2real.errors import BadInputError
from sim2real.identification.online.compare import gap_closed
from sim2real.identification.online.following import Estimates, follow, time_to_follow
from sim2real.randomization import RandomizationPlan
from tests.deployment.hand_identifier import PAYLOAD, identifying
from tests.deployment.tiny_policy import build


def made(mean, deviation=0.1, truth=0.0):
    """Estimates of one parameter of one twin, one every 0.1 s."""
    mean = np.asarray(mean, float)[:, None, None]
    return Estimates(0.1 * np.arange(len(mean)), mean, np.full_like(mean, deviation), np.full_like(mean, truth))


def test_errors_are_over_the_deviation_of_a_uniform_prior():
    """A prior on [-1, 1] has a deviation of 1/sqrt(3); an estimate 1/sqrt(3) off is one of them off."""
    estimates = made([1.0, 0.5, 3**-0.5, 0.1])
    assert estimates.error(0.2)[0, 0] == pytest.approx(1.0)
    assert estimates.error(0.29)[0, 0] == pytest.approx(1.0)  # the last one made by then
    assert estimates.error(0.3)[0, 0] == pytest.approx(0.1 * 3**0.5)


def test_intervals_of_90_percent_are_1645_deviations_wide():
    assert made([0.164]).covered(0.0)[0, 0] and not made([0.165]).covered(0.0)[0, 0]


@pytest.mark.parametrize(("after", "expected"), [
    ([0.0, 0.5, 0.95, 1.0, 1.0, 1.0, 1.0, 1.0], 0.2),  # within a tenth of the step from 0.2 s on
    ([0.0, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0], 0.3),  # it has to stay there
    ([0.0] + [1.0] * 7, 0.1),
    ([1.0] * 8, np.inf),  # it was there before: that is not following
    ([0.0] + [-1.0] * 7, np.inf),  # the wrong way
    ([0.0] * 6 + [2.0, 0.0], np.inf),  # it never comes to rest
])
def test_time_to_follow(after, expected):
    """A step of 1 at 0.2 s; the final value is the mean of the last two of eight."""
    estimates = made([0.0, 0.0, *after])
    assert time_to_follow(estimates, 0, 0.2, 1.0, 0.1)[0] == pytest.approx(expected)


def test_share_of_the_gap():
    assert gap_closed({"plain": 0.2, "oracle": 0.7, "up-osi": 0.6}, "up-osi") == pytest.approx(0.8)
    assert np.isnan(gap_closed({"plain": 0.7, "oracle": 0.7, "rma": 0.6}, "rma"))


def test_the_runner_is_followed_through_a_change(tmp_path):
    """Truth steps when it is told to; estimates are the runner's; a twin depends on its own seed alone."""
    leaky_bundle = load_bundle(identifying(tmp_path / "leaky.s2r"))
    plan = RandomizationPlan.default(leaky_bundle.task.space, "training")
    arguments = {"changes": {"payload_mass": 2.0}, "change_at": 0.2, "start": {"payload_mass": 0.0}}
    three = follow(leaky_bundle, "mujoco", plan, np.array([5, 6, 7]), 0.4, **arguments)
    assert three.mean.shape == (11, 3, 2) and (three.deviation > 0.0).all()
    payload = PAYLOAD.from_unit(three.truth[:, :, 0])
    np.testing.assert_allclose(payload, np.where(np.arange(11) < 5, 0.0, 2.0)[:, None] * np.ones(3), atol=1e-12)
    assert np.ptp(three.truth[:, :, 1], axis=0) == pytest.approx(0.0)  # the gain does not change
    alone = follow(leaky_bundle, "mujoco", plan, np.array([6]), 0.4, **arguments)
    np.testing.assert_array_equal(alone.truth[:, 0], three.truth[:, 1])
    np.testing.assert_allclose(alone.mean[:, 0], three.mean[:, 1], atol=1e-6)


def test_a_bundle_that_estimates_nothing_is_refused(tmp_path):
    bundle = load_bundle(build(tmp_path / "p.s2r"))
    with pytest.raises(BadInputError, match="estimates no parameters; train it with --method up-osi"):
        follow(bundle, "mujoco", RandomizationPlan(), np.arange(2), 0.1)
