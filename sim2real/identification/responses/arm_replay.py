"""The commands of an arm's recordings, carried out by a simulator: does the simulated arm move as the real one did?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sim2real.errors import BadInputError, unknown
from sim2real.recordings.recording import Recording
from sim2real.robots import RobotDescription
from sim2real.simulators import make_simulator
from sim2real.types import RobotState


def replay(recordings: Sequence[Recording], robot: RobotDescription, joints: Mapping[str, str],
           values: Mapping[str, float], *, lift: float = 0.0, engine: str = "mujoco") -> list[np.ndarray]:
    """Positions (n, J) in [rad] at each recording's rows, all recordings simulated together, open loop.

    Args:
        recordings: Channels ``command.JOINT`` and ``position.JOINT``; of the latter only the first row is used.
        robot: The arm; joints that no channel is for stay at home.
        joints: A recording's joint -> the robot's.
        values: Parameters by name; the others are nominal.
        lift: Height in [m] that the arm is mounted higher than described: real ones often stand above their table.
        engine: Of the simulator.

    Raises:
        BadInputError: A joint or channel that is not there.
        ParameterError: A parameter that is not there.
    """
    for name in joints.values():
        if name not in robot.joint_names:
            raise BadInputError(f"robot {robot.name}: {unknown('joint', name, robot.joint_names)}")
    step = float(np.median([1.0 / recording.rate for recording in recordings]))
    columns = [robot.joint_names.index(name) for name in joints.values()]
    simulator = make_simulator(engine, _mounted(robot, step, lift), len(recordings), threads=1)
    table = simulator.space.batch(len(recordings))
    for name, value in values.items():
        table[:, simulator.space.column(name)] = value
    simulator.set_parameters(None, table)
    grid = np.arange(max(int(np.ceil(each.time[-1] / step)) + 1 for each in recordings)) * step
    commands = np.stack([_at(each, "command", joints, grid) for each in recordings], axis=1)
    command = np.tile(np.asarray(robot.home, float), (len(recordings), 1))
    state = RobotState.zeros(len(recordings), robot.num_joints)
    state.joint_position[:] = command
    state.joint_position[:, columns] = np.stack([_at(each, "position", joints, grid[:1])[0] for each in recordings])
    simulator.reset(None, state)
    found = np.empty_like(commands)
    for k, row in enumerate(commands):
        found[k] = simulator.true_state().joint_position[:, columns]
        command[:, columns] = row
        simulator.step(command)
    simulator.close()
    return [np.stack([np.interp(each.time, grid, column) for column in found[:, i].T], axis=1)
            for i, each in enumerate(recordings)]


def _mounted(robot: RobotDescription, step: float, lift: float) -> RobotDescription:
    """The robot with one control period a row, ``lift`` higher over the floor."""
    model = robot.model
    raised = tuple(replace(joint, xyz=joint.xyz + np.array([0.0, 0.0, lift])) if joint.parent == model.root else joint
                   for joint in model.joints)
    return replace(robot, control_period=step, model=replace(model, joints=raised))


def _at(recording: Recording, quantity: str, joints: Mapping[str, str], grid: np.ndarray) -> np.ndarray:
    """Channels (T, J) on a grid, in between rows interpolated: holding them makes jitter of the rows' times a lag."""
    columns = []
    for joint in joints:
        values = recording.channels.get(f"{quantity}.{joint}")
        if values is None or not np.isfinite(values).all():
            raise BadInputError(f"{recording.name}: expected a channel {quantity}.{joint} without gaps; it has "
                                f"{', '.join(recording.channels)}")
        columns.append(np.interp(grid, recording.time, values))
    return np.stack(columns, axis=1)
