"""What can be told at all: the least deviation of any estimate after some seconds of a policy's own motion.

The Bayesian Cramer-Rao bound (Van Trees 1968), linear about each of some robots: with the sensitivities J of all
measurements to all parameters that vary, noise R and prior P0 the posterior covariance is (J^T R^-1 J + P0^-1)^-1. It
leaves out pushes, lost commands and friction's kinks, so no estimator reaches it; but what it says cannot be told, no
estimator can.
"""

from __future__ import annotations

from contextlib import closing

import numpy as np
import torch

from sim2real.envs.conditioning import Conditioning
from sim2real.envs.vector import AutoresetMode, Sim2RealVectorEnv, default_engine
from sim2real.identification.online.rollouts import Teacher
from sim2real.parameters import Parameter
from sim2real.simulators import Simulator, make_simulator
from sim2real.training.config import Resolved
from sim2real.training.policy import Actor
from sim2real.types import RobotState

_STEP = 0.05  # of the central differences, in unit coordinates
_PRIOR_PRECISION = 3.0  # of a uniform on [-1, 1]
_NOISY = ("sensing", "disturbance")  # roles that say how measurements scatter, but for constant errors


def bound(run: Resolved, actor: Actor, seconds: float, *, episodes: int = 12, seed: int = 0) -> dict[str, float]:
    """Median over ``episodes`` robots of the posterior's deviation over the prior's, by parameter.

    A tenth: it can be told to a tenth of what was known before; one: it cannot be told. For a Gaussian posterior the
    mean absolute error is 0.8 times that. Parameters of a group that is drawn together count as drawn apart.
    """
    names = [name for name, row in run.plan.ranges(run.task.space).items() if row["when"] == "episode"
             and row["low"] < row["high"] and not _scatters(run.task.space[name])]
    told = Conditioning(run.task.space, run.plan, names)
    values, start, commands = _record(run, actor, seconds, episodes, seed)
    engine = run.config.engine or default_engine(run.task.robot)
    with closing(make_simulator(engine, run.task.robot, 2 * len(names))) as sim:
        found = [_posterior(sim, told, *row) for row in zip(values, start, commands, strict=True)]
    return dict(zip(names, np.median(found, axis=0).tolist(), strict=True))


@torch.no_grad()
def _record(run: Resolved, actor: Actor, seconds: float, episodes: int, seed: int):
    """Parameters (n, P), start states, and commands (n, T, C) of episodes under the policy that is told the truth."""
    with closing(Sim2RealVectorEnv(run.task, episodes, engine=run.config.engine, randomization=run.plan, seed=seed,
                                   autoreset=AutoresetMode.DISABLED, known=run.known)) as env:
        act, observed, commands = Teacher(actor, 0.0, seed), run.task.builder(1).size, []
        observation, _ = env.reset()
        act.begin(episodes)
        values, truth = env.sim.values.copy(), env.sim.true_state()
        start = [truth[[i]].copy() for i in range(episodes)]
        for _ in range(round(seconds / run.task.control_period)):
            rows = torch.as_tensor(observation)
            observation, *_ = env.step(act(rows[:, :observed], rows[:, observed:], rows).numpy())
            commands.append(env.context.command.copy())
    return values, start, np.stack(commands, axis=1)


def _posterior(sim: Simulator, told: Conditioning, values: np.ndarray, start: RobotState, commands: np.ndarray
               ) -> np.ndarray:
    """Deviation of each parameter over its prior's for one robot: two simulations per parameter, one on each side."""
    n, rows = len(told), np.tile(values, (2 * len(told), 1))
    for k, parameter in enumerate(sim.space.parameters):
        if _scatters(parameter):
            rows[:, k] = 0.0
    for k, (estimate, column) in enumerate(zip(told.estimates, told.columns, strict=True)):
        middle = np.clip(estimate.to_unit(values[column]), -1.0 + _STEP, 1.0 - _STEP)
        rows[2 * k:2 * k + 2, column] = estimate.from_unit(middle + np.array([_STEP, -_STEP]))
    sim.set_parameters(None, rows)
    sim.reset(None, start[np.zeros(2 * n, int)])
    seen = []
    for command in commands:
        sim.step(np.tile(command, (2 * n, 1)))
        seen.append(_over_noise(sim))
    seen = np.stack(seen, axis=1).reshape(n, 2, -1)
    sensitivity = (seen[:, 0] - seen[:, 1]) / (2.0 * _STEP)
    information = sensitivity @ sensitivity.T + _PRIOR_PRECISION * np.eye(n)
    return np.sqrt(np.diag(np.linalg.inv(information)) * _PRIOR_PRECISION)


def _scatters(parameter: Parameter) -> bool:
    constant = "bias" in parameter.name or "scale" in parameter.name
    return parameter.name == "command_drop_probability" or parameter.role in _NOISY and not constant


def _over_noise(sim: Simulator) -> np.ndarray:
    """Measurements over the standard deviation of their noise, (n, channels)."""
    state, sensors = sim.state(), sim.robot.sensors
    if sim.robot.kind == "arm":
        parts = ((state.joint_position, sensors.position_noise), (state.joint_velocity, sensors.velocity_noise))
        if sensors.effort_noise is not None:
            parts += ((state.joint_effort, sensors.effort_noise * sim.robot.effort_limit),)
    else:
        turned = 2.0 * state.quaternion[:, 1:] * np.sign(state.quaternion[:, :1])
        parts = ((state.position, sensors.position_noise), (state.linear_velocity, sensors.velocity_noise),
                 (turned, sensors.attitude_noise), (state.angular_velocity, sensors.gyro_noise))
    return np.concatenate([value / np.maximum(noise, 1e-4) for value, noise in parts], axis=1)
