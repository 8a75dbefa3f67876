import numpy as np
import pytest

from sim2real.parameters import ParameterSpace
from sim2real.simulators.effects import CommandEffects
from tests.simulators import tiny

ROBOT = tiny.turntable()
SPACE = ParameterSpace.for_robot(ROBOT)


def commands(stream, n=1, seed=0, **parameters):
    """What arrives of a stream of one number per period, (steps, n), and its dead times (steps, n)."""
    effects = CommandEffects(SPACE, n, 1, seed)
    effects.reset(np.arange(n), np.zeros((n, 1)))
    values = SPACE.batch(n, parameters)
    got = [effects.apply(np.full((n, 1), float(u)), values, np.full(n, k)) for k, u in enumerate(stream)]
    return np.array([c[:, 0] for c, _ in got]), np.array([d for _, d in got])


def test_nothing_happens_by_default():
    got, delay = commands([1, 2, 3])
    assert got[:, 0].tolist() == [1, 2, 3]
    assert not delay.any()


def test_share_of_dropped_commands():
    got, _ = commands(np.arange(1, 201), n=50, command_drop_probability=0.1)
    lost = got != np.arange(1, 201)[:, None]
    assert lost.mean() == pytest.approx(0.1, abs=0.01)
    steps, sims = np.nonzero(lost[1:])
    assert np.all(got[1:][steps, sims] == got[:-1][steps, sims])  # the last one stays in force


def test_backlash_is_a_play_of_its_width():
    """Half of the play is lost on the way up, all of it at the turn, nothing while the far side is not pushed."""
    got, _ = commands([0.0, 1.0, 0.9, 0.7, 0.5, 0.0], backlash=0.4)
    np.testing.assert_allclose(got[:, 0], [0.0, 0.8, 0.8, 0.8, 0.7, 0.2])


def test_jitter_is_uniform_on_top_of_the_delay():
    _, delay = commands(np.zeros(400), n=20, actuator_delay=0.01, control_jitter=0.02)
    assert delay.min() >= 0.01
    assert delay.max() <= 0.03
    assert delay.mean() == pytest.approx(0.02, abs=2e-4)
    assert delay.std() == pytest.approx(0.02 / np.sqrt(12), rel=0.03)
    assert len(np.unique(delay)) == delay.size


def test_identities_name_the_random_streams():
    first, second = (CommandEffects(SPACE, 2, 1, 0) for _ in range(2))
    second.identify(np.array([1, 0]))
    values = SPACE.batch(2, {"control_jitter": 0.02})
    a = first.apply(np.zeros((2, 1)), values, np.zeros(2, int))[1]
    b = second.apply(np.zeros((2, 1)), values, np.zeros(2, int))[1]
    assert a.tolist() == b[::-1].tolist()
