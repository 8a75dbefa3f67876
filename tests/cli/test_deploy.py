"""The deploy command's arguments and words; the node is tested in tests/ros."""

import argparse
import types

import numpy as np
import pytest

from sim2real.cli.deploy import collect_goals, summary, table
from sim2real.deployment.limits import CommandLimits
from sim2real.errors import BadInputError
from sim2real.robots import load_robot
from sim2real.ros.figures import Figures
from sim2real.tasks import load_task
from tests.deployment.tiny_policy import build


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return build(tmp_path_factory.mktemp("deploy") / "policy.s2r")


def given(**values):
    return argparse.Namespace(**{"goal": [], "goals": None, "sample": 0, "seed": 0, **values})


def test_goals_in_the_order_of_the_command_line(tmp_path):
    task = load_task("ur5e-reach")
    file = tmp_path / "goals.yaml"
    file.write_text("- [0.4, 0.1, 0.3]\n")
    goals = collect_goals(given(goal=["0.4,0.2,0.3"], goals=str(file), sample=2, seed=1), task)
    np.testing.assert_allclose(goals[:2], [[0.4, 0.2, 0.3], [0.4, 0.1, 0.3]])
    assert len(goals) == 4
    np.testing.assert_array_equal(goals[2:], collect_goals(given(sample=2, seed=1), task))
    assert collect_goals(given(), task) == []


@pytest.mark.parametrize("values", [{"sample": -1}, {"seed": -1}, {"goal": ["1,2"]}, {"goal": ["a,b,c"]},
                                    {"goals": "absent.yaml"}])
def test_bad_goals(values):
    with pytest.raises(BadInputError):
        collect_goals(given(**values), load_task("ur5e-reach"))


def test_summary_and_table_agree():
    figures = Figures(CommandLimits.from_robot(load_robot("ur5e")), 0.002)
    for latency, age in ((100e-6, 0.005), (200e-6, 0.0123), (400e-6, 0.001)):
        figures.latency.add(latency)
        figures.ages.add(age)
        figures.command(np.zeros(6), 0.0)
    goals = types.SimpleNamespace(goals=3, reached=2)
    row = summary(types.SimpleNamespace(figures=figures), goals)
    assert row["goals"] == 3 and row["commands"] == 3 and row["reached"] == 2 and row["limit_violations"] == 0
    text = table(row, [0.002, 0.03])
    assert "reached 2 of 3 goals, errors 2.0, 30.0 mm" in text and "12.3 ms" in text and "median 200 us" in text


def test_bad_input_is_one_line(run_cli, path, tmp_path):
    for arguments, words in ((("absent.s2r",), "absent.s2r"), ((path, "--robot", "fr3"), "fr3"),
                             ((path, "--duration", "0"), "--duration over zero"),
                             ((path, "--interface", "telepathy"), "telepathy")):
        code, out, err = run_cli("deploy", *arguments)
        assert code == 2 and out == "" and err.count("\n") == 1 and words in err, (arguments, err)
