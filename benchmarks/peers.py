"""What a user would write without this package: a plain gymnasium env on MuJoCo and a randomization wrapper."""

from __future__ import annotations

import gymnasium
import mujoco
import numpy as np


class PlainReach(gymnasium.Env):
    """Reach with one MjModel and one MjData, 25 Hz joint increments, the usual observations."""

    def __init__(self, robot: str):
        from sim2real.robots import load_robot
        from sim2real.simulators import make_simulator

        description = load_robot(robot)
        with make_simulator("mujoco", description, 1) as simulator:
            self.model, self.substeps = simulator.model, simulator.num_substeps
        self.data = mujoco.MjData(self.model)
        self.home = description.home
        self.low, self.high = description.position_low, description.position_high
        self.n = len(self.home)
        self.site = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_SITE, "tool")
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self.n,), np.float32)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (4 * self.n + 3,), np.float32)

    def reset(self, *, seed=None, options=None):
        """Home pose, a new goal."""
        super().reset(seed=seed)
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[: self.n] = self.home
        self.command, self.last, self.steps = self.home.copy(), np.zeros(self.n), 0
        mujoco.mj_forward(self.model, self.data)
        self.goal = self.data.site_xpos[self.site] + self.np_random.uniform(-0.3, 0.3, 3)
        return self._observe(), {}

    def _observe(self):
        tool = self.data.site_xpos[self.site]
        q, v = self.data.qpos[: self.n], self.data.qvel[: self.n]
        return np.concatenate([q, v, self.command - q, self.last, self.goal - tool]).astype(np.float32)

    def step(self, action):
        """One control period."""
        self.command = np.clip(self.command + 0.05 * action, self.low, self.high)
        self.data.ctrl[: self.n] = self.command
        mujoco.mj_step(self.model, self.data, self.substeps)
        error = float(np.linalg.norm(self.goal - self.data.site_xpos[self.site]))
        reward = -error - 0.01 * float(np.sum((action - self.last) ** 2))
        self.last, self.steps = np.asarray(action), self.steps + 1
        return self._observe(), reward, False, self.steps >= 100, {}


class RandomizedPhysics(gymnasium.Wrapper):
    """Masses, damping, friction, armature and gains drawn anew at each reset, always from the nominal model."""

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        model = env.unwrapped.model
        self.nominal = {name: getattr(model, name).copy() for name in
                        ("body_mass", "body_inertia", "dof_damping", "dof_frictionloss", "dof_armature",
                         "actuator_gainprm", "actuator_biasprm")}

    def reset(self, **kwargs):
        """A new draw, then the env's reset."""
        model, rng = self.env.unwrapped.model, np.random.default_rng()
        mass = rng.uniform(0.8, 1.2, model.nbody)
        model.body_mass[:] = self.nominal["body_mass"] * mass
        model.body_inertia[:] = self.nominal["body_inertia"] * mass[:, None]
        for name in ("dof_damping", "dof_frictionloss", "dof_armature"):
            getattr(model, name)[:] = self.nominal[name] * rng.uniform(0.5, 2.0, model.nv)
        gain = rng.uniform(0.5, 1.3, (model.nu, 1))
        model.actuator_gainprm[:] = self.nominal["actuator_gainprm"] * gain
        model.actuator_biasprm[:] = self.nominal["actuator_biasprm"] * gain
        mujoco.mj_setConst(model, self.env.unwrapped.data)
        return self.env.reset(**kwargs)
