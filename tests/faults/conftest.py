"""Fixtures of the fault tests: the rig, and those that it shares with the tests of ROS 2."""

from __future__ import annotations

import pytest

from sim2real.deployment.heartbeat import default_folder, robot_key
from tests.faults.rig import Rig
from tests.ros.ros_processes import domain, hover_bundle, processes, reach_bundle, ros

__all__ = ["domain", "hover_bundle", "processes", "reach_bundle", "ros"]


@pytest.fixture
def make_rig(processes, ros, tmp_path, fault_row):
    """Makes rigs: ``make_rig(robot="ur5e", interface=None)``."""
    made: list[Rig] = []

    def make(robot="ur5e", interface=None) -> Rig:
        made.append(Rig(processes, ros, tmp_path, fault_row, robot, interface))
        return made[-1]

    yield make
    for rig in made:
        rig.close()
    processes.close()
    for rig in made:  # of killed runners
        (default_folder() / f"sim2real-{robot_key(rig.robot.name, processes.domain)}.beat").unlink(missing_ok=True)


@pytest.fixture
def rig(make_rig) -> Rig:
    """A UR5e at its forward_position interface."""
    return make_rig()
