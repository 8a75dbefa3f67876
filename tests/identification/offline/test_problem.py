"""The problem: what is compared, in which units, and what its numbers mean."""

import numpy as np
import pytest

from sim2real.errors import BadInputError, ParameterError
from sim2real.identification.offline.problem import make_problem
from sim2real.recordings.recording import Recording
from sim2real.robots import load_robot
from tests.identification.twins import DELAY, record_arm

UR5E = load_robot("ur5e")
NAMES = ("payload_mass", "stiffness_scale", "joint_friction_scale")


@pytest.fixture(scope="module")
def recording():
    return record_arm(UR5E, {"payload_mass": 2.0})


@pytest.fixture(scope="module")
def both(recording):
    problem, judge, _ = make_problem([recording], UR5E, NAMES, held_out=0.3, horizon=1.0, threads=1)
    yield problem, judge
    problem.close()
    judge.close()


def test_every_measurement_has_a_place(both, recording):
    problem, judge = both
    assert problem.predict(problem.nominal).shape == (1, len(problem.measured))
    labels = problem.labels
    for k in (0, 57, len(problem.measured) - 1):
        channel, row = problem.channels[labels.channel[k]], labels.time[k] / 0.004
        rows = np.arange(round(row - 0.5 * (problem.cut.every - 1)), round(row + 0.5 * (problem.cut.every - 1)) + 1)
        assert problem.measured[k] == pytest.approx(recording.channels[channel][rows].mean(), abs=1e-12)
    # the first 70 % to fit, the rest to judge; both keep their times
    assert labels.time.max() <= 0.7 * 6.0 < judge.labels.time.min()


def test_noise_is_that_of_the_sensors(both):
    problem, _ = both
    position = problem.labels.channel < 6
    assert problem.cut.every == 2
    assert problem.sigma[position] == pytest.approx(1e-4 / np.sqrt(2), rel=0.2)
    assert problem.sigma[~position] == pytest.approx(2e-3 / np.sqrt(2), rel=0.2)


def test_shares_of_the_range_go_there_and_back(both):
    problem, _ = both
    assert problem.log.tolist() == [False, True, True]
    shares = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [1.0, 1.0, 1.0]])
    values = problem.from_unit(shares)
    assert values[0] == pytest.approx(problem.low) and values[2] == pytest.approx(problem.high)
    assert values[1] == pytest.approx([2.0, np.sqrt(problem.low[1] * problem.high[1]), 1.0])  # friction: 0.4 to 2.5
    assert problem.to_unit(values) == pytest.approx(shares)


def test_known_values_hold_and_a_part_is_the_same_question(recording):
    known, _, _ = make_problem([recording], UR5E, ["stiffness_scale"], horizon=1.0, threads=1,
                               fixed={"payload_mass": 2.0, **DELAY})
    other, _, _ = make_problem([recording], UR5E, ["stiffness_scale"], horizon=1.0, threads=1, fixed=DELAY)
    part = known.part(np.array([1, 3]))
    whole = known.predict(1.0)[0][np.isin(known.labels.piece, [1, 3])]
    assert part.predict(1.0)[0] == pytest.approx(whole, abs=1e-12)

    def miss(p):
        return float(np.sqrt(np.mean(((p.predict(1.0)[0] - p.measured) / p.sigma) ** 2)))
    assert miss(known) < 2.5 < 10.0 < miss(other)
    for p in (known, other, part):
        p.close()


def test_missing_values_are_left_out_and_counted_nowhere(recording):
    channels = dict(recording.channels)
    channels["position.elbow_joint"] = channels["position.elbow_joint"].copy()
    channels["position.elbow_joint"][400:450] = np.nan
    problem, _, _ = make_problem([Recording("gaps", recording.time, channels)], UR5E, NAMES, horizon=1.0, threads=1)
    elbow, shoulder = ((problem.labels.channel == k).sum() for k in (2, 1))
    assert np.isfinite(problem.measured).all() and shoulder - elbow == 25
    problem.close()


@pytest.mark.parametrize(("names", "words"), [
    (["payload_mas"], "did you mean payload_mass"), (["joint_position_noise"], "cannot be identified by replaying"),
    (["external_force_x"], "cannot be identified"), ([], "at least one parameter"), (["x_*"], "unknown parameter")])
def test_names_that_cannot_be_identified(recording, names, words):
    with pytest.raises(ParameterError, match=words):
        make_problem([recording], UR5E, names)


def test_patterns_and_the_default_set(recording):
    problem, _, _ = make_problem([recording], UR5E, ["joint_damping_scale.*", "default"], threads=1)
    assert problem.names[:6] == tuple(f"joint_damping_scale.{joint}" for joint in UR5E.joint_names)
    assert len(set(problem.names)) == len(problem.names) and "actuator_delay" in problem.names


def test_bad_shares_and_horizons(recording):
    with pytest.raises(BadInputError, match="held-out share"):
        make_problem([recording], UR5E, NAMES, held_out=1.0)
    with pytest.raises(BadInputError, match="without a gap has 6.00 s"):
        make_problem([recording], UR5E, NAMES, horizon=30.0)
