"""What a robot's computer has: numpy, onnxruntime, pydantic, pyyaml. Everything else is made impossible to import."""

import subprocess
import sys

_PROGRAM = """
import sys

BLOCKED = {"torch", "mujoco", "pybullet", "pybullet_data", "gymnasium", "rclpy", "onnx", "onnxscript", "scipy", "rich",
           "stable_baselines3", "matplotlib", "hypothesis", "tyro", "safetensors"}


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"blocked: {name}", name=name)


sys.meta_path.insert(0, Blocker())
import numpy as np
from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.runner import Runner
from sim2real.types import RobotState

bundle = load_bundle(sys.argv[1], "ur5e")
runner = Runner(bundle)
state = RobotState.zeros(1, 6)
state.joint_position[:] = bundle.robot.home
runner.reset(state, np.array([0.4, 0.1, 0.3]))
for k in range(5):
    state.time[:] = 0.04 * k
    decision = runner.step(state, 0.04 * k)
    assert decision.mode[0] == "ACTIVE" and np.isfinite(decision.command).all()
assert not BLOCKED & {name.split(".")[0] for name in sys.modules}
print("ran", len(sys.modules))
"""


def test_a_bundle_runs_with_the_deploy_extra_alone(arm_path, root):
    done = subprocess.run([sys.executable, "-c", _PROGRAM, str(arm_path)], cwd=root, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ran")
