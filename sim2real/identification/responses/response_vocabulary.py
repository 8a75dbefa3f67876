"""A fitted joint response in the words of the parameter vocabulary: what a simulator is set to, and a range."""

from __future__ import annotations

import numpy as np

from sim2real.errors import BadInputError
from sim2real.identification.responses.joint_response import ResponseModel
from sim2real.robots import RobotDescription


def stiffness_scale(model: ResponseModel, robot: RobotDescription) -> tuple[float, float, float]:
    """Value, low and high of the vocabulary's ``stiffness_scale``: 1 / compliance over the description's stiffness.

    The mean over the joints whose compliance is known; the interval spans theirs. What else the model holds is known
    in units of the stiffness, or not alone (damping of the joint and of the servo), and is no parameter of its own.

    Raises:
        BadInputError: No joint's compliance is known.
    """
    nominal = {joint.name: joint.stiffness for joint in robot.joints}
    known = [(nominal[name], each) for name, joint in zip(model.load.joints if model.load else (), model.joints,
                                                          strict=False)
             for each in model.estimates.get(joint, []) if each.name == "compliance" and each.identifiable]
    if not known:
        raise BadInputError("expected a joint whose compliance is known; fit with a GravityLoad, on logs in which "
                            "gravity loads a joint")
    values = [1.0 / (each.value * stiffness) for stiffness, each in known]
    return (float(np.mean(values)), min(1.0 / (each.high * stiffness) for stiffness, each in known),
            max(1.0 / (each.low * stiffness) for stiffness, each in known))


def as_parameters(model: ResponseModel, robot: RobotDescription, pose: np.ndarray) -> dict[str, float]:
    """Values by name with which a simulator of ``robot`` answers like the model around a ``pose`` (J,) in [rad].

    A joint's stiffness K is 1 / compliance, or the mean of the others' where its own is not known. Dry friction is
    K (friction + load_friction |compliance tau_g|) at the pose: a simulator's does not grow with the load. Damping is
    K time_constant, of the joint and of the servo alike: the logs do not tell them apart.

    Raises:
        BadInputError: No joint's compliance is known.
    """
    mean = stiffness_scale(model, robot)[0]
    known = {joint: any(each.name == "compliance" and each.identifiable for each in found)
             for joint, found in model.estimates.items()}
    described = {joint.name: joint for joint in robot.joints}
    values = {name: model.values.get(name, np.zeros(len(model.joints)))
              for name in ("compliance", "friction", "load_friction", "time_constant", "dead_time")}
    sag = np.abs(values["compliance"] * model.load.torque(np.atleast_2d(pose))[0])
    found = {"actuator_delay": float(values["dead_time"].mean())}
    for k, (joint, name) in enumerate(zip(model.joints, model.load.joints, strict=True)):
        nominal = described[name]
        stiffness = 1.0 / values["compliance"][k] if known.get(joint) else mean * nominal.stiffness
        friction = stiffness * (values["friction"][k] + values["load_friction"][k] * sag[k])
        damping = stiffness * values["time_constant"][k] / (nominal.damping + nominal.damping_gain)
        found |= {f"stiffness_scale.{name}": float(stiffness / nominal.stiffness),
                  f"joint_friction_scale.{name}": float(friction / nominal.friction),
                  f"joint_damping_scale.{name}": float(damping), f"damping_gain_scale.{name}": float(damping)}
    return found
