import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sim2real.robots import load_robot
from sim2real.simulators import mujoco as engine
from sim2real.simulators.mujoco_arm import MujocoArm


def run_python(code: str, **variables: str) -> str:
    """Standard output of a process of its own."""
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": root, **variables}).stdout


def test_make_by_kind():
    with engine.make(load_robot("ur5e"), 1) as arm:
        assert isinstance(arm, MujocoArm)
    with engine.make(load_robot("crazyflie"), 1) as drone:
        assert drone.command_size == 4


def test_arms_do_not_import_the_drones_module():
    code = ("import sys; from sim2real.robots import load_robot; from sim2real.simulators import make_simulator;"
            "make_simulator('mujoco', load_robot('ur5e')); print([m for m in sys.modules if 'drone' in m or m in "
            "('pybullet', 'torch', 'gymnasium')])")
    assert run_python(code).strip() == "[]"


def test_an_instability_leaves_no_log_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with engine.make(load_robot("so101"), 2) as sim:
        values = sim.values.copy()
        values[1, sim.space.column("stiffness_scale")] = 100.0
        values[1, sim.space.column("armature_scale")] = 1e-3
        values[1, sim.space.column("effort_limit_scale")] = 1e3
        sim.set_parameters(None, values)
        sim.reset()
        for _ in range(40):
            sim.step(np.tile(sim.robot.home, (2, 1)) + 0.2)
        assert sim.unstable.tolist() == [False, True]
        assert sim.true_state().is_finite().all()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("threads", [1, 2])
def test_threads(threads):
    with engine.make(load_robot("ur5e"), 4, threads=threads) as sim:
        assert sim.batch.nthread == threads
