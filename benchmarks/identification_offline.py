"""Offline identification on twins: errors, intervals, time, and ``mujoco.sysid`` beside it.

    python -m benchmarks.identification_offline --twins 40 --json

A twin is a UR5e in PyBullet with 12 hidden parameters, encoders with noise and a resolution, and a dead time that acts
in whole cycles of its driver. It follows 30 s of excitation at the driver's 500 Hz; the simulation that is fitted is
MuJoCo. Positions alone never tell a common factor of all forces, so link masses count as known.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from sim2real.cli.output import print_json, print_table, progress_bar, say
from sim2real.identification.offline.estimation import identify
from sim2real.identification.offline.problem import Problem, make_problem
from sim2real.identification.offline.replay import with_step
from sim2real.identification.offline.sysid_peer import sysid_search
from sim2real.parameters import ParameterSpace
from sim2real.recordings.layout import command_channels, state_channels
from sim2real.recordings.recording import Recording
from sim2real.robots import RobotDescription, load_robot
from sim2real.simulators import make_simulator

HIDDEN = ("payload_mass", "payload_offset_z", "actuator_delay", "motor_time_constant", "joint_damping_scale",
          "joint_friction_scale", "stiffness_scale", "damping_gain_scale", "armature_scale",
          "joint_friction_scale.elbow_joint", "joint_damping_scale.wrist_1_joint", "stiffness_scale.wrist_1_joint")
RATE, SECONDS = 500.0, 30.0  # [Hz] of the driver, [s]
QUANTUM = 1e-4  # [rad] of the encoders
FIRST_TWIN = 10_000  # seeds of evaluation; methods were chosen on others
_HARMONICS = 0.1 * np.arange(1, 8)  # [Hz]
_SPANS = (1.2, 0.5, 0.7, 1.0, 1.0, 1.5)  # [rad] about home: clear of the floor and of the robot itself
_SHARE = 0.8, 0.6  # of the limits of velocity and acceleration


def excitation(robot: RobotDescription, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Time (n,) [s] and set points (n, J) [rad]: a Fourier series for each joint, scaled into its limits."""
    random, t = np.random.default_rng(seed), np.arange(round(SECONDS * RATE)) / RATE
    phase = 2.0 * np.pi * np.outer(t, _HARMONICS)
    q = np.empty((len(t), robot.num_joints))
    for j in range(robot.num_joints):
        a, b = random.normal(size=(2, len(_HARMONICS))) / np.sqrt(_HARMONICS)
        x = np.sin(phase) @ a + (np.cos(phase) - 1.0) @ b
        v = np.gradient(x, t)
        scale = min(_SPANS[j] / np.abs(x).max(), _SHARE[0] * robot.velocity_limit[j] / np.abs(v).max(),
                    _SHARE[1] * robot.acceleration_limit[j] / np.abs(np.gradient(v, t)).max())
        q[:, j] = robot.home[j] + scale * x * np.minimum(1.0, t)
    return t, q


def make_twins(robot: RobotDescription, seeds: Sequence[int], engine: str = "pybullet"
               ) -> tuple[list[Recording], np.ndarray]:
    """What twins with these seeds recorded under their excitation, and their hidden values (n, 12)."""
    space, step, n = ParameterSpace.for_robot(robot), 1.0 / RATE, len(seeds)
    values = space.batch(n, {"joint_position_quantum": QUANTUM})
    hidden = [space.column(name) for name in HIDDEN]
    for row, seed in zip(values, seeds, strict=True):
        for column, u in zip(hidden, np.random.default_rng(seed).uniform(size=len(hidden)), strict=True):
            p = space.parameters[column]
            row[column] = (p.twin_low * (p.twin_high / p.twin_low) ** u if p.distribution == "log_uniform"
                           else p.twin_low + u * (p.twin_high - p.twin_low))
    late, age = (values[:, space.column(f"{name}_delay")] / step for name in ("actuator", "sensor"))
    inside = values.copy()
    inside[:, [space.column("actuator_delay"), space.column("sensor_delay")]] = 0.0
    paths = [excitation(robot, 1_000_000 + seed) for seed in seeds]
    time_, command = paths[0][0], np.stack([path[1] for path in paths])
    with make_simulator(engine, with_step(robot, step), n, seed=int(seeds[0]), threads=1) as twin:
        twin.set_parameters(None, inside)
        start = twin.home_state(n)
        start.joint_position[:] = command[:, 0]
        twin.reset(None, start)
        states, cycles = np.empty((len(time_), n, 2 * robot.num_joints)), np.ceil(late - 1e-6).astype(int)
        for k in range(len(time_)):
            measured = twin.state()
            states[k] = np.concatenate([measured.joint_position, measured.joint_velocity], axis=1)
            twin.step(command[np.arange(n), np.maximum(k - cycles, 0)])
    names = (*command_channels(robot), *state_channels(robot))
    rows = [np.maximum(np.arange(len(time_)) - round(float(each)), 0) for each in age]
    return [Recording(f"twin {seed}", time_, dict(zip(names, np.concatenate(
        [command[i], states[rows[i], i]], axis=1).T, strict=True))) for i, seed in enumerate(seeds)], values[:, hidden]


def relative_errors(problem: Problem, value: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Errors over the true values, (12,); over the range's width for what is 0 in the description."""
    size = np.where(np.array([problem.space[name].nominal for name in problem.names]) == 0.0,
                    problem.high - problem.low, np.abs(truth))
    return np.abs(value - truth) / size


def one_twin(robot: RobotDescription, recording: Recording, truth: np.ndarray, *, peer: bool, threads: int) -> dict:
    """Errors (12,), coverage (12,) and seconds of one twin; with ``peer`` also mujoco.sysid's at the same wall time."""
    begun = time.monotonic()
    problem, _, _ = make_problem([recording], robot, HIDDEN, held_out=0.2, threads=threads)
    estimate = identify(problem)
    row = {"twin": recording.name, "seconds": time.monotonic() - begun,
           "errors": relative_errors(problem, estimate.value, truth),
           "covered": (estimate.low <= truth) & (truth <= estimate.high)}
    if peer:
        begun = time.monotonic()
        shares = sysid_search(problem, lambda done, text: None, seconds=row["seconds"])
        row["sysid_seconds"] = time.monotonic() - begun
        row["sysid_errors"] = relative_errors(problem, problem.from_unit(shares), truth)
    problem.close()
    return row


def measure(twins: int, *, peers: int = 4, threads: int = 0, first: int = FIRST_TWIN, quiet: bool = False) -> dict:
    """Figures over ``twins`` twins; mujoco.sysid is run on the first ``peers`` of them."""
    robot, rows = load_robot("ur5e"), []
    recordings, truths = make_twins(robot, range(first, first + twins))
    with progress_bar("twins", twins, enabled=not quiet) as update:
        for k, (recording, truth) in enumerate(zip(recordings, truths, strict=True)):
            rows.append(one_twin(robot, recording, truth, peer=k < peers, threads=threads))
            update(k + 1)
    errors, covered = np.array([row["errors"] for row in rows]), np.array([row["covered"] for row in rows])
    theirs = [row["sysid_errors"] for row in rows if "sysid_errors" in row]
    return {"twins": twins, "parameters": list(HIDDEN), "median_error": float(np.median(errors)),
            "median_error_by_parameter": dict(zip(HIDDEN, np.median(errors, axis=0).tolist(), strict=True)),
            "coverage95": float(covered.mean()),
            "coverage95_by_parameter": dict(zip(HIDDEN, covered.mean(axis=0).tolist(), strict=True)),
            "seconds": float(np.median([row["seconds"] for row in rows])),
            "sysid_median_error": float(np.median(theirs)) if theirs else None,
            "median_error_on_same_twins": float(np.median(errors[:len(theirs)])) if theirs else None,
            "sysid_seconds": float(np.median([row["sysid_seconds"] for row in rows[:len(theirs)]])) if theirs else None}


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--twins", type=int, default=40)
    parser.add_argument("--peers", type=int, default=4, help="twins on which mujoco.sysid is run too")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--first", type=int, default=FIRST_TWIN, help="seed of the first twin")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.twins, peers=args.peers, threads=args.threads, first=args.first, quiet=args.json)
    if args.json:
        print_json(found)
        return
    print_table(("parameter", "median error>", "95 % intervals cover>"),
                [(name, f"{100 * found['median_error_by_parameter'][name]:.2f} %",
                  f"{100 * found['coverage95_by_parameter'][name]:.0f} %") for name in HIDDEN])
    say(f"all: median error {100 * found['median_error']:.2f} %, intervals cover {100 * found['coverage95']:.1f} %, "
        f"{found['seconds']:.1f} s a twin")
    if found["sysid_median_error"] is not None:
        say(f"mujoco.sysid on the first {args.peers}: median error {100 * found['sysid_median_error']:.2f} % in "
            f"{found['sysid_seconds']:.1f} s, here {100 * found['median_error_on_same_twins']:.2f} %")


if __name__ == "__main__":
    main()
