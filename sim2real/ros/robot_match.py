"""Whether a bundle fits the robot it is to be deployed on."""

from __future__ import annotations

from typing import Any

import yaml

from sim2real.errors import BundleError
from sim2real.robots import RobotDescription

# sections that a site may change without training again: how the robot is talked to, words, and randomization's ranges
_FREE = ("ros", "description", "sources", "cameras", "parameters")


def check_same_robot(bundled: RobotDescription, local: RobotDescription) -> None:
    """Raise BundleError where ``local`` is another robot, or physically described otherwise, than ``bundled``."""
    if bundled.name != local.name:
        raise BundleError(f"the bundle is for robot {bundled.name}, not for {local.name}; use a policy that was "
                          f"trained for {local.name}")
    ours, theirs = _physical(bundled), _physical(local)
    for section in sorted({*ours, *theirs}):
        if ours.get(section) != theirs.get(section):
            raise BundleError(f"the bundle was trained for another description of {local.name}: {section} differs; "
                              "train again, or use the description it was trained for")


def _physical(robot: RobotDescription) -> dict[str, Any]:
    """What makes the robot what it is, by section of robot.yaml or name of file."""
    content: dict[str, Any] = {name: data for name, data in robot.files.items() if name != "robot.yaml"}
    content.update(yaml.safe_load(robot.files["robot.yaml"]))
    if isinstance(sensors := content.get("sensors"), dict):  # that efforts are reported changes nothing of the robot
        content["sensors"] = {name: value for name, value in sensors.items() if name != "effort_noise"}
    return {name: value for name, value in content.items() if name not in _FREE}
