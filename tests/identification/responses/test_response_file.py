"""A fitted response is written and read whole; what does not fit together is refused."""

import numpy as np
import pytest
import yaml

from sim2real.errors import BadInputError
from sim2real.identification.responses.gravity import GravityLoad
from sim2real.identification.responses.joint_response import ResponseModel
from sim2real.identification.responses.log_fit import Estimate
from sim2real.identification.responses.response_file import read_response, write_response
from sim2real.recordings.recording import Recording
from sim2real.robots import load_robot

TIME = np.arange(100) * 0.02
LOG = Recording("log", TIME, {"command.a": np.sin(TIME), "position.a": np.zeros(100)})


def model(compliance=0.08, identifiable=True):
    robot = load_robot("so101")
    estimate = Estimate("compliance", "rad/(N m)", compliance if identifiable else None, 0.075, 0.085, identifiable)
    return ResponseModel(("a",), "first order with gravity", {
        "dead_time": np.array([0.03]), "time_constant": np.array([0.1]), "compliance": np.array([compliance])}, 0.02,
        GravityLoad(robot, ("shoulder_lift",)), {"a": [estimate]}, {"first order with gravity": 0.01})


def test_it_comes_back_as_it_was(tmp_path):
    write_response(model(), tmp_path / "arm.yaml")
    back = read_response(tmp_path / "arm.yaml")
    np.testing.assert_array_equal(back.predict(LOG), model().predict(LOG))
    assert back.estimates == model().estimates and back.scores == model().scores and back.joints == ("a",)


@pytest.mark.parametrize(("change", "words"), [
    (lambda c: c.update(structure="third order"), "unknown structure 'third order'"),
    (lambda c: c["values"].pop("compliance"), "expected 1 numbers for each of dead_time, time_constant, compliance"),
    (lambda c: c["values"].update(dead_time=[0.1, 0.2]), "expected 1 numbers for each of"),
    (lambda c: c["values"].update(dead_time=[float("nan")]), "values.dead_time.0"),
    (lambda c: c.update(load=None), "load: expected one where there is a compliance"),
    (lambda c: c["load"].update(robot="so102"), "so102"), (lambda c: c["load"].update(joints=["knee"]), "joint 'knee'"),
    (lambda c: c.pop("step"), "step: Field required"), (lambda c: c.update(step=0.0), "step")])
def test_what_does_not_fit_is_refused_in_a_line(tmp_path, change, words):
    write_response(model(), tmp_path / "arm.yaml")
    content = yaml.safe_load((tmp_path / "arm.yaml").read_text())
    change(content)
    (tmp_path / "arm.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(BadInputError) as error:
        read_response(tmp_path / "arm.yaml")
    assert words in str(error.value) and "\n" not in str(error.value)


def test_files_that_are_no_models(tmp_path):
    with pytest.raises(BadInputError, match="cannot be read: No such file"):
        read_response(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("[1")
    with pytest.raises(BadInputError, match="not YAML"):
        read_response(tmp_path / "bad.yaml")
