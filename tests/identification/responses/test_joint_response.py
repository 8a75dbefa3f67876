"""Responses of joints: truth recovered from made logs, what is not determined named, real arms predicted."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.identification.responses import joint_response
from sim2real.identification.responses.gravity import GravityLoad
from sim2real.identification.responses.joint_response import ResponseModel, fit_response
from sim2real.recordings.channel_map import load_channels
from sim2real.recordings.recording import Recording
from sim2real.robots import load_robot
from tests.identification.responses.data import DATA, needs

JOINTS = ("pan", "lift")
ROBOT_JOINTS = ("shoulder_pan", "shoulder_lift")
TIME = np.arange(400) * 0.02


def load():
    return GravityLoad(load_robot("so101"), ROBOT_JOINTS)


def made(truth, seeds, noise=2e-4, joints=JOINTS):
    """Logs of joints that answer by ``truth`` (ResponseModel) to smooth commands and steps."""
    logs = []
    for seed in seeds:
        random = np.random.default_rng(seed)
        channels = {}
        for joint in joints:
            waves = sum(random.uniform(0.1, 0.3) * np.sin(2 * np.pi * f * TIME + random.uniform(0, 6))
                        for f in random.uniform(0.1, 0.8, 3))
            channels[f"command.{joint}"] = waves + 0.3 * (np.sin(2 * np.pi * 0.23 * TIME + seed) > 0)
            channels[f"position.{joint}"] = np.full(len(TIME), channels[f"command.{joint}"][0])
        log = Recording(f"log {seed}", TIME, channels)
        answer = truth.predict(log) + noise * random.normal(size=(len(TIME), len(joints)))
        for joint, column in zip(joints, answer.T, strict=True):
            channels[f"position.{joint}"] = column
        logs.append(log)
    return logs


def test_first_order_is_the_exponential():
    values = {"dead_time": np.array([0.04]), "time_constant": np.array([0.1]), "offset": np.array([0.0])}
    command = np.ones(len(TIME))
    log = Recording("step", TIME, {"command.a": command, "position.a": np.zeros(len(TIME))})
    found = ResponseModel(("a",), "first order", values, 0.02).predict(log)[:, 0]
    # it starts at once (the command before the log is the first one), so only the lag is seen: 1 - exp(-t / 0.1)
    np.testing.assert_allclose(found, 1.0 - np.exp(-TIME / 0.1), atol=1e-9)


def test_dead_time_moves_the_answer():
    values = {"dead_time": np.array([0.06]), "time_constant": np.array([0.005]), "offset": np.array([0.02])}
    command = np.where(TIME >= 1.0, 1.0, 0.0)
    log = Recording("step", TIME, {"command.a": command, "position.a": np.zeros(len(TIME))})
    found = ResponseModel(("a",), "first order", values, 0.02).predict(log)[:, 0]
    assert found[52] == pytest.approx(0.02, abs=1e-3)  # 1.04 s: a ramp from the row before arrives, not yet
    assert found[56] > 0.95 and found[-1] == pytest.approx(1.02, abs=1e-3)


def test_friction_sticks_within_its_band_and_gravity_sags():
    values = {name: np.array([value]) for name, value in (
        ("dead_time", 0.0), ("time_constant", 0.02), ("compliance", 0.0), ("friction", 0.03))}
    log = Recording("ramp", TIME, {"command.a": np.minimum(0.05 * TIME, 0.2), "position.a": np.zeros(len(TIME))})
    still = ResponseModel(("a",), "first order with friction", values, 0.02, GravityLoad(load_robot("so101"), (
        "shoulder_pan",))).predict(log)[:, 0]
    assert (still[TIME < 0.6] == 0.0).all()  # 0.03 rad at 0.05 rad/s
    assert still[-1] == pytest.approx(0.2 - 0.03, abs=1e-3)
    values.update(compliance=np.array([0.08]), friction=np.array([0.0]))
    arm = GravityLoad(load_robot("so101"), ("shoulder_lift",))
    sagged = ResponseModel(("a",), "first order with friction", values, 0.02, arm).predict(log)[-1, 0]
    assert sagged == pytest.approx(0.2 + 0.08 * arm.torque(np.array([[sagged]]))[0, 0], abs=1e-3)


def test_truth_is_recovered_and_what_is_not_told_is_named():
    truth = ResponseModel(JOINTS, "first order with friction", {
        "dead_time": np.array([0.035, 0.05]), "time_constant": np.array([0.07, 0.05]),
        "compliance": np.array([0.06, 0.09]), "friction": np.array([0.012, 0.02])}, 0.02, load())
    found = fit_response(made(truth, range(3)), load(), ["first order with gravity", "first order with friction"])
    assert found.structure == "first order with friction"
    for name in ("dead_time", "time_constant", "friction"):
        np.testing.assert_allclose(found.values[name], truth.values[name], rtol=0.05, err_msg=name)
    assert found.values["compliance"][1] == pytest.approx(0.09, rel=0.05)
    told = {(joint, each.name): each for joint, many in found.estimates.items() for each in many}
    assert told["lift", "compliance"].identifiable and told["pan", "friction"].identifiable
    assert told["lift", "compliance"].low < 0.09 < told["lift", "compliance"].high or (
        told["lift", "compliance"].value == pytest.approx(0.09, rel=0.02))
    pan = told["pan", "compliance"]  # the vertical axis: gravity tells nothing of it
    assert not pan.identifiable and pan.value is None and (pan.low, pan.high) == (0.0, 0.2)


def test_the_structure_is_chosen_by_logs_left_out():
    truth = ResponseModel(("a",), "first order", {"dead_time": np.array([0.03]), "time_constant": np.array([0.08]),
                                                  "offset": np.array([0.02])}, 0.02)
    logs = made(truth, range(3), joints=("a",))
    found = fit_response(logs)
    assert found.structure == "first order" and set(found.scores) == {"first order"}
    assert found.scores["first order"] < 1e-3
    assert found.values["offset"][0] == pytest.approx(0.02, abs=1e-3)
    unseen, = made(truth, [7], joints=("a",))
    assert np.abs(found.predict(unseen) - unseen.matrix("position")).max() < 5e-3


def test_predictions_use_the_first_position_alone():
    truth = ResponseModel(("a",), "first order", {"dead_time": np.array([0.03]), "time_constant": np.array([0.08]),
                                                  "offset": np.array([0.0])}, 0.02)
    log, = made(truth, [0], joints=("a",))
    blind = Recording("blind", TIME, {**log.channels, "position.a": np.where(TIME == 0.0, log.channels["position.a"],
                                                                             99.0)})
    np.testing.assert_array_equal(truth.predict(log), truth.predict(blind))


def test_a_few_missing_rows_do_no_harm_and_other_faults_are_one_line():
    truth = ResponseModel(("a",), "first order", {"dead_time": np.array([0.03]), "time_constant": np.array([0.08]),
                                                  "offset": np.array([0.0])}, 0.02)
    log, other = made(truth, [0, 1], joints=("a",))
    holes = log.channels["position.a"].copy()
    holes[[50, 51, 200]] = np.nan
    found = fit_response([Recording("holes", TIME, {**log.channels, "position.a": holes}), other])
    assert found.values["time_constant"][0] == pytest.approx(0.08, rel=0.03)
    with pytest.raises(BadInputError, match="at least two recordings, to leave one out; got 1"):
        fit_response([log])
    deaf = [Recording("deaf", TIME, {"position.a": each.channels["position.a"]}) for each in (log, other)]
    with pytest.raises(BadInputError, match="expected channels position.JOINT and command.JOINT; it has position.a"):
        fit_response(deaf)
    with pytest.raises(BadInputError, match="gravity at the 1 joints of the logs, a; got shoulder_pan, shoulder_lift"):
        fit_response([log, other], load())
    with pytest.raises(BadInputError, match="gone: expected a channel command.a with numbers; it has position.a"):
        truth.predict(Recording("gone", TIME, {"position.a": log.channels["position.a"]}))


@needs("so101_logs")
def test_a_real_arm_s_motions_are_predicted(monkeypatch):
    """Two motions fitted (quicker than the benchmark's five), one of another kind predicted."""
    channels = load_channels("sage_so101")
    training = [channels.read(DATA / "so101_logs" / name) for name in ("step_response", "friction_gravity")]
    unseen = channels.read(DATA / "so101_logs" / "square_pattern")
    arm = GravityLoad(load_robot("so101"), ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll"))
    monkeypatch.setattr(joint_response, "_SUBSTEPS", 1)  # half the time, the same answer to a tenth
    found = fit_response(training, arm, ["first order with load friction"])

    def error(predicted):
        return 1e3 * np.sqrt(((predicted - unseen.matrix("position")) ** 2).mean(axis=0)).mean()

    assert error(found.predict(unseen)) < 8.0 < 25.0 < error(unseen.matrix("command"))  # [mrad]
    stiffness = 1.0 / found.values["compliance"][1:4]
    assert ((stiffness > 9.0) & (stiffness < 15.0)).all()  # one servo type, three joints, by gravity alone
