"""Identifiers: their sections, networks, golden vectors, bundles, and how a runner drives them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from sim2real.deployment.bundle import inspect_bundle, load_bundle
from sim2real.deployment.identifier import GoldenSequence, run_sequence
from sim2real.deployment.identifier_manifest import EstimateSection, IdentifierSection
from sim2real.deployment.identifier_network import Identifier
from sim2real.deployment.runner import Runner
from sim2real.errors import BundleError
from sim2real.tasks import load_task
from sim2real.types import RobotState
from tests.deployment.hand_identifier import GAIN, PAYLOAD, hand_identifier, identifying, leaky_onnx
from tests.deployment.tampering import resealed
from tests.deployment.tiny_policy import build, tiny_onnx


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return identifying(tmp_path_factory.mktemp("bundle") / "identifying.s2r")


# ---------------------------------------------------------------------- unit coordinates
@pytest.mark.parametrize(("row", "value", "unit"), [
    (PAYLOAD, 0.0, -1.0), (PAYLOAD, 1.5, 0.0), (PAYLOAD, 4.5, 2.0),
    (GAIN, 0.5, -1.0), (GAIN, 1.0, 0.0), (GAIN, 4.0, 2.0)])
def test_unit_coordinates_are_those_of_the_range(row, value, unit):
    assert row.to_unit(value) == pytest.approx(unit) and row.from_unit(unit) == pytest.approx(value)


@pytest.mark.parametrize("change", [{"low": 3.0}, {"low": 4.0}, {"log": True}, {"high": float("nan")}])
def test_impossible_ranges_are_refused(change):
    with pytest.raises(ValidationError):
        EstimateSection(**{**PAYLOAD.model_dump(), **change})


def test_an_identifier_that_says_nothing_or_a_thing_twice_is_refused():
    section = hand_identifier(load_task("ur5e-reach")).section.model_dump()
    with pytest.raises(ValidationError, match="got neither"):
        IdentifierSection(**{**section, "context": 0, "parameters": []})
    with pytest.raises(ValidationError, match="each parameter once"):
        IdentifierSection(**{**section, "parameters": [PAYLOAD, PAYLOAD]})


# ---------------------------------------------------------------------- the network
def test_a_sequence_is_worked_out_step_by_step_from_zero():
    identifier = Identifier(leaky_onnx(3))
    assert (identifier.feature_size, identifier.memory_size, identifier.context_size, identifier.estimate_size) == (
        3, 2, 2, 2)
    features = np.float32([[[8.0, 0.0, 1.0]], [[0.0, 4.0, 1.0]], [[0.0, 0.0, 1.0]]])
    rows = run_sequence(identifier, features)[:, 0]
    # 0.5 * 8 = 4, then halved; 0.5 * 4 = 2, then halved
    np.testing.assert_allclose(rows[:, :2], [[4.0, 0.0], [2.0, 2.0], [1.0, 1.0]])
    np.testing.assert_allclose(rows[:, 2:4], rows[:, :2])
    np.testing.assert_allclose(rows[:, 4:], 0.1)


@pytest.mark.parametrize(("outputs", "context", "estimates"), [(("context",), 2, 0), (("mean", "deviation"), 0, 2)])
def test_a_latent_alone_and_estimates_alone_will_do(outputs, context, estimates):
    identifier = Identifier(leaky_onnx(3, outputs=outputs))
    update = identifier(np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32))
    assert (identifier.context_size, identifier.estimate_size) == (context, estimates)
    assert update.context.shape == (4, context) and update.mean.shape == update.deviation.shape == (4, estimates)


@pytest.mark.parametrize(("data", "words"), [
    (leaky_onnx(3, outputs=("mean",)), "mean and deviation"), (leaky_onnx(3, outputs=()), "expected the output"),
    (tiny_onnx(3, 2), "expected the inputs features and memory"), (b"nonsense", "protobuf|graph"),
    (leaky_onnx(3, operator="Mod"), "operator 'Mod'")])
def test_networks_of_another_kind_are_refused(data, words):
    with pytest.raises(BundleError, match=words):
        Identifier(data)


# ---------------------------------------------------------------------- bundles
def test_a_bundle_keeps_it(path):
    bundle = load_bundle(path)
    section = bundle.manifest.identifier
    assert section.names == ["payload_mass", "stiffness_scale"] and section.context == 2
    assert bundle.policy.observation_size == bundle.task.builder(1).size + 2 == bundle.manifest.policy_inputs
    checks, _ = inspect_bundle(path)
    assert "estimates payload_mass, stiffness_scale; 64 steps" in checks[-1].detail


def test_bundles_without_one_are_as_they_were(arm_bundle):
    assert "identifier" not in arm_bundle.manifest.to_dict() and arm_bundle.identifier is None


def test_a_policy_that_does_not_listen_is_refused(tmp_path):
    task = load_task("ur5e-reach")
    with pytest.raises(BundleError, match="2 of them from its identifier"):
        build(tmp_path / "b.s2r", task=task, identifier=hand_identifier(task))
    assert not list(tmp_path.iterdir())


def test_golden_vectors_of_another_network_are_refused(tmp_path):
    task = load_task("ur5e-reach")
    file = hand_identifier(task)
    other = GoldenSequence.of(Identifier(leaky_onnx(file.section.inputs.size, gain=1.01)))
    with pytest.raises(BundleError, match="differ by"):
        build(tmp_path / "b.s2r", task=task, onnx=tiny_onnx(task.builder(1).size + 2, 6),
              identifier=replace(file, golden=other))


def _lost(members, raw):
    del members["identifier.json"]


def _undescribed(members, raw):
    del raw["identifier"]


def _other_terms(members, raw):
    raw["identifier"]["inputs"]["terms"][0]["scale"] = 7.0


def _other_parameter(members, raw):
    raw["identifier"]["parameters"][0]["name"] = "colour"


def _other_unit(members, raw):
    raw["identifier"]["parameters"][0]["unit"] = "g"


def _fewer(members, raw):
    raw["identifier"]["parameters"].pop()


def _no_golden(members, raw):
    members["identifier.json"] = b"{}"


def _few_golden(members, raw):
    golden = json.loads(members["identifier.json"])
    members["identifier.json"] = json.dumps({name: rows[:3] for name, rows in golden.items()}).encode()


def _wrong_golden(members, raw):
    golden = json.loads(members["identifier.json"])
    golden["outputs"][5][0] += 0.01
    members["identifier.json"] = json.dumps(golden).encode()


@pytest.mark.parametrize(("change", "words"), [
    (_lost, "expected identifier.onnx and identifier.json"), (_undescribed, "policy.onnx maps"),
    (_other_terms, "identifier term 'joint_position'"), (_other_parameter, "does not have"),
    (_other_unit, "does not have"), (_fewer, "manifest says"),
    (_no_golden, "not golden vectors"), (_few_golden, "at least 16 steps"),
    (_wrong_golden, "differ by 0.01")])
def test_altered_bundles_are_refused(path, tmp_path, change, words):
    with pytest.raises(BundleError, match=words):
        load_bundle(resealed(path, tmp_path / "b.s2r", change))


# ---------------------------------------------------------------------- running
def still(bundle, n: int = 1) -> RobotState:
    state = RobotState.zeros(n, bundle.robot.num_joints)
    state.joint_position[:] = bundle.robot.home
    return state


def run(runner, states):
    out = []
    for k, state in enumerate(states):
        state = state.copy()
        state.time[:] = 0.02 * k
        out.append(runner.step(state, 0.02 * k))
    return out


def test_the_runner_updates_it_at_each_step_and_tells_the_policy(path, arm_bundle):
    bundle = load_bundle(path)
    runner, state = Runner(bundle), still(bundle)
    state.joint_position[0, :2] += [0.4, -0.2]  # features: 0.5 * (q - home)
    runner.reset(state, np.zeros(3))
    means = np.array([d.estimate[0][0] for d in run(runner, [state] * 3)])
    np.testing.assert_allclose(means, np.outer([0.5, 0.75, 0.875], [0.2, -0.1]), rtol=1e-5)
    quiet = Runner(arm_bundle)
    quiet.reset(state, np.zeros(3))
    assert run(quiet, [state])[0].estimate is None


def test_what_the_policy_gets_follows_its_observation(tmp_path):
    """A policy that is nothing but its context: joint 1 goes where the first number says."""
    task = load_task("ur5e-reach")
    size = task.builder(1).size
    weights = np.zeros((size + 2, 6))
    weights[size, 0] = weights[size + 1, 1] = 100.0
    bundle = load_bundle(identifying(tmp_path / "b.s2r", policy=tiny_onnx(size + 2, 6, weights=weights)))
    state = still(bundle)
    state.joint_position[0, :2] += [0.4, -0.2]
    runner = Runner(bundle)
    runner.reset(state, np.zeros(3))
    moved = run(runner, [state] * 5)[-1].command[0] - state.joint_position[0]
    assert moved[0] > 1e-4 and moved[1] < -1e-4 and np.abs(moved[2:]).max() < 1e-12


def test_a_reset_forgets(path):
    bundle = load_bundle(path)
    runner, state = Runner(bundle), still(bundle)
    state.joint_position[0, 0] += 0.4
    runner.reset(state, np.zeros(3))
    first = [d.estimate[0].copy() for d in run(runner, [state] * 3)]
    runner.reset(state, np.zeros(3))
    again = [d.estimate[0].copy() for d in run(runner, [state] * 3)]
    assert np.array_equal(first, again)


def test_of_several_robots_only_the_one_without_a_state_begins_anew(path):
    bundle = load_bundle(path)
    runner, state = Runner(bundle, 2), still(bundle, 2)
    state.joint_position[:, 0] += 0.4
    runner.reset(state, np.zeros((2, 3)))
    run(runner, [state] * 2)
    lost = state.copy()
    lost.joint_position[1, 0] = np.nan
    lost.time[:] = 0.04
    runner.step(lost, 0.04)
    good = state.copy()
    good.time[:] = 0.06
    mean = runner.step(good, 0.06).estimate[0][:, 0]
    # 0.2 * (1 - 0.5**4); the other has seen its last good state at the third step, and this one
    np.testing.assert_allclose(mean, [0.2 * 0.9375, 0.2 * 0.75], rtol=1e-5)


class Poisoned(Identifier):
    """Gives no numbers, once."""

    calls = 0

    def __call__(self, features, memory):
        self.calls += 1
        update = super().__call__(features, memory)
        nothing = np.full_like(memory, np.nan)
        return update if self.calls > 1 else replace(update, context=nothing, memory=nothing)


def test_an_identifier_that_fails_brakes_the_robot(path):
    class Failing(Identifier):
        def __call__(self, features, memory):
            raise RuntimeError("no")

    bundle = load_bundle(path)
    runner, state = Runner(replace(bundle, identifier=Failing(bundle.identifier.onnx))), still(bundle)
    runner.reset(state, np.zeros(3))
    decision = run(runner, [state])[0]
    assert decision.mode[0] == "HOLD" and "failed: no" in decision.cause[0]


def test_an_estimate_that_is_no_number_brakes_the_robot_and_is_not_kept(tmp_path):
    bundle = load_bundle(identifying(tmp_path / "b.s2r"))
    runner, state = Runner(replace(bundle, identifier=Poisoned(bundle.identifier.onnx))), still(bundle)
    runner.reset(state, np.zeros(3))
    first, second = run(runner, [state] * 2)
    assert first.mode[0] == "HOLD" and "not finite" in first.cause[0]
    assert second.mode[0] == "ACTIVE" and np.isfinite(second.estimate[0]).all()


@pytest.mark.parametrize("task", ["ur5e-reach", "fr3-reach", "so101-reach", "crazyflie-hover", "x500-track"])
def test_features_have_neither_goal_nor_clock(task):
    from sim2real.tasks import Context
    from sim2real.tasks.observations import ObservationBuilder

    task = load_task(task)
    n, size = 3, task.command_size
    rng = np.random.default_rng(1)
    state = RobotState.zeros(n, task.robot.num_joints)
    state.joint_effort[:] = rng.normal(size=state.joint_effort.shape)
    command = rng.normal(size=(n, size))

    def features(goal, time):
        return ObservationBuilder(task.dynamics_terms(), n).build(
            Context(state, goal, time, command, np.zeros((n, size)), np.zeros((n, task.action_size))))

    there = features(np.zeros((n, task.goal_size)), np.zeros(n))
    assert np.array_equal(there, features(rng.normal(size=(n, task.goal_size)), np.full(n, 9.0)))
    assert np.isfinite(there).all() and all(term.history == 1 for term in task.dynamics_terms())


@pytest.mark.parametrize("streamed", [False, True])
def test_below_a_stream_identifiers_are_told_what_is_sent(tmp_path, streamed):
    """Its two estimates are the leads of two joints: of the set points, or of what a stream sends over a period."""
    lead = 12  # column of the first joint's
    bundle = load_bundle(identifying(tmp_path / "lead.s2r", keep=0.0, columns=(lead, lead + 1)))
    runner, state = Runner(bundle, 1, streamed=streamed), RobotState.zeros(1, 6)
    state.joint_position[:], state.joint_effort[:] = bundle.robot.home, 0.0
    runner.reset(state, np.array([[0.4, 0.1, 0.3]]))
    sent, step = [runner.command] * 4, (bundle.robot.velocity_limit * bundle.task.control_period)[:2]
    for k in range(12):
        state.time[:] = 0.04 * k
        if k == 8:  # as of a velocity interface that led elsewhere
            moved = runner.shift(np.full((1, 6), 0.01), runner.command[None])
            sent = [each + moved for each in sent]
        decision = runner.step(state, 0.04 * k)
        mean = (sent[-4] + 11.0 * sent[-3] + 11.0 * sent[-2] + sent[-1]) / 24.0
        expected = ((mean if streamed else sent[-1]) - state.joint_position)[0, :2] / step
        np.testing.assert_allclose(decision.estimate[0][0], expected, atol=1e-5)
        sent.append(decision.command)
    assert np.abs(sent[-1] - sent[0]).max() > 0.01
