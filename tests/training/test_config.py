import dataclasses

import pytest
import yaml

from sim2real.errors import BadInputError, RunFolderError
from sim2real.randomization import RandomizationPlan
from sim2real.training.config import TrainConfig, git_commit, load_run, resolve, save_run, versions


def test_defaults_differ_by_task_and_are_filled_in():
    reach, track = resolve(TrainConfig("ur5e-reach")), resolve(TrainConfig("crazyflie-track"))
    assert reach.config.steps and reach.config.ppo
    assert reach.config.ppo != track.config.ppo
    assert reach.plan == RandomizationPlan.default(reach.task.space)
    assert resolve(TrainConfig("ur5e-reach", randomization="none")).plan is None
    assert resolve(TrainConfig("ur5e-reach", steps=7)).config.steps == 7
    oriented = resolve(TrainConfig("ur5e-reach", options={"orientation": "axis"}))
    assert oriented.config.steps > reach.config.steps
    assert resolve(TrainConfig("ur5e-reach", options={"orientation": "axis"}, steps=7)).config.steps == 7


def test_a_run_folder_gives_back_the_same_run(tmp_path):
    run = resolve(TrainConfig("reach", robot="so101", options={"orientation": "axis"}, seed=9, target_success=0.9))
    save_run(tmp_path, run)
    again, record = load_run(tmp_path)
    assert again.config == dataclasses.replace(run.config, out=tmp_path, randomization=run.plan.as_dict())
    assert (again.plan, again.task.options) == (run.plan, run.task.options)
    assert again.task.robot.hash == run.task.robot.hash == record["robot_hash"]
    assert record["versions"]["torch"] == versions()["torch"]
    assert set(record["config"]) == {f.name for f in dataclasses.fields(TrainConfig)} - {"out"}


def test_git_commit_is_a_hash_or_nothing():
    commit = git_commit()
    assert commit is None or len(commit.removesuffix("-dirty")) == 40


@pytest.mark.parametrize(("change", "words"), [
    ({"steps": -1}, "steps: expected a whole number"),
    ({"num_envs": 0}, "num_envs"),
    ({"seed": -3}, "seed"),
    ({"target_success": 2.0}, "target_success"),
    ({"task": "ur5e-hover"}, "is for drones"),
    ({"task": "ur6e-reach"}, "did you mean ur5e"),
    ({"randomization": "nonsense"}, "default, none or a YAML file"),
])
def test_bad_input_is_one_clear_line(change, words):
    with pytest.raises(BadInputError, match=words) as caught:
        resolve(TrainConfig(**{"task": "ur5e-reach", **change}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "words"), [
    (None, "is no run folder"),
    ("{", "not valid YAML"),
    ("a: 1", "no 'config'"),
    (yaml.safe_dump({"config": {"task": "ur5e-reach", "ppo": {"actor": [1], "critic": [1], "depth": 3}}}), "version"),
])
def test_damaged_run_folders(tmp_path, content, words):
    if content is not None:
        (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(RunFolderError, match=words):
        load_run(tmp_path)
