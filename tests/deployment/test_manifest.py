import json

import pytest

from sim2real.deployment.manifest import Manifest
from sim2real.deployment.sealed import SCHEMA_VERSION
from sim2real.errors import BundleError


@pytest.fixture
def raw(arm_bundle):
    return json.loads(arm_bundle.manifest.to_bytes())


def _load(raw):
    return Manifest.from_bytes(json.dumps(raw).encode())


def test_round_trip(arm_bundle, raw):
    assert _load(raw) == arm_bundle.manifest


def test_it_says_what_a_reader_needs(arm_bundle):
    m, robot = arm_bundle.manifest, arm_bundle.robot
    assert (m.schema_version, m.seed, m.git_commit) == (SCHEMA_VERSION, 3, "abc")
    assert m.joints == list(robot.joint_names) and m.robot.hash == robot.hash
    assert m.control_period == robot.control_period and m.limits.jerk == robot.jerk_limit.tolist()
    assert m.gains["stiffness"] == robot.stiffness.tolist()
    assert m.observation.size == sum(t.size * t.history for t in m.observation.terms)
    assert m.training_ranges["payload_mass"].high == 2.0
    assert {"sim2real", "numpy", "onnxruntime"} <= set(m.versions)
    # reach: an action of 1 moves the command by half of what the velocity limit allows in a period
    assert m.action.scale == pytest.approx((0.5 * robot.velocity_limit * robot.control_period).tolist())
    assert m.action.scale_negative == pytest.approx(m.action.scale) and m.action.offset == pytest.approx([0.0] * 6)


def test_a_drones_action_is_asymmetric(drone_bundle):
    action, robot = drone_bundle.manifest.action, drone_bundle.robot
    assert action.offset == pytest.approx([robot.hover_thrust, 0, 0, 0])
    assert action.scale[0] == pytest.approx(robot.rotors.max_thrust - robot.hover_thrust)
    assert action.scale_negative[0] == pytest.approx(0.9 * robot.hover_thrust)


@pytest.mark.parametrize("path, value", [
    (("robot", "name"), "fr3"), (("seed",), 4), (("limits", "jerk", 0), 1e6), (("action", "scale", 2), 0.5),
    (("members", "policy.onnx"), "0" * 64), (("control_period",), 0.02), (("task", "options", "orientation"), "full")])
def test_any_changed_field_breaks_the_seal(raw, path, value):
    at = raw
    for key in path[:-1]:
        at = at[key]
    assert at[path[-1]] != value
    at[path[-1]] = value
    with pytest.raises(BundleError, match="hash does not fit"):
        _load(raw)


def test_another_schema_is_named(raw):
    raw["schema_version"] = 2
    with pytest.raises(BundleError, match="expected schema version 1, got 2"):
        _load(raw)


@pytest.mark.parametrize("key, value, word", [
    ("control_period", -1.0, "control_period"), ("surprise", 1, "surprise"), ("joints", "abc", "joints"),
    ("members", {"x": "short"}, "members.x"), ("control_period", "nan", "control_period")])
def test_a_bad_field_is_named(raw, key, value, word):
    raw[key] = value
    with pytest.raises(BundleError, match=f"field {word}"):
        _load(raw)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_manifest_is_refused(data):
    with pytest.raises(BundleError, match="manifest.json"):
        Manifest.from_bytes(data)


def test_a_huge_manifest_is_refused():
    with pytest.raises(BundleError, match="at most"):
        Manifest.from_bytes(b" " * 3_000_000)
