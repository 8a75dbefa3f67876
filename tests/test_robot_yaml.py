import pytest
import yaml

from sim2real.errors import RobotDescriptionError
from sim2real.robot_yaml import parse_robot_yaml

ARM = {
    "schema": 1, "name": "tiny", "kind": "arm", "model": "tiny.urdf", "tool": {"link": "b"},
    "control": {"period": "40 ms", "substep": "4 ms"},
    "joints": {"j": {"home": "10 deg", "velocity": "90 deg/s"}},
    "goal": {"radius": [0.1, 0.2], "height": ["10 cm", "20 cm"], "azimuth": ["-90 deg", "90 deg"]},
}
DRONE = {
    "schema": 1, "name": "tiny", "kind": "drone", "model": "tiny.urdf",
    "control": {"period": 0.02, "substep": 0.002},
    "drone": {"rotors": {"positions": [[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]],
                         "directions": ["cw", "ccw", "cw", "ccw"]},
              "thrust_coefficient": 1e-8, "torque_ratio": "6 mm", "max_speed": 2000, "time_constant_up": "50 ms",
              "time_constant_down": "50 ms", "max_rate": ["360 deg/s"] * 3,
              "rate_gains": {"roll": {"p": 10}, "pitch": {"p": 10}, "yaw": {"p": 5}}},
}


def changed(base, path, value):
    """``base`` with the field at a dotted ``path`` set to ``value`` (or removed for ...)."""
    copy = yaml.safe_load(yaml.safe_dump(base))
    *inner, last = path.split(".")
    section = copy
    for key in inner:
        section = section.setdefault(key, {})
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return yaml.safe_dump(copy)


def test_numbers_with_units_become_si():
    content = parse_robot_yaml(yaml.safe_dump(ARM))
    assert content.control.period == pytest.approx(0.04)
    assert content.joints["j"].home == pytest.approx(0.17453292519943295)
    assert content.goal.height == pytest.approx((0.1, 0.2))
    assert parse_robot_yaml(yaml.safe_dump(DRONE)).drone.torque_ratio == pytest.approx(0.006)


@pytest.mark.parametrize(("base", "path", "value", "words"), [
    (ARM, "joints.j.velocty", 1, ["unknown field 'joints.j.velocty'", "did you mean 'velocity'"]),
    (ARM, "colour", "red", ["unknown field 'colour'", "known here", "description"]),
    (ARM, "joints.j.velocity", "3 parsec/s", ["joints.j.velocity", "unknown unit 'parsec'"]),
    (ARM, "joints.j.velocity", "3 kg", ["joints.j.velocity", "wrong dimension", "[rad/s]"]),
    (ARM, "joints.j.velocity", -1, ["joints.j.velocity", "over zero", "-1"]),
    (ARM, "joints.j.effort", float("nan"), ["joints.j.effort", "finite"]),
    (ARM, "joints.j.position", [2, 1], ["joints.j.position", "lower limit 2 is over the upper limit 1", "swap"]),
    (ARM, "joints.j.home", ..., ["'joints.j.home' is missing"]),
    (ARM, "joints", {}, ["at least one joint"]),
    (ARM, "tool", ..., ["'tool'"]),
    (ARM, "goal", ..., ["'goal'"]),
    (ARM, "schema", 2, ["'schema'", "1", "2"]),
    (ARM, "kind", "rover", ["'kind'", "'arm'", "'rover'"]),
    (ARM, "name", "", ["'name'"]),
    (ARM, "model", "tiny.xml", ["'model'", "tiny.xml"]),
    (ARM, "control.substep", "3 ms", ["substep 0.003 s", "period 0.04 s"]),
    (ARM, "control.period", "0 s", ["control.period", "over zero"]),
    (ARM, "control.period", 10**400, ["control.period", "finite"]),
    (ARM, "control.period", "1 h", ["period 3600 s (at most 1 s)"]),
    (ARM, "control.substep", 1e-320, ["substep", "divide period"]),
    (ARM, "parameters", {"payload_mass": {"low": 2, "high": 1}}, ["parameters.payload_mass", "low <= nominal"]),
    (ARM, "drone", DRONE["drone"], ["'drone'"]),
    (DRONE, "drone", ..., ["'drone'", "rotors"]),
    (DRONE, "joints", ARM["joints"], ["no actuated joints"]),
    (DRONE, "drone.rotors.directions", ["cw", "ccw"], ["4 positions but 2 directions"]),
    (DRONE, "drone.rotors.directions", ["up"] * 4, ["drone.rotors.directions.0", "'ccw'", "'up'"]),
    (DRONE, "drone.rate_gains", {"roll": {"p": 1}}, ["drone.rate_gains"]),
])
def test_wrong_fields_get_one_clear_line(base, path, value, words):
    with pytest.raises(RobotDescriptionError) as caught:
        parse_robot_yaml(changed(base, path, value), "bad/robot.yaml")
    message = str(caught.value)
    assert message.startswith("bad/robot.yaml: ") and "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(("text", "words"), [
    ("name: [1, 2", ["cannot be parsed"]), ("- 1\n- 2", ["expected a mapping", "list"]), ("", ["expected a mapping"]),
    ("name: a\nname: b", ["'name' stands twice", "line 2"]), (b"\xff\xfe\x00", ["cannot be parsed"]),
])
def test_what_is_no_yaml_mapping_gets_one_clear_line(text, words):
    with pytest.raises(RobotDescriptionError) as caught:
        parse_robot_yaml(text)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)
