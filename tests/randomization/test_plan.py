import dataclasses

import pytest

from sim2real.errors import RandomizationError
from sim2real.parameters import ParameterSpace
from sim2real.randomization import Choice, Constant, Interval, RandomizationPlan, Term, TruncatedNormal, Uniform
from sim2real.robots import list_robots, load_robot

YAML = """
intervals:
  push: {gap: [2, 5], duration: [0.1, 0.3]}
terms:
  payload_mass: {uniform: [0, 3]}
  joint_damping_scale.*: {log_uniform: [0.5, 2], group: wear}
  joint_friction_scale: {log_uniform: {low: 0.5, high: 2}, group: wear, anticorrelated: true}
  joint_position_bias.elbow_joint: {normal: {mean: 0, std: 1e-3, low: -0.003, high: 0.003}}
  actuator_delay:
    - {choice: {values: [0, 0.04], weights: [3, 1]}}
    - {constant: 0.08, when: push}
  external_force_x: {uniform: [-10, 10], when: push}
  stiffness_scale: 0.8
"""


def names(plan, space):
    return {c.parameter.name for c in plan.resolve(space)}


# ---------------------------------------------------------------------- YAML
def test_yaml_means_what_it_says(arm):
    plan = RandomizationPlan.from_yaml(YAML)
    assert plan.intervals == {"push": Interval((2.0, 5.0), (0.1, 0.3))}
    terms = {(t.parameter, t.when): t for t in plan.terms}
    assert terms["payload_mass", "episode"].distribution == Uniform(0.0, 3.0)
    assert terms["joint_friction_scale", "episode"].anticorrelated
    assert terms["joint_damping_scale.*", "episode"].group == "wear"
    assert terms["joint_position_bias.elbow_joint", "episode"].distribution == TruncatedNormal(0, 0.001, -0.003, 0.003)
    assert terms["actuator_delay", "episode"].distribution == Choice((0.0, 0.04), (3.0, 1.0))
    assert terms["actuator_delay", "push"].distribution == Constant(0.08)
    assert terms["stiffness_scale", "episode"].distribution == Constant(0.8)
    assert len(plan.resolve(arm)) == 7 + 6  # six joints


def test_round_trips(arm):
    plan = RandomizationPlan.from_yaml(YAML)
    assert RandomizationPlan.from_yaml(plan.to_yaml()) == plan
    assert RandomizationPlan.from_dict(plan.as_dict()) == plan


@pytest.mark.parametrize("level", ["training", "twin"])
@pytest.mark.parametrize("robot", list_robots())
def test_default_round_trips_to_the_last_bit(robot, level):
    space = ParameterSpace.for_robot(load_robot(robot))
    plan = RandomizationPlan.default(space, level)
    assert RandomizationPlan.from_yaml(plan.to_yaml()) == plan
    assert plan.ranges(space) == RandomizationPlan.from_dict(plan.as_dict()).ranges(space)


def test_load_names_the_file(tmp_path, arm):
    path = tmp_path / "plan.yaml"
    path.write_text(YAML)
    assert RandomizationPlan.load(path) == RandomizationPlan.from_yaml(YAML)
    path.write_text("terms: {payload_mass: {uniform: [3, 0]}}")
    with pytest.raises(RandomizationError, match=r"plan.yaml: term payload_mass: uniform needs low <= high"):
        RandomizationPlan.load(path)
    with pytest.raises(RandomizationError, match="cannot read the plan .*absent.yaml: No such file"):
        RandomizationPlan.load(tmp_path / "absent.yaml")


def test_base_starts_from_a_default(arm):
    text = "base: training\nwithout: [contact_friction, 'gravity_*']\nterms: {payload_mass: {uniform: [0, 1]}}"
    plan = RandomizationPlan.from_yaml(text, arm)
    default = RandomizationPlan.default(arm)
    assert names(default, arm) - names(plan, arm) == {"contact_friction", "gravity_tilt_x", "gravity_tilt_y"}
    assert plan.ranges(arm)["payload_mass"]["high"] == 1.0
    with pytest.raises(RandomizationError, match="needs the robot's parameters"):
        RandomizationPlan.from_yaml(text)


def test_a_parameter_changes_by_one_clock_only(arm):
    push = Interval((2.0, 3.0), (0.5, 1.0))
    plan = RandomizationPlan((Term("actuator_delay", Uniform(0, 0.1), "step"),
                              Term("actuator_delay", Uniform(0, 0.1), "push")), {"push": push})
    with pytest.raises(RandomizationError, match="actuator_delay already changes within an episode .when: step."):
        plan.resolve(arm)


# ---------------------------------------------------------------------- defaults
@pytest.mark.parametrize("robot", list_robots())
def test_training_varies_everything_but_defects(robot):
    space = ParameterSpace.for_robot(load_robot(robot))
    ranges = RandomizationPlan.default(space).ranges(space)
    for p in space.parameters:
        if p.role == "defect" or p.low == p.high:
            assert p.name not in ranges
        else:
            assert (ranges[p.name]["low"], ranges[p.name]["high"]) == (p.low, p.high)
            assert ranges[p.name]["distribution"] == p.distribution
            expected = "episode" if p.role != "disturbance" else "gust" if p.name.startswith("wind") else "push"
            assert ranges[p.name]["when"] == expected


def test_default_intervals(drone, arm):
    assert RandomizationPlan.default(drone).intervals == {"push": Interval((2.0, 5.0), (0.1, 0.3)),
                                                          "gust": Interval((2.0, 4.0), (0.5, 2.0))}
    assert list(RandomizationPlan.default(arm).intervals) == ["push"]


def test_twins_are_wider_and_have_defects(arm):
    twin = RandomizationPlan.default(arm, "twin").ranges(arm)
    assert {"backlash", "stiction", "control_jitter"} <= twin.keys()
    assert twin["payload_mass"]["high"] == arm["payload_mass"].twin_high > arm["payload_mass"].high
    some = RandomizationPlan.default(arm, "twin", defects=("backlash",)).ranges(arm)
    assert "backlash" in some and "stiction" not in some
    assert not {"backlash", "stiction"} & RandomizationPlan.default(arm, "twin", defects=()).ranges(arm).keys()


def test_default_refuses_what_it_does_not_know(arm):
    with pytest.raises(RandomizationError, match="unknown level 'easy'"):
        RandomizationPlan.default(arm, "easy")
    with pytest.raises(RandomizationError, match="unknown defect 'backlsh'; did you mean backlash"):
        RandomizationPlan.default(arm, "twin", defects=("backlsh",))


def test_default_groups_only_what_drones_have_together(arm, drone):
    assert {t.group for t in RandomizationPlan.default(arm).terms} == {None}
    groups = {t.parameter: t.group for t in RandomizationPlan.default(drone).terms if t.group}
    assert groups == {"inertia_xx": "inertia", "inertia_yy": "inertia", "inertia_zz": "inertia", "mass": "lift",
                      "thrust_coefficient": "lift"}


# ---------------------------------------------------------------------- changing plans
def test_without_and_restricted(arm):
    plan = RandomizationPlan.default(arm)
    assert names(plan, arm) - names(plan.without("payload_mass", "stiffness_scale.*"), arm) == {
        "payload_mass", *(n for n in arm.names if n.startswith("stiffness_scale."))}
    assert names(plan.restricted(["payload_mass", "gravity_*"]), arm) == {"payload_mass", "gravity_tilt_x",
                                                                         "gravity_tilt_y"}
    with pytest.raises(RandomizationError, match="unknown term of the plan 'payload_mas'; did you mean payload_mass"):
        plan.without("payload_mas")
    with pytest.raises(RandomizationError, match="unknown term of the plan"):
        plan.restricted(["backlash"])


def test_part_of_a_pattern_needs_expanding(arm):
    plan = RandomizationPlan((Term("stiffness_scale.*", Uniform(0.9, 1.1)),))
    with pytest.raises(RandomizationError, match=r"part of the term 'stiffness_scale.\*'; call expanded"):
        plan.without("stiffness_scale.elbow_joint")
    left = plan.expanded(arm).without("stiffness_scale.elbow_joint")
    assert len(left.terms) == 5 and not any(t.is_pattern for t in left.terms)


def test_exact_name_beats_pattern(arm):
    plan = RandomizationPlan((Term("stiffness_scale.*", Uniform(0.9, 1.1)),
                              Term("stiffness_scale.elbow_joint", Uniform(0.5, 0.6))))
    ranges = plan.ranges(arm)
    assert ranges["stiffness_scale.elbow_joint"]["high"] == 0.6
    assert ranges["stiffness_scale.wrist_1_joint"]["high"] == 1.1


def test_fixed_replaces_every_term_of_a_name(arm):
    plan = RandomizationPlan.default(arm).fixed({"external_force_x": 5.0, "payload_mass": 2, "backlash": 0.01})
    ranges = plan.ranges(arm)
    assert ranges["external_force_x"] == {"low": 5.0, "high": 5.0, "unit": "N", "distribution": "constant",
                                          "when": "episode"}
    assert ranges["payload_mass"]["low"] == ranges["payload_mass"]["high"] == 2.0 and "backlash" in ranges
    with pytest.raises(RandomizationError, match="outside the physical range"):
        plan.fixed({"payload_mass": -1.0}).resolve(arm)


def test_extended(arm):
    gust = Interval((1.0, 2.0), (0.1, 0.2))
    plan = RandomizationPlan.default(arm).extended(Term("external_force_z", Uniform(-1, 1), "nudge"),
                                                   intervals={"nudge": gust})
    assert plan.ranges(arm)["external_force_z"] == {"low": -1, "high": 1, "unit": "N", "distribution": "uniform",
                                                    "when": "nudge"}
    assert plan.intervals["nudge"] == gust and len(plan.terms) == len(RandomizationPlan.default(arm).terms)


@pytest.mark.parametrize("level", ["training", "twin"])
def test_scaled(arm, level):
    plan = RandomizationPlan.default(arm, level)
    half, none = plan.scaled(0.5, arm).ranges(arm), plan.scaled(0.0, arm).ranges(arm)
    assert half["payload_mass"]["high"] == 0.5 * plan.ranges(arm)["payload_mass"]["high"]
    assert half["stiffness_scale"]["low"] == pytest.approx(plan.ranges(arm)["stiffness_scale"]["low"] ** 0.5)
    for name, row in none.items():
        assert row["low"] == row["high"] == pytest.approx(arm[name].nominal, abs=1e-12)
    assert plan.scaled(1.0, arm) is plan
    with pytest.raises(RandomizationError, match=r"factor in \[0, 1\]"):
        plan.scaled(1.5, arm)


def test_plans_are_values(arm):
    plan = RandomizationPlan.default(arm)
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.terms = ()
    assert plan.without("payload_mass") != plan == RandomizationPlan.default(arm)
