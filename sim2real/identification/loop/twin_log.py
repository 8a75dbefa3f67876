"""The log that a robot would write: a deployed policy runs on a twin, and its driver's samples are recorded.

Evaluation steps a twin by control periods; a driver reports in between. Here the twin's engine is driven in its own
integration steps, and what happens on the way to and from the robot (loss, backlash, dead time, age of samples) happens
outside of it, with the same meaning as in ``Simulator``.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from sim2real import rng
from sim2real.deployment.bundle import Bundle
from sim2real.deployment.runner import Runner
from sim2real.errors import BadInputError
from sim2real.evaluation.twins import SEED
from sim2real.recordings.layout import command_channels, state_channels
from sim2real.recordings.recording import Recording
from sim2real.simulators import make_simulator
from sim2real.simulators.effects import CommandEffects
from sim2real.types import RobotState

_OUTSIDE = ("actuator_delay", "control_jitter", "command_drop_probability", "sensor_delay", "backlash")


def record_episodes(bundle: Bundle, engine: str, values: np.ndarray, seeds: np.ndarray) -> list[Recording]:
    """Logs of the policy's episodes on one twin, a row each integration step, as its driver would report them.

    Args:
        bundle: The deployed policy of an arm.
        engine: Of the twin.
        values: The twin's parameters, (P,).
        seeds: Of the episodes: goals, starts and noise, (n,).

    Raises:
        BadInputError: The robot is no arm.
    """
    robot, task, n = bundle.robot, bundle.task, len(seeds)
    if robot.kind != "arm":
        raise BadInputError(f"logs of a twin are recorded for arms, {robot.name} is a {robot.kind}; give your own logs "
                            "to sim2real identify")
    space, rows = task.space, np.tile(values, (n, 1))
    with make_simulator(engine, _in_steps(robot), n, seed=SEED) as sim:
        steps = round(task.control_period / sim.substep)
        way = _Way(CommandEffects(space, n, robot.num_joints, SEED), rows, seeds, sim.substep, steps)
        inside = rows.copy()
        inside[:, [space.column(name) for name in _OUTSIDE]] = 0.0
        sim.identify(seeds)
        sim.set_parameters(None, inside)
        goal = task.sample_goal(rng.uniform(SEED, seeds, 0, "goal", task.goal_uniforms))
        start = task.sample_state(rng.uniform(SEED, seeds, 0, "initial", task.state_uniforms), goal)
        sim.reset(None, start, noise_counter=np.zeros(n, int))
        runner, age = Runner(bundle, n), math.ceil(values[space.column("sensor_delay")] / sim.substep - 1e-6)
        runner.reset(sim.state(), goal)
        way.reset(runner.command)
        reported = [sim.state()] * (age + 1)  # the newest last
        commands, states = [], []
        for k in range(task.episode_steps * steps):
            if k % steps == 0:
                way.send(runner.step(reported[-1 - age], k * sim.substep).command)
            commands.append(runner.command.copy())
            states.append(reported[-1 - age])
            sim.step(way.in_force())
            reported.append(sim.state())
        return _recordings(robot, seeds, sim.substep, np.array(commands), states)


def _in_steps(robot):
    """``robot`` driven in integration steps; its dead times are acted out outside."""
    silent = {name: change for name, change in robot.parameter_overrides.items() if name not in _OUTSIDE}
    return dataclasses.replace(robot, control_period=robot.substep, parameter_overrides=silent,
                               sensors=dataclasses.replace(robot.sensors, delay=0.0),
                               actuator=dataclasses.replace(robot.actuator, delay=0.0))


class _Way:
    """Commands on their way to n servos: at a time t those act that were given the dead time before (``DelayLine``).

    Args:
        effects: Loss, backlash and jitter.
        values: Of the twin's parameters, (n, P).
        seeds: Names of the episodes to the random numbers, (n,).
        step: Length of a step in [s].
        steps: In a control period.
    """

    def __init__(self, effects: CommandEffects, values: np.ndarray, seeds: np.ndarray, step: float, steps: int):
        self._effects, self._values, self._step, self._steps = effects, values, step, steps
        effects.identify(seeds)
        self._all = np.arange(len(values))
        self._given: list[np.ndarray] = []  # the first is the one before all others

    def reset(self, command: np.ndarray) -> None:
        """As if ``command`` (n, C) had always been given."""
        self._effects.reset(self._all, command)
        self._given = [command.copy()]

    def send(self, command: np.ndarray) -> None:
        """A command (n, C) at the beginning of a control period."""
        count = np.full(len(self._all), len(self._given) - 1, np.int64)
        given, delay = self._effects.apply(command, self._values, count)
        self._given.append(given.copy())
        # dead time in steps; 1e-6: n steps written in floating point are n steps
        self._late, self._at = np.ceil(delay / self._step - 1e-6).astype(int), 0

    def in_force(self) -> np.ndarray:
        """What the servos follow during the next step, (n, C)."""
        back = -((self._at - self._late) // self._steps)  # periods ago in which it was given
        self._at += 1
        row = np.maximum(len(self._given) - 1 - back, 0)
        return np.stack(self._given)[row, self._all]


def _recordings(robot, seeds: np.ndarray, step: float, commands: np.ndarray, states: list[RobotState]
                ) -> list[Recording]:
    names = (*command_channels(robot), *state_channels(robot))
    measured = np.stack([np.concatenate([s.joint_position, s.joint_velocity], axis=1) for s in states])
    rows = np.concatenate([commands, measured], axis=2)  # (T, n, channels)
    time = step * np.arange(len(rows))
    return [Recording(f"episode {seed}", time, dict(zip(names, rows[:, i].T, strict=True)))
            for i, seed in enumerate(seeds)]
