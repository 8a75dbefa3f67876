import dataclasses
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from sim2real.deployment.bundle import inspect_bundle, load_bundle, write_bundle
from sim2real.deployment.policy import Policy
from sim2real.errors import BundleError
from sim2real.robots import load_robot
from sim2real.tasks import load_task, make_task
from tests.deployment.tampering import bomb, damaged, resealed
from tests.deployment.tiny_policy import RANGES, build, tiny_onnx


def test_everything_is_rebuilt_from_the_file_alone(arm_path, arm_bundle):
    robot = load_robot("ur5e")
    assert arm_bundle.robot.hash == robot.hash and arm_bundle.robot.joint_names == robot.joint_names
    assert arm_bundle.task.name == "reach" and arm_bundle.limits.velocity.tolist() == robot.velocity_limit.tolist()
    assert arm_bundle.sha256 == hashlib.sha256(arm_path.read_bytes()).hexdigest()
    x = np.ones((5, arm_bundle.policy.observation_size), np.float32)
    expected = Policy(tiny_onnx(arm_bundle.policy.observation_size, 6))(x)
    assert (arm_bundle.policy(x) == expected).all()


def test_the_same_policy_gives_the_same_file(tmp_path, arm_path):
    assert build(tmp_path / "again.s2r", seed=3, git_commit="abc").read_bytes() == arm_path.read_bytes()


@pytest.mark.parametrize("task_id", ["fr3-reach", "so101-reach", "crazyflie-track", "x500-hover"])
def test_other_robots_and_tasks(tmp_path, task_id):
    bundle = load_bundle(build(tmp_path / "b.s2r", task_id), task_id.split("-")[0])
    assert f"{bundle.robot.name}-{bundle.task.name}" == task_id


def test_task_options_are_kept(tmp_path):
    task = make_task("reach", load_robot("ur5e"), {"orientation": "axis", "episode_seconds": 5.0})
    again = load_bundle(build(tmp_path / "b.s2r", task=task)).task
    assert again.options == task.options and again.goal_size == 6


def test_two_hundred_mutations_are_refused(tmp_path, arm_path):
    path = tmp_path / "bad.s2r"
    for changed in damaged(arm_path.read_bytes()):
        path.write_bytes(changed)
        with pytest.raises(BundleError) as error:
            load_bundle(path)
        assert "\n" not in str(error.value)


def test_swapped_after_reading_has_no_effect(tmp_path):
    path = build(tmp_path / "b.s2r")
    bundle = load_bundle(path)
    x = np.ones((1, bundle.policy.observation_size), np.float32)
    before = bundle.policy(x)
    path.write_bytes(b"something else")
    assert (bundle.policy(x) == before).all()


def test_another_robots_bundle_is_refused(arm_path):
    assert load_bundle(arm_path, "ur5e").robot.name == "ur5e"
    with pytest.raises(BundleError, match="for robot ur5e, not for fr3"):
        load_bundle(arm_path, "fr3")
    other = dataclasses.replace(load_robot("ur5e"), hash="0" * 64)
    with pytest.raises(BundleError, match="another description of ur5e"):
        load_bundle(arm_path, other)


def test_a_pickle_is_not_opened(tmp_path):
    path = tmp_path / "b.s2r"
    path.write_bytes(bomb(tmp_path / "executed"))
    with pytest.raises(BundleError, match="not a policy bundle"):
        load_bundle(path)
    assert not (tmp_path / "executed").exists()


def _wrong_golden(members, raw):
    golden = json.loads(members["golden.json"])
    golden["outputs"][3][1] += 1e-3
    members["golden.json"] = json.dumps(golden).encode()


def _wide_limits(members, raw):
    raw["limits"]["velocity"][0] *= 2


def _other_term(members, raw):
    raw["observation"]["terms"][0]["scale"] *= 2


def _other_action(members, raw):
    raw["action"]["scale"][0] *= 2


def _other_robot(members, raw):
    raw["robot"]["hash"] = "1" * 64


def _joints_swapped(members, raw):
    raw["joints"][:2] = raw["joints"][1::-1]


def _other_period(members, raw):
    raw["control_period"] = 0.02


def _unknown_task(members, raw):
    raw["task"]["name"] = "fly"


def _no_golden(members, raw):
    del members["golden.json"]


def _no_robot(members, raw):
    for name in [n for n in members if n.startswith("robot/")]:
        del members[name]


def _small_network(members, raw):
    members["policy.onnx"] = tiny_onnx(5, 6)


def _other_network(members, raw):
    members["policy.onnx"] = tiny_onnx(raw["observation"]["size"], 6, seed=9)


def _custom_operator(members, raw):
    members["policy.onnx"] = tiny_onnx(raw["observation"]["size"], 6, domain="evil")


@pytest.mark.parametrize("change, word", [
    (_wrong_golden, "golden vectors"), (_wide_limits, "limits exceed"), (_other_term, "observation term"),
    (_other_action, "actions mean something else"), (_other_robot, "robot description"), (_joints_swapped, "joints"),
    (_other_period, "control period"), (_unknown_task, "unknown task"), (_no_golden, "no golden.json"),
    (_no_robot, "no robot/robot.yaml"), (_small_network, "maps 5 to 6"), (_other_network, "golden vectors"),
    (_custom_operator, "custom operator")])
def test_what_is_sealed_but_wrong_is_refused(tmp_path, arm_path, change, word):
    path = resealed(arm_path, tmp_path / "b.s2r", change)
    with pytest.raises(BundleError, match=word):
        load_bundle(path)
    checks, bundle = inspect_bundle(path)
    assert bundle is None and [c.ok for c in checks].count(False) == 1 and word in str(checks)


def test_lower_limits_are_taken(tmp_path, arm_path):
    def slower(members, raw):
        raw["limits"]["velocity"][0] = 0.5

    assert load_bundle(resealed(arm_path, tmp_path / "b.s2r", slower)).limits.velocity[0] == 0.5


def test_inspection_of_a_good_bundle(arm_path):
    checks, bundle = inspect_bundle(arm_path, "ur5e")
    assert bundle is not None and all(c.ok for c in checks)
    assert [c.name for c in checks][-4:] == ["onnx", "golden vectors", "encoder", "identifier"]


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(BundleError, match="No such file"):
        load_bundle(tmp_path / "none.s2r")
    with pytest.raises(BundleError, match="cannot read"):
        load_bundle(tmp_path)
    assert inspect_bundle(tmp_path / "none.s2r")[0][0].ok is False


def test_a_network_of_the_wrong_size_is_not_written(tmp_path):
    with pytest.raises(BundleError, match="needs 81 to 6|needs .* to 6"):
        build(tmp_path / "b.s2r", onnx=tiny_onnx(4, 6))
    assert not list(tmp_path.iterdir())


def test_given_golden_vectors_must_come_out(tmp_path):
    task = load_task("ur5e-reach")
    size = task.builder(1).size
    onnx = tiny_onnx(size, 6)
    x = np.random.default_rng(1).normal(size=(16, size)).astype(np.float32)
    y = Policy(onnx)(x)
    write_bundle(tmp_path / "good.s2r", task, onnx, training_ranges=RANGES, golden=(x, y))
    for golden, word in (((x, y + 1e-3), "differs from the original"), ((x[:5], y[:5]), "at least 16")):
        with pytest.raises(BundleError, match=word):
            write_bundle(tmp_path / "bad.s2r", task, onnx, training_ranges=RANGES, golden=golden)
    assert [p.name for p in tmp_path.iterdir()] == ["good.s2r"]


_FULL_DISK = """
import resource, signal, sys
from tests.deployment.tampering import bomb, damaged, resealed
from tests.deployment.tiny_policy import build
from sim2real.errors import StorageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
try:
    build(sys.argv[1])
except StorageError as error:
    sys.exit(str(error))
"""


def test_a_full_disk_leaves_what_was_there(tmp_path, root):
    path = tmp_path / "b.s2r"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", _FULL_DISK, str(path)], cwd=root, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 1 and "cannot write" in done.stderr and done.stderr.count("\n") == 1
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
