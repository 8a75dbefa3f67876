"""What a user would write without this package: the same task as a plain gymnasium env, and a randomization wrapper.

The same robot model, substeps, action, observation, reward and episode as ``ur5e-reach``, written for one simulation
with MuJoCo's own functions, as its tutorials do; no sensor noise, no lost commands and no limits on jerk, which makes
it a little lighter than ours.
"""

from __future__ import annotations

from collections import deque

import gymnasium
import mujoco
import numpy as np

_HISTORY = 4


class PlainReach(gymnasium.Env):
    """Reach with one MjModel and one MjData, 25 Hz joint increments."""

    def __init__(self, robot: str):
        from sim2real.robots import load_robot
        from sim2real.simulators import make_simulator

        description = load_robot(robot)
        with make_simulator("mujoco", description, 1) as simulator:
            self.model, self.substeps = simulator.model, simulator.num_substeps
        self.data = mujoco.MjData(self.model)
        self.home, self.n = description.home, description.num_joints
        self.low, self.high = description.position_low, description.position_high
        self.speed = description.velocity_limit
        self.full_step = self.speed * description.control_period
        self.change = description.acceleration_limit * description.control_period**2
        self.site = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_SITE, "tool")
        self.jacobian = np.zeros((3, self.model.nv))
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self.n,), np.float32)
        size = self._reset_state() or self._observe().size
        self.observation_space = gymnasium.spaces.Box(-10.0, 10.0, (size,), np.float32)

    def _reset_state(self) -> None:
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[: self.n] = self.home
        self.data.ctrl[: self.n] = self.home
        self.command, self.rate, self.steps = self.home.copy(), np.zeros(self.n), 0
        self.goal = np.array([0.4, 0.2, 0.4])
        self.actions = deque([np.zeros(self.n)] * _HISTORY, _HISTORY)
        self.leads = deque([np.zeros(self.n)] * _HISTORY, _HISTORY)
        self.speeds = deque([np.zeros(self.n)] * 2, 2)
        mujoco.mj_forward(self.model, self.data)

    def reset(self, *, seed=None, options=None):
        """Home pose, a new goal."""
        super().reset(seed=seed)
        self._reset_state()
        self.goal = self.data.site_xpos[self.site] + self.np_random.uniform(-0.3, 0.3, 3)
        return self._observe(), {}

    def _observe(self) -> np.ndarray:
        q, v = self.data.qpos[: self.n], self.data.qvel[: self.n]
        way = self.goal - self.data.site_xpos[self.site]
        mujoco.mj_jacSite(self.model, self.data, self.jacobian, None, self.site)
        square = self.jacobian @ self.jacobian.T + 0.05**2 * np.eye(3)
        step = (self.jacobian.T @ np.linalg.solve(square, way))[: self.n]
        self.leads.append((self.command - q) / self.full_step)
        self.speeds.append(3.0 * v / self.speed)
        parts = [0.5 * (q - self.home), *self.speeds, *self.leads, 3.0 * self.rate / self.full_step, 4.0 * way,
                 2.0 * np.tanh(step / (2.0 * self.full_step)), *self.actions]
        return np.clip(np.concatenate(parts), -10.0, 10.0).astype(np.float32)

    def step(self, action):
        """One control period."""
        action = np.clip(np.asarray(action, float), -1.0, 1.0)
        q = self.data.qpos[: self.n]
        wanted = np.clip(self.command + 0.5 * self.full_step * action, q - 3 * self.full_step, q + 3 * self.full_step)
        self.rate = np.clip(wanted - self.command, self.rate - self.change, self.rate + self.change)
        self.command = np.clip(self.command + self.rate, self.low, self.high)
        self.data.ctrl[: self.n] = self.command
        mujoco.mj_step(self.model, self.data, self.substeps)
        mujoco.mj_kinematics(self.model, self.data)  # positions of the new state, not of the last substep
        mujoco.mj_comPos(self.model, self.data)
        error = float(np.linalg.norm(self.goal - self.data.site_xpos[self.site]))
        near = np.exp(-error / 0.2) + np.exp(-((error / 0.02) ** 2)) + np.exp(-((error / 0.006) ** 2))
        rate = float(np.mean((action - self.actions[-1]) ** 2))
        reward = near - 0.05 * rate - 0.02 * float(np.mean(action**2))
        reward -= 2.0 * float(np.mean((self.data.qvel[: self.n] / self.speed) ** 2)) * np.exp(-((error / 0.05) ** 2))
        self.actions.append(action)
        self.steps += 1
        return self._observe(), float(reward), False, self.steps >= 90, {"error": error, "success": error < 0.02}


class RandomizedPhysics(gymnasium.Wrapper):
    """Masses, payload, joints, servos and dead time drawn anew at each reset, always from the nominal model."""

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        model = env.unwrapped.model
        self.nominal = {name: getattr(model, name).copy() for name in
                        ("body_mass", "body_inertia", "dof_damping", "dof_frictionloss", "dof_armature",
                         "actuator_gainprm", "actuator_biasprm", "actuator_forcerange")}

    def reset(self, **kwargs):
        """A new draw, then the env's reset."""
        model, rng = self.env.unwrapped.model, self.np_random
        mass = rng.uniform(0.85, 1.15, model.nbody)
        model.body_mass[:] = self.nominal["body_mass"] * mass
        model.body_inertia[:] = self.nominal["body_inertia"] * mass[:, None]
        for name in ("dof_damping", "dof_frictionloss", "dof_armature"):
            getattr(model, name)[:] = self.nominal[name] * rng.uniform(0.5, 2.0, model.nv)
        gain = rng.uniform(0.5, 1.3, (model.nu, 1))
        model.actuator_gainprm[:] = self.nominal["actuator_gainprm"] * gain
        model.actuator_biasprm[:] = self.nominal["actuator_biasprm"] * gain
        model.actuator_forcerange[:] = self.nominal["actuator_forcerange"] * rng.uniform(0.85, 1.0, (model.nu, 1))
        model.actuator_delay[:] = rng.uniform(0.0, 0.11)
        model.opt.gravity[:2] = 9.81 * rng.uniform(-0.03, 0.03, 2)
        mujoco.mj_setConst(model, self.env.unwrapped.data)
        return self.env.reset(**kwargs)
