"""The rows of ``benchmarks.real_logs``: each data set is split, fitted and predicted here.

A row's ``error`` is of logs that its parameters never saw, unless its ``split`` says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.identification.responses.arm_replay import replay
from sim2real.identification.responses.drone_dynamics import attitude_error
from sim2real.identification.responses.drone_prediction import HORIZONS, DroneModel, fit_drone, velocity_then
from sim2real.identification.responses.flight_state import STEP, Flight
from sim2real.identification.responses.gravity import GravityLoad
from sim2real.identification.responses.joint_response import ResponseModel, fit_response
from sim2real.identification.responses.log_fit import Estimate
from sim2real.identification.responses.response_vocabulary import as_parameters
from sim2real.identification.responses.servo_friction import MODELS, ServoModel, fit_servo
from sim2real.recordings.channel_map import load_channels
from sim2real.recordings.flaws import find_duplicates, find_flaws
from sim2real.recordings.recording import Recording
from sim2real.robots import RobotDescription, load_robot

ARM_TRAINING = ("multisine", "chirp_sweep", "frequency_sweep", "step_response", "friction_gravity")
ARM_LIFT = 0.2  # [m] over the floor of the simulation: the real arm reaches 4 cm below its base
ARM_JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")
BASELINE, LEFT_OUT = "dead time, first order, offset", "m3 with fade"


@dataclass(frozen=True)
class Row:
    """One figure. ``horizon_s`` is None for a whole log, open loop; ``published`` None where nobody published one."""

    data: str
    model: str
    split: str
    error: float
    unit: str
    horizon_s: float | None = None
    published: float | None = None
    must: float | None = None
    aim: float | None = None
    logs: dict[str, float] = field(default_factory=dict)
    more: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """The rows of a data set, what its logs determine, and models with logs for pictures."""

    rows: list[Row]
    estimates: dict[str, list[Estimate]] = field(default_factory=dict)
    picture: dict[str, Any] = field(default_factory=dict)


# ---------------------------------------------------------------------- arm
def measure_arm(folder: Path) -> Measured:
    """SO-101: fitted to five motions, the others predicted from their commands and first positions."""
    channels = load_channels("sage_so101")
    logs = {path.name: channels.read(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    training = [logs[name] for name in ARM_TRAINING]
    test = {name: log for name, log in logs.items() if name not in ARM_TRAINING}
    robot = load_robot("so101")
    chosen = fit_response(training, GravityLoad(robot, ARM_JOINTS))
    simple = fit_response(training, structures=["first order"])
    kinds = ((f"{chosen.structure} (chosen)", chosen.predict, None, 21.0, 12.0),
             (BASELINE, simple.predict, 21.0, None, None),
             *_simulators(chosen, training, test, robot),
             ("command as position", lambda log: log.matrix("command"), 35.6, None, None))
    rows = []
    for name, predict, published, must, aim in kinds:
        errors = {key: _rmse(predict(log), log) for key, log in test.items()}
        rows.append(Row("so101", name, "motions held out", float(np.mean(list(errors.values()))), "mrad",
                        published=published, must=must, aim=aim, logs={k: float(v.mean()) for k, v in errors.items()},
                        more={f"joint {joint}": float(np.mean([e[j] for e in errors.values()]))
                              for j, joint in enumerate(chosen.joints)}))
    estimates = {f"so101 {joint}": found for joint, found in chosen.estimates.items()}
    return Measured(rows, estimates, {"logs": test, "chosen": chosen, "simple": simple})


def _simulators(chosen: ResponseModel, training: Sequence[Recording], test: dict[str, Recording],
                robot: RobotDescription) -> Iterator[tuple]:
    """The arm in MuJoCo as it is described, and with what was identified; raised, for the real one's table is lower."""
    pose = np.mean([log.matrix("position").mean(axis=0) for log in training], axis=0)
    for words, values, goals in (("identified values", as_parameters(chosen, robot, pose), (21.0, 12.0)),
                                 ("described values", {}, (None, None))):
        found = replay(list(test.values()), robot, dict(zip(chosen.joints, ARM_JOINTS, strict=True)), values,
                       lift=ARM_LIFT)
        by_name = {log.name: positions for log, positions in zip(test.values(), found, strict=True)}
        yield f"so101 in MuJoCo, {words}", lambda log, by_name=by_name: by_name[log.name], None, *goals


def _rmse(predicted: np.ndarray, log: Recording) -> np.ndarray:
    """Of each joint over a whole log in [mrad], (J,)."""
    return 1e3 * np.sqrt(np.nanmean((predicted - log.matrix("position")) ** 2, axis=0))


# ---------------------------------------------------------------------- servo
def measure_servo(folder: Path) -> Measured:
    """XL330 and STS3250 on a pendulum: predicted from goals and the first angle."""
    logs, words = _pendulums(folder / "xl330" / "processed")
    by_gain = np.array([int(log.constants["kp"]) for log in logs])
    by_motion = np.unique(words, return_inverse=True)[1]
    rows, picture = [], {}
    for name, published in (("m1", 63.5), ("m6", 46.4)):
        file = folder / "published_params" / "xl330_2f67dc6" / f"{name}.json"
        theirs = json.loads(file.read_text(encoding="utf-8"))
        model = ServoModel(name, {each: theirs[each] for each in MODELS[name]})
        rows.append(_servo_row("xl330", f"published {name}, their values", "fitted elsewhere", logs, [model] * 16,
                               published=published))
    estimates: dict[str, list[Estimate]] = {}
    for name in ("m1", "m3", LEFT_OUT):
        for split, groups in (("kp left out", by_gain), ("motion left out", by_motion)):
            whole, without = fit_servo(logs, name, groups=groups)
            unseen = [without[k] for k in np.unique(groups, return_inverse=True)[1]]
            goal = {"must": 63.5, "aim": 46.4} if name == LEFT_OUT else {}
            rows.append(_servo_row("xl330", name, split, logs, unseen, **goal))
            if name == LEFT_OUT:
                estimates["xl330"] = whole.estimates  # with motions left out, the harder of the two
                picture = {"logs": logs, "models": unseen, "words": words, "whole": whole}
        rows.append(_servo_row("xl330", name, "in sample", logs, [whole] * len(logs)))
    others, _ = _pendulums(folder / "sts3250")
    whole, without = fit_servo(others, f"{LEFT_OUT}, loop gain")
    rows.append(_servo_row("sts3250", whole.model, "motion left out", others, without))
    rows.append(_servo_row("sts3250", whole.model, "in sample", others, [whole] * len(others)))
    return Measured(rows, {**estimates, "sts3250": whole.estimates}, picture)


def _pendulums(folder: Path) -> tuple[list[Recording], list[str]]:
    """The logs of a folder, and the words for their trajectories."""
    channels, files = load_channels("bam_servo"), sorted(folder.glob("*.json"))
    return ([channels.read(file) for file in files],
            [json.loads(file.read_text(encoding="utf-8"))["trajectory"] for file in files])


def _servo_row(motor: str, name: str, split: str, logs: Sequence[Recording], models: Sequence[ServoModel],
               **goals: float) -> Row:
    errors = [1e3 * float(np.abs(model.predict(log) - log.channels["position"]).mean())
              for model, log in zip(models, logs, strict=True)]
    return Row(f"servo {motor}", name, split, float(np.mean(errors)), "mrad",
               logs={Path(log.name).stem: error for log, error in zip(logs, errors, strict=True)}, **goals)


# ---------------------------------------------------------------------- drone
def measure_drone(folder: Path) -> Measured:
    """Crazyflie: each trajectory predicted by what was fitted to the others."""
    channels = load_channels("nanobench_cf21")
    files = sorted(folder.glob("*.csv.gz"))
    recordings = [channels.read(file) for file in files]
    copies = find_duplicates(recordings)
    recordings = [log for k, log in enumerate(recordings) if k not in copies]
    kinds = [file.name.partition("_")[0] for k, file in enumerate(files) if k not in copies]
    groups = np.unique(kinds, return_inverse=True)[1]
    whole, without = fit_drone(recordings, groups)
    flights = [Flight.of(log) for log in recordings]
    rows, goals = [], {1: (None, None), 10: (0.2, 0.1), 50: (0.2, 0.1)}
    for name, remainder in (("state held", None), ("dynamics", False), ("dynamics and remainder", True)):
        errors = [_flight_errors(flight, without[group], remainder)
                  for flight, group in zip(flights, groups, strict=True)]
        for k, steps in enumerate(HORIZONS):
            held = np.array([_flight_errors(flight, whole, None)[k] for flight in flights])
            found = np.array([each[k] for each in errors])  # flights x (place, velocity, attitude)
            share = found.mean(axis=0) / held.mean(axis=0)
            must, aim = goals[steps] if remainder is not None else (None, None)
            rows.append(Row("crazyflie", name, "trajectory left out", float(share[0]), "of holding", steps * STEP,
                            must=must, aim=aim,
                            logs={Path(f.name).name: float(v) for f, v in zip(flights, found[:, 0] / held[:, 0],
                                                                              strict=True)},
                            more={"place_m": float(found[:, 0].mean()), "velocity_m_s": float(found[:, 1].mean()),
                                  "attitude_rad": float(found[:, 2].mean()), "velocity_of_holding": float(share[1]),
                                  "attitude_of_holding": float(share[2])}))
    return Measured(rows, {"crazyflie": whole.estimates}, {"flights": flights, "models": [without[k] for k in groups]})


def _flight_errors(flight: Flight, model: DroneModel, remainder: bool | None) -> list[np.ndarray]:
    """Of each horizon the mean errors (3,) of place [m], velocity [m/s], attitude [rad]; None: the state held."""
    truth, out = velocity_then(flight), []
    ahead = model.predict(flight, bool(remainder)) if remainder is not None else {}
    for steps in HORIZONS:
        rows = np.arange(flight.rows.start, flight.rows.stop - max(HORIZONS))
        then = rows + steps
        place, velocity, attitude = (flight.place[rows], truth[rows], flight.quaternion[rows])
        if remainder is not None:
            place, velocity, attitude = (getattr(ahead[steps], n) for n in ("place", "velocity", "quaternion"))
        out.append(np.array([np.linalg.norm(flight.place[then] - place, axis=1).mean(),
                             np.linalg.norm(truth[then] - velocity, axis=1).mean(),
                             attitude_error(attitude, flight.quaternion[then]).mean()]))
    return out


# ---------------------------------------------------------------------- flaws
def measure_flaws(data: Path) -> Measured:
    """How many logs are judged wrongly: clean ones flagged, flawed ones passed."""
    maps = {name: load_channels(name) for name in ("nanobench_cf21", "sage_so101", "bam_servo")}
    flights = [maps["nanobench_cf21"].read(path) for path in sorted((data / "crazyflie_flights").glob("*.csv.gz"))]
    flawed = [maps["nanobench_cf21"].read(path)
              for path in sorted((data / "crazyflie_flights" / "flawed").glob("*.csv.gz"))]
    arms = [maps["sage_so101"].read(path) for path in sorted((data / "so101_logs").iterdir()) if path.is_dir()]
    servos = [maps["bam_servo"].read(path) for path in sorted((data / "servo_pendulum").glob("*/**/20*.json"))]
    rows = [_flaw_row("crazyflie", "clean flights passed", [not _unfit(log) for log in flights]),
            _flaw_row("crazyflie", "flawed flights flagged", [_unfit(log) for log in flawed]),
            _flaw_row("crazyflie", "planted flaws flagged by name", list(_planted(flights[0]))),
            _flaw_row("crazyflie", "copies found, and no others",
                      [find_duplicates(flights) == {}, *(find_duplicates([*flights, replace(log, name="copy")])
                                                         == {len(flights): k} for k, log in enumerate(flights))]),
            _flaw_row("so101", "motions passed", [not _unfit(log) for log in arms]),
            _flaw_row("so101", "currents taken for torques named",
                      [any(flaw.kind == "unsigned" for flaw in find_flaws(log)) for log in arms if _moves(log)]),
            _flaw_row("servo", "logs passed", [not _unfit(log) for log in servos])]
    return Measured(rows)


def _flaw_row(data: str, what: str, right: list[bool]) -> Row:
    return Row(f"flaws {data}", what, f"{len(right)} logs", float(len(right) - sum(right)), "judged wrongly", must=0.0,
               aim=0.0)


def _unfit(log: Recording) -> bool:
    return any(flaw.fatal for flaw in find_flaws(log))


def _moves(log: Recording) -> bool:
    return bool((np.ptp(log.matrix("position"), axis=0) > 0.1).any())


def _planted(log: Recording) -> Iterator[bool]:
    """The defects that SOURCE.md tells of the set's other flights, planted into a clean one: is each named?"""
    def kinds(**changes: np.ndarray) -> set[str]:
        changed = {**log.channels, **{name.replace("_", "."): values for name, values in changes.items()}}
        return {flaw.kind for flaw in find_flaws(replace(log, channels=changed)) if flaw.fatal}

    at = len(log) // 2
    motor, up, height = (log.channels[name].copy() for name in ("motor.m1", "acceleration.z", "place.z"))
    motor[at], up[at] = 1.9e6 / 65535, 120 * 9.81
    yield "blown up" in kinds(motor_m1=motor)
    yield "blown up" in kinds(acceleration_z=up)
    still = {f"place_{axis}": np.full_like(height, 0.1) for axis in "xyz"}
    yield "never moves" in kinds(**still)
    yield "never driven" in kinds(**{f"motor_m{k}": np.zeros_like(motor) for k in range(1, 5)})


