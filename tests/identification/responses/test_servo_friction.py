"""A servo on a pendulum: the physics by hand, truth recovered, published figures met, motions never seen predicted."""

import json

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.identification.responses.servo_friction import MODELS, UNKNOWNS, Bench, ServoModel, fit_servo, friction
from sim2real.recordings.channel_map import load_channels
from sim2real.recordings.recording import Recording
from tests.identification.responses.data import DATA, needs

TIME = np.arange(0.0, 3.2, 0.005)
BENCH = {"mass": 0.49, "length": 0.1, "kp": 400.0, "vin": 7.4}
TRUTH = {"kt": 0.35, "R": 3.2, "armature": 1.5e-3, "q_offset": 0.01, "friction_viscous": 0.004, "friction_base": 0.012}


def log(goal, start=0.0, active=None, **constants):
    channels = {"command": goal, "position": np.full(len(TIME), start), "active": np.ones(len(TIME))}
    if active is not None:
        channels["active"] = active
    return Recording("made", TIME, channels, constants={**BENCH, **constants})


def terms(**values):
    return {name: values.get(name, 0.0) for name in UNKNOWNS}


def test_a_free_pendulum_swings_with_its_period():
    """Torque off, no friction: 2 pi sqrt((m l^2 + armature) / (m g l)), for a small swing."""
    model = ServoModel("m1", {**TRUTH, "q_offset": 0.0, "friction_viscous": 0.0, "friction_base": 0.0})
    angle = model.predict(log(np.zeros(len(TIME)), start=0.05, active=np.zeros(len(TIME))))
    period = 2 * np.pi * np.sqrt((0.49 * 0.01 + 1.5e-3) / (0.49 * 9.81 * 0.1))
    np.testing.assert_allclose(angle, 0.05 * np.cos(2 * np.pi * TIME / period), atol=1e-3)


def test_it_holds_where_the_duty_bears_the_weight():
    # kt V / R gain kp (goal - q) = m g l sin(q): 0.8094 N m of stall torque, 1.1524 duty/rad at kp 400
    model = ServoModel("m1", {**TRUTH, "q_offset": 0.0, "friction_base": 0.0})
    q = model.predict(log(np.full(len(TIME), 1.0)))[-1]
    duty = 4096 / (2 * np.pi * 256 * 885) * 400 * (1.0 - q)
    assert 0.35 / 3.2 * 7.4 * duty == pytest.approx(0.49 * 9.81 * 0.1 * np.sin(q), rel=1e-3) and duty < 1.0


def test_within_dry_friction_it_does_not_move():
    model = ServoModel("m1", {**TRUTH, "q_offset": 0.0, "friction_base": 0.05})
    # at 0.05 rad the weight is 0.024 N m, below 0.05 N m
    assert (model.predict(log(np.full(len(TIME), 0.05), start=0.05)) == 0.05).all()


@pytest.mark.parametrize(("values", "bound"), [
    ({"friction_base": 0.02, "friction_viscous": 0.01}, 0.02 + 0.01 * 2.0),
    ({"load_friction_motor": 0.1, "load_friction_external": 0.2}, abs(0.2 * -0.3 - 0.1 * 0.5)),
    ({"friction_stribeck": 0.03, "dtheta_stribeck": 1.0, "alpha": 2.0}, 0.03 * np.exp(-4.0)),
    ({"load_friction_motor_stribeck": 0.5, "dtheta_stribeck": 2.0, "alpha": 1.0}, 0.5 * 0.5 * np.exp(-1.0)),
    # the motor (0.5) is stronger than the load (-0.3) that it works against: K_eq tau_e^2
    ({"load_friction_external_quad": 0.01, "dtheta_stribeck": 2.0, "alpha": 1.0}, 0.01 * 0.09 * np.exp(-1.0))])
def test_friction_by_hand(values, bound):
    assert friction(terms(**values), np.array(0.5), np.array(-0.3), np.array(2.0)) == pytest.approx(bound)


def made(seeds, kps=(100.0, 200.0, 400.0, 800.0)):
    """Logs of TRUTH by M1: half driven by waves, half lifted and dropped."""
    logs = []
    for k, seed in enumerate(seeds):
        random = np.random.default_rng(seed)
        goal = 1.2 * np.sin(2 * np.pi * random.uniform(0.3, 0.9) * TIME) * np.sign(random.normal())
        active = None
        if k % 2:
            goal, active = np.full(len(TIME), 1.5), (TIME < 1.5).astype(float)
        each = log(goal, active=active, kp=kps[k % len(kps)])
        each.channels["position"] = ServoModel("m1", TRUTH).predict(each) + 1e-3 * random.normal(size=len(TIME))
        logs.append(each)
    return logs


def test_truth_is_recovered():
    whole, without = fit_servo(made(range(4)), "m1")
    assert len(without) == 4
    for name in ("kt", "R", "armature", "friction_base"):
        assert whole.values[name] == pytest.approx(TRUTH[name], rel=0.1), name
    told = {each.name: each for each in whole.estimates}
    assert told["kt/R"].value == pytest.approx(0.35 / 3.2, rel=0.03)
    assert told["kt^2/R"].value == pytest.approx(0.35**2 / 3.2, rel=0.1)


def test_without_its_firmware_s_gain_kt_and_r_are_not_told():
    """The duty never saturates: kt, R and the gain only enter together, and no number is given for them."""
    logs = [log(0.3 * np.sin(2 * np.pi * f * TIME)) for f in (0.4, 0.7, 1.1)]
    for each in logs:
        each.channels["position"] = ServoModel("m1", TRUTH).predict(each)
    whole, _ = fit_servo(logs, "m3 with fade, loop gain")
    told = {each.name: each for each in whole.estimates}
    for name in ("kt", "R", "loop_gain"):
        assert not told[name].identifiable and told[name].value is None, told[name]


def test_bad_input_is_one_line():
    goal = np.zeros(len(TIME))
    with pytest.raises(BadInputError, match="unknown servo model 'm7'; did you mean"):
        fit_servo([log(goal)] * 2, "m7")
    with pytest.raises(BadInputError, match="at least two groups, to leave one out; got 1"):
        fit_servo([log(goal)] * 2, groups=[3, 3])
    bare = [Recording("bare", TIME, {"command": goal, "position": np.sin(k * TIME)}) for k in (1, 2)]
    with pytest.raises(BadInputError, match="bare: expected a constant mass of the pendulum; it has none"):
        fit_servo(bare)
    with pytest.raises(BadInputError, match="bare: expected a channel command without gaps"):
        ServoModel("m1", TRUTH).predict(Recording("bare", TIME, {"position": goal}, constants=BENCH))


def xl330():
    channels = load_channels("bam_servo")
    return [channels.read(file) for file in sorted((DATA / "servo_pendulum/xl330/processed").glob("*.json"))]


def mean_error(models, logs):
    return np.mean([1e3 * np.abs(model.predict(each) - each.channels["position"]).mean()
                    for model, each in zip(models, logs, strict=True)])


@needs("servo_pendulum")
@pytest.mark.parametrize(("name", "published"), [("m1", 63.5), ("m6", 46.4)])
def test_published_parameters_give_the_published_errors(name, published):
    """Their values in our simulation: the physics are the same."""
    file = DATA / "servo_pendulum/published_params/xl330_2f67dc6" / f"{name}.json"
    theirs = json.loads(file.read_text())
    model = ServoModel(name, {each: theirs[each] for each in MODELS[name]}, Bench(supply=7.4))
    logs = xl330()
    assert mean_error([model] * len(logs), logs) == pytest.approx(published, abs=0.2)


@needs("servo_pendulum")
def test_gains_never_seen_are_predicted_better_than_published():
    logs = xl330()
    groups = np.array([each.constants["kp"] for each in logs])
    _, without = fit_servo(logs, groups=groups)
    unseen = [without[k] for k in np.unique(groups, return_inverse=True)[1]]
    assert mean_error(unseen, logs) < 46.4
