import json

import pytest

from sim2real.cli import main


def output(capsys, *arguments):
    assert main(["list", *arguments]) == 0
    return capsys.readouterr().out


def test_json_has_robots_tasks_and_engines(capsys):
    data = json.loads(output(capsys, "--json"))
    assert list(data) == ["robots", "tasks", "engines"]
    assert {"ur5e", "fr3", "so101", "crazyflie", "x500"} <= set(data["robots"])
    assert {"ur5e-reach", "fr3-reach", "so101-reach", "crazyflie-hover", "crazyflie-track", "x500-hover"} <= set(
        data["tasks"])
    assert data["engines"] == ["mujoco", "pybullet", "quadrotor"]


@pytest.mark.parametrize("thing", ["robots", "tasks", "engines"])
def test_one_thing_alone(capsys, thing):
    everything = json.loads(output(capsys, "--json"))
    assert json.loads(output(capsys, thing, "--json")) == {thing: everything[thing]}
    text = output(capsys, thing)
    assert all(name in text for name in everything[thing])


def test_tasks_of_one_robot(capsys):
    assert json.loads(output(capsys, "tasks", "--robot", "crazyflie", "--json")) == {
        "tasks": ["crazyflie-hover", "crazyflie-track"]}


def test_parameters_of_a_robot(capsys):
    rows = json.loads(output(capsys, "parameters", "--robot", "ur5e", "--json"))
    assert all({"name", "unit", "nominal", "low", "high", "distribution", "engines"} <= row.keys() for row in rows)
    by_name = {row["name"]: row for row in rows}
    assert by_name["payload_mass"]["unit"] == "kg" and by_name["payload_mass"]["high"] == 3.0
    assert "joint_damping_scale.elbow_joint" in by_name
    text = output(capsys, "parameters", "--robot", "ur5e")
    assert all(name in text for name in by_name)


def test_parameters_of_all_robots(capsys):
    rows = {row["name"]: row for row in json.loads(output(capsys, "parameters", "--json"))}
    assert rows["backlash"]["robots"] == ["fr3", "so101", "ur5e"] and rows["wind_x"]["robots"] == ["crazyflie", "x500"]
    assert "backlash" in output(capsys, "parameters")


@pytest.mark.parametrize(("arguments", "message"), [
    (["parameters", "--robot", "ur5"], "unknown robot 'ur5'; did you mean ur5e"),
    (["robots", "--robot", "ur5e"], "--robot chooses whose tasks or parameters"),
    (["--markdown"], "--markdown is the page of the parameters")])
def test_bad_input_is_one_line_and_exit_code_2(capsys, arguments, message):
    assert main(["list", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_unknown_thing():
    with pytest.raises(SystemExit) as error:
        main(["list", "planets"])
    assert error.value.code == 2


def test_faults(capsys):
    rows = {row["name"]: row for row in json.loads(output(capsys, "faults", "--json"))}
    assert {"freeze", "drop", "restart", "rival", "e_stop", "frame_flip", "rotor_loss"} <= rows.keys()
    assert rows["late"]["parameters"]["delay"] == {"default": None, "required": True,
                                                   "meaning": "how late at least in [s]"}
    assert rows["e_stop"]["robots"] == ["arm"] and rows["link_loss"]["acts_on"] == "commands"
    arm = [row["name"] for row in json.loads(output(capsys, "faults", "--robot", "ur5e", "--json"))]
    assert set(rows) - set(arm) == {name for name, row in rows.items() if row["robots"] == ["drone"]}
    text = output(capsys, "faults")
    assert all(name in text for name in rows) and "share=0.1" in text
