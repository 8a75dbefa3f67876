"""Unfit logs and copies are refused by every fit, in one line that names them."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.identification.responses.drone_prediction import fit_drone
from sim2real.identification.responses.fitness import require_fit
from sim2real.identification.responses.joint_response import fit_response
from sim2real.identification.responses.servo_friction import fit_servo
from sim2real.recordings.recording import Recording

TIME = np.arange(400) * 0.02


def log(name, phase=0.0, time=TIME):
    return Recording(name, time, {"command.a": np.sin(TIME + phase), "position.a": np.sin(TIME + phase - 0.1)})


def test_fit_ones_pass():
    require_fit([log("one"), log("two", 1.0)])


@pytest.mark.parametrize("fit", [fit_response, fit_servo, fit_drone])
def test_every_fit_refuses_them(fit):
    back = log("back", 1.0, np.where(TIME == TIME[200], TIME[190], TIME))
    with pytest.raises(BadInputError, match="back: unfit to be learned from: time goes back: 1 times.*; leave it out"):
        fit([log("one"), log("two", 0.5), back])
    with pytest.raises(BadInputError, match="again: a copy of one; leave it out"):
        fit([log("one"), log("two", 0.5), log("again")])
