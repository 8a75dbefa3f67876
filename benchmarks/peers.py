"""What a user would write without this package: the same task as a plain gymnasium env, and randomization wrappers.

The same robot model, substeps, action, observation, reward and episode as ``ur5e-reach``, written for one simulation
with MuJoCo's own functions, as its tutorials do. ``RandomizedPhysics`` draws masses, payload, joints, servos, dead time
and gravity at each reset; ``ImperfectChannels`` adds what is between policy and robot: lost and late commands,
backlash, sensor noise, bias, resolution and age. There are no bounds on jerk, which makes it lighter than ours.
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
        self.site = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_SITE, "s2r/tool")
        self.tool = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_BODY, "s2r/tool")
        self.jacobian = np.zeros((3, self.model.nv))
        self.sense = lambda q, v: (q, v)  # a wrapper may put an imperfect sensor here
        self.send = lambda command: command  # and an imperfect command channel here
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self.n,), np.float32)
        size = self._reset_state() or self._observe().size
        self.observation_space = gymnasium.spaces.Box(-10.0, 10.0, (size,), np.float32)

    def _reset_state(self) -> None:
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[: self.n] = self.home
        self.data.ctrl[: self.n] = self.home
        self.data.act[: self.n] = self.home
        self.command, self.rate, self.steps = self.home.copy(), np.zeros(self.n), 0
        self.goal = np.array([0.4, 0.2, 0.4])
        self.actions = deque([np.zeros(self.n)] * _HISTORY, _HISTORY)
        self.leads = deque([np.zeros(self.n)] * _HISTORY, _HISTORY)
        self.speeds = deque([np.zeros(self.n)] * 2, 2)
        mujoco.mj_forward(self.model, self.data)
        self.measured = self.home, np.zeros(self.n)

    def reset(self, *, seed=None, options=None):
        """Home pose, a new goal."""
        super().reset(seed=seed)
        self._reset_state()
        self.goal = self.data.site_xpos[self.site] + self.np_random.uniform(-0.3, 0.3, 3)
        return self._observe(), {}

    def _observe(self) -> np.ndarray:
        q, v = self.measured
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
        q = self.measured[0]
        wanted = np.clip(self.command + 0.5 * self.full_step * action, q - 3 * self.full_step, q + 3 * self.full_step)
        self.rate = np.clip(wanted - self.command, self.rate - self.change, self.rate + self.change)
        self.command = np.clip(self.command + self.rate, self.low, self.high)
        self.data.ctrl[: self.n] = self.send(self.command)
        mujoco.mj_step(self.model, self.data, self.substeps)
        mujoco.mj_kinematics(self.model, self.data)  # positions of the new state, not of the last substep
        mujoco.mj_comPos(self.model, self.data)
        self.measured = self.sense(self.data.qpos[: self.n], self.data.qvel[: self.n])
        error = float(np.linalg.norm(self.goal - self.data.site_xpos[self.site]))
        near = 1.0 / (1.0 + (error / 0.2) ** 2) + np.exp(-((error / 0.02) ** 2)) + np.exp(-((error / 0.006) ** 2))
        rate = float(np.mean((action - self.actions[-1]) ** 2))
        reward = near - rate - 0.02 * float(np.mean(action**2))
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
        self.payload = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, "s2r/payload")

    def reset(self, **kwargs):
        """A new draw, then the env's reset."""
        model, rng = self.env.unwrapped.model, self.np_random
        mass = rng.uniform(0.85, 1.15, model.nbody)
        model.body_mass[:] = self.nominal["body_mass"] * mass
        model.body_mass[self.payload] = rng.uniform(0.0, 2.0)
        model.body_inertia[:] = self.nominal["body_inertia"] * mass[:, None]
        for name in ("dof_damping", "dof_frictionloss", "dof_armature"):
            getattr(model, name)[:] = self.nominal[name] * rng.uniform(0.5, 2.0, model.nv)
        gain = rng.uniform(0.5, 1.3, (model.nu, 1))
        model.actuator_gainprm[:] = self.nominal["actuator_gainprm"] * gain
        model.actuator_biasprm[:] = self.nominal["actuator_biasprm"] * gain
        model.actuator_forcerange[:] = self.nominal["actuator_forcerange"] * rng.uniform(0.85, 1.0, (model.nu, 1))
        model.opt.gravity[:2] = 9.81 * rng.uniform(-0.03, 0.03, 2)
        mujoco.mj_setConst(model, self.env.unwrapped.data)
        return self.env.reset(**kwargs)


class ImperfectChannels(gymnasium.Wrapper):
    """Lost commands, dead time with jitter, backlash, pushes; sensor age, bias, noise and resolution."""

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        env.unwrapped.sense, env.unwrapped.send = self._sense, self._send

    def reset(self, **kwargs):
        """New channels, then the env's reset."""
        base, rng = self.env.unwrapped, self.np_random
        self.loss, self.jitter, self.backlash = rng.uniform(0.0, [0.02, 0.01, 0.002])
        self.delay, self.age = rng.uniform(0.0, 0.12), rng.uniform(0.0, 0.5)  # [s], [periods]
        self.bias, self.noise = rng.uniform(-0.002, 0.002, base.n), rng.uniform(0.0, [0.0005, 0.01])
        self.resolution = rng.uniform(1e-5, 5e-4)
        self.push = rng.integers(0, 90)
        self.past = deque([base.home] * 5, 5)
        self.held = self.behind = base.home
        self.before = base.home, np.zeros(base.n)
        return self.env.reset(**kwargs)

    def _send(self, command: np.ndarray) -> np.ndarray:
        base, rng = self.env.unwrapped, self.np_random
        self.held = self.held if rng.random() < self.loss else command
        self.behind = np.clip(self.behind, self.held - self.backlash / 2, self.held + self.backlash / 2)
        self.past.appendleft(self.behind)
        late = (self.delay + self.jitter * rng.random()) / 0.04
        whole = int(late)
        base.model.actuator_delay[:] = 0.04 * (late - whole)
        pushed = self.push <= base.steps < self.push + 5
        base.data.xfrc_applied[base.tool, :3] = rng.uniform(-5.0, 5.0, 3) if pushed else 0.0
        return self.past[min(whole, 4)]

    def _sense(self, q: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rng, before = self.np_random, self.before
        self.before = q.copy(), v.copy()
        q = q + self.age * (before[0] - q) + self.bias + self.noise[0] * rng.standard_normal(len(q))
        v = v + self.age * (before[1] - v) + self.noise[1] * rng.standard_normal(len(v))
        return np.round(q / self.resolution) * self.resolution, v
