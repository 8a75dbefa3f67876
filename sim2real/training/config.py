"""What a training run is made of: dataclasses with defaults per task; the resolved one is saved with the run."""

from __future__ import annotations

import dataclasses
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

import sim2real
from sim2real.envs.vector import load_plan
from sim2real.errors import BadInputError, RunFolderError
from sim2real.files import atomic_write_bytes, atomic_write_text
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan
from sim2real.robots import load_robot
from sim2real.tasks import Task, load_task

_PACKAGES = ("numpy", "torch", "stable-baselines3", "gymnasium", "mujoco")


@dataclass(frozen=True)
class PPOConfig:
    """Proximal policy optimisation (Schulman et al. 2017) and its networks.

    Attributes:
        horizon: Control periods of every simulation between two updates.
        batch_size, epochs: Samples of a gradient step, and passes over the data of an update.
        learning_rate: At the start; it falls linearly to ``final_rate`` times that.
        gamma, gae_lambda: Discount, and weight of longer returns in the advantage.
        clip_range, entropy, value: PPO's clip, weight of the entropy, weight of the critic's loss.
        log_std: Logarithm of the actions' standard deviation at the start.
        actor, critic, activation: Widths of the hidden layers; "tanh", "elu" or "relu".
        asymmetric: Whether the critic sees the true state and the parameters.
    """

    horizon: int = 16
    batch_size: int = 1024
    epochs: int = 10
    learning_rate: float = 1e-3
    final_rate: float = 0.1
    gamma: float = 0.95
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    entropy: float = 0.0
    value: float = 0.5
    max_gradient: float = 1.0
    log_std: float = -1.2
    actor: tuple[int, ...] = (64, 64)
    critic: tuple[int, ...] = (128, 64)
    activation: str = "tanh"
    asymmetric: bool = True


# a drone's physics costs little beside the learning: more simulations and fewer passes over their data
_DRONE = PPOConfig(batch_size=4096, epochs=4, learning_rate=2e-3, gamma=0.97, log_std=-0.5, actor=(128, 64))
# steps, simulations, settings
_DEFAULTS: dict[str, tuple[int, int, PPOConfig]] = {
    "reach": (400_000, 256, PPOConfig()),
    "visual-reach": (400_000, 256, PPOConfig()),
    "hover": (3_200_000, 1024, _DRONE),
    "track": (4_800_000, 1024, _DRONE),
}
_ORIENTED_STEPS = 600_000  # of reach with an orientation, which passes 95 % a third later


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        task: Task id, such as "ur5e-reach"; with ``robot`` the task's name will do.
        robot: Name or path of a robot in place of the id's.
        options: Options of the task.
        seed: Everything random follows from it.
        steps: Control periods of all simulations together; None: the task's default.
        num_envs: Simulations; None: the task's default.
        randomization: "default", "none" or the path of a plan; a plan or its data will do.
        engine: Default: mujoco for arms, quadrotor for drones.
        threads: Of the engine, 0 for all cores; the result does not depend on it.
        target_success: Stop as soon as this share of test episodes succeeds.
        checkpoint_seconds: Time between two checkpoints.
        out: Run folder; default runs/<task>-<date>-<time>.
        ppo: None: the task's default.
    """

    task: str
    robot: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    steps: int | None = None
    num_envs: int | None = None
    randomization: RandomizationPlan | Mapping[str, Any] | str | Path | None = "default"
    engine: str | None = None
    threads: int = 0
    target_success: float | None = None
    checkpoint_seconds: float = 10.0
    out: str | Path | None = None
    ppo: PPOConfig | None = None


@dataclass(frozen=True)
class Resolved:
    """A configuration with everything looked up: what training works with and a run folder holds."""

    config: TrainConfig
    task: Task
    plan: RandomizationPlan | None


def resolve(config: TrainConfig) -> Resolved:
    """Look up robot, task and plan, fill in the task's defaults and check the numbers.

    Raises:
        BadInputError: What cannot be used, in one line.
    """
    task = load_task(config.task, config.robot, config.options)
    steps, num_envs, ppo = _DEFAULTS[task.name]
    if task.options.get("orientation", "free") != "free":
        steps = _ORIENTED_STEPS
    config = dataclasses.replace(config, steps=_either(config.steps, steps), ppo=_either(config.ppo, ppo),
                                 num_envs=_either(config.num_envs, num_envs), options=dict(task.options))
    _check(config)
    plan = load_plan(config.randomization, ParameterSpace.for_robot(task.robot))
    return Resolved(config, task, plan)


def _either(given, default):
    return default if given is None else given


def _check(config: TrainConfig) -> None:
    ppo = config.ppo
    for name, value, low in (("steps", config.steps, 1), ("num_envs", config.num_envs, 1), ("seed", config.seed, 0),
                             ("batch_size", ppo.batch_size, 2), ("horizon", ppo.horizon, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise BadInputError(f"{name}: expected a whole number of at least {low}, got {value!r}")
    if config.target_success is not None and not 0.0 < config.target_success <= 1.0:
        raise BadInputError(f"target_success: expected a share in (0, 1], got {config.target_success!r}")


# ------------------------------------------------------------------------------------------------- run folders
def save_run(folder: Path, run: Resolved) -> None:
    """Write ``config.yaml`` and the robot's files: enough to go on anywhere."""
    for name, data in run.task.robot.files.items():
        atomic_write_bytes(folder / "robot" / name, data)
    config = dataclasses.asdict(dataclasses.replace(run.config, randomization=None))
    del config["out"]
    config["robot"] = run.config.robot if run.config.robot is None else str(run.config.robot)
    config["ppo"]["actor"], config["ppo"]["critic"] = list(run.config.ppo.actor), list(run.config.ppo.critic)
    config["randomization"] = None if run.plan is None else run.plan.as_dict()
    record = {"config": config, "robot_hash": run.task.robot.hash, "versions": versions(), "git_commit": git_commit()}
    atomic_write_text(folder / "config.yaml", yaml.safe_dump(record, sort_keys=False))


def load_run(folder: str | Path) -> tuple[Resolved, dict[str, Any]]:
    """The resolved configuration of a run folder, with the robot it holds, and the whole record.

    Raises:
        RunFolderError: No such folder, or its configuration cannot be read.
    """
    folder = Path(folder)
    path = folder / "config.yaml"
    try:
        record = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunFolderError(f"{folder} is no run folder: {path.name} cannot be read "
                             f"({error.strerror or error}); give the folder that sim2real train made") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RunFolderError(f"{path}: not valid YAML; the run folder is damaged") from error
    if not isinstance(record, dict) or not isinstance(record.get("config"), dict):
        raise RunFolderError(f"{path}: there is no 'config' in it; the run folder is damaged")
    data = {**record["config"], "out": folder}
    try:
        ppo = data.pop("ppo")
        config = TrainConfig(**data, ppo=PPOConfig(**{**ppo, "actor": tuple(ppo["actor"]),
                                                      "critic": tuple(ppo["critic"])}))
    except (TypeError, KeyError) as error:
        raise RunFolderError(f"{path}: made by another version of sim2real ({error}); train again") from error
    task = load_task(config.task, load_robot(folder / "robot" / "robot.yaml"), config.options)
    return Resolved(config, task, load_plan(config.randomization, ParameterSpace.for_robot(task.robot))), record


def default_folder(task: Task, stamp: str) -> Path:
    """``runs/<robot>-<task>-<stamp>`` in the working directory."""
    return Path("runs") / f"{task.robot.name}-{task.name}-{stamp}"


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = {"python": platform.python_version(), "sim2real": sim2real.__version__}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """Commit of the package's checkout, with "-dirty" where it was changed; None outside of one."""
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"], timeout=10,
                              cwd=Path(__file__).parent, capture_output=True, text=True)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None

