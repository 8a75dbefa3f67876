"""Every method from end to end on tiny budgets: what is exported, what is refused, and that a seed repeats a run."""

import json

import numpy as np
import pytest
import torch

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.runner import Runner
from sim2real.errors import BadInputError, BundleError, ParameterError, RunFolderError
from sim2real.evaluation.rollout import run_episodes
from sim2real.evaluation.twins import TwinPlan
from sim2real.identification.online.compare import success
from sim2real.identification.online.universal import export_method, load_learner, online_config, train_method
from sim2real.training.config import LATENT, PPOConfig, TrainConfig, load_run
from sim2real.training.export import export_run
from sim2real.types import RobotState

TINY = PPOConfig(horizon=4, batch_size=32, epochs=2, actor=(8,), critic=(8,))
ONLINE = {"episodes": 16, "seconds": 0.4, "updates": 4, "width": 8, "rounds": 2}
NAMES = ("mass", "motor_time_constant")


def tiny(out, method, **changes):
    return TrainConfig(**{"task": "crazyflie-hover", "options": {"episode_seconds": 2.2}, "num_envs": 8, "steps": 64,
                          "seed": 5, "ppo": TINY, "method": method, "identify": NAMES, "online": ONLINE, "out": out,
                          **changes})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    return {method: train_method(tiny(folder / method, method)) for method in ("oracle", "up-osi", "rma", "recurrent")}


@pytest.mark.parametrize(("method", "context", "estimates"), [
    ("up-osi", 2, list(NAMES)), ("rma", LATENT, list(NAMES)), ("recurrent", 8, [])])
def test_a_bundle_runs_with_its_identifier(runs, method, context, estimates):
    bundle = load_bundle(runs[method].bundle)
    section = bundle.manifest.identifier
    assert (section.context, section.names) == (context, estimates)
    assert section.training["method"] == method and len(section.training["rounds"]) == ONLINE["rounds"]
    assert bundle.policy.observation_size == bundle.task.builder(1).size + context
    episodes = run_episodes(bundle, "quadrotor", np.arange(3), TwinPlan())
    assert np.isfinite(episodes.rmse).all() and episodes.held == 0 and episodes.violations == 0
    json.dumps(section.training)  # plain data


@pytest.mark.parametrize("effort", [True, False])
def test_an_arm_can_go_without_the_efforts_of_its_joints(tmp_path, effort):
    run = train_method(tiny(tmp_path / "run", "up-osi", task="ur5e-reach", options={}, identify=("payload_mass",),
                            online={**ONLINE, "effort": effort}))
    bundle = load_bundle(run.bundle)
    section = bundle.manifest.identifier
    assert section.sees_effort == effort == section.training["effort"]
    assert ("joint_effort" in [term.name for term in section.inputs.terms]) == effort
    runner, state = Runner(bundle, 1), RobotState.zeros(1, 6)  # as of a driver that reports none
    state.joint_position[:] = bundle.robot.home
    runner.reset(state, np.array([[0.4, 0.1, 0.3]]))
    assert runner.step(state, 0.0).mode[0] == ("HOLD" if effort else "ACTIVE")
    state.joint_effort[:] = 1.0
    assert runner.step(state, 0.04).mode[0] == "ACTIVE"
    assert success(run.run, 8, 3).shape == (8,)


def test_the_deployed_policy_reads_the_estimate(runs):
    """The action changes with the context that the identifier gives."""
    bundle = load_bundle(runs["up-osi"].bundle)
    rows = np.zeros((2, bundle.policy.observation_size), np.float32)
    rows[1, -2:] = 1.0
    actions = bundle.policy(rows)
    assert np.abs(actions[1] - actions[0]).max() > 1e-4


def test_the_oracle_is_not_exported(runs):
    assert runs["oracle"].bundle is None
    with pytest.raises(BundleError, match="only a simulation knows the true ones"):
        export_run(runs["oracle"].run)
    with pytest.raises(RunFolderError, match="oracle has no identifier"):
        load_learner(runs["oracle"].run)


def test_a_run_folder_holds_all_settings_and_can_be_exported_again(runs, tmp_path):
    run, record = load_run(runs["rma"].run)
    assert run.config.identify == NAMES and run.config.online == ONLINE
    assert set(NAMES) < set(run.known) and "payload_mass" in run.known and not any("." in name for name in run.known)
    again = export_method(runs["rma"].run, tmp_path / "again.s2r")
    assert load_bundle(again).policy.onnx == load_bundle(runs["rma"].bundle).policy.onnx


def test_a_seed_repeats_a_run(runs, tmp_path):
    again = train_method(tiny(tmp_path / "again", "up-osi"))
    first, second = (load_bundle(result.bundle).identifier.onnx for result in (runs["up-osi"], again))
    assert first == second
    other = train_method(tiny(tmp_path / "other", "up-osi", seed=6))
    assert load_bundle(other.bundle).identifier.onnx != first


def test_resume_goes_on_with_the_identifier(runs, tmp_path):
    """A run that was stopped between its policy and its identifier is finished by --resume."""
    done = runs["up-osi"]
    (done.run / "identifier.pt").rename(tmp_path / "kept.pt")
    try:
        with pytest.raises(RunFolderError, match="go on with: sim2real train --resume"):
            export_method(done.run)
        resumed = train_method(TrainConfig(""), resume=done.run)
        kept, new = (torch.load(path, weights_only=True) for path in (tmp_path / "kept.pt", done.run / "identifier.pt"))
        assert resumed.steps == done.steps and all(torch.equal(kept["identifier"][k], v)
                                                   for k, v in new["identifier"].items())
    finally:
        (tmp_path / "kept.pt").replace(done.run / "identifier.pt")


@pytest.mark.parametrize(("changes", "words"), [
    ({"identify": ("masss",)}, "unknown parameter 'masss'; did you mean mass"),
    ({"identify": ("mass", "mass")}, "expected each parameter once"),
    ({"identify": ("control_jitter",)}, "control_jitter does not vary in the randomization plan"),
    ({"randomization": "none"}, "mass does not vary"),
    ({"method": "osi"}, "unknown method 'osi'; did you mean up-osi"),
    ({"method": "plain"}, "the method plain identifies nothing"),
    ({"online": {"network": "lstm"}}, "unknown network 'lstm'"),
    ({"online": {"epochs": 3}}, "unknown setting of the identifier 'epochs'"),
])
def test_bad_input_is_named_before_any_work(tmp_path, changes, words):
    with pytest.raises(BadInputError, match=words):
        train_method(tiny(tmp_path / "run", **{"method": "up-osi", **changes}))
    assert not (tmp_path / "run").exists()


def test_settings_of_the_identifier():
    assert online_config({"width": 32}).width == 32
    with pytest.raises(BadInputError, match="rounds: expected a number over 0, got 0"):
        online_config({"rounds": 0})
    assert issubclass(ParameterError, BadInputError)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("damage", [b"", b"\x80garbage"])
def test_a_damaged_identifier_is_named(runs, tmp_path, damage):
    path = runs["recurrent"].run / "identifier.pt"
    whole = path.read_bytes()
    try:
        path.write_bytes(damage)
        with pytest.raises(RunFolderError, match="damaged, resume the run"):
            load_learner(runs["recurrent"].run)
    finally:
        path.write_bytes(whole)
