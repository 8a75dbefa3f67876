"""Online identification on twins, the methods compared on hard ones, and what an update costs.

    python -m benchmarks.identification_online --json
    python -m benchmarks.identification_online --parts online update --robots ur5e --seeds 0

Runs are trained into `--runs` and used again where they are there, so a part can be measured alone. Everything is
simulation: policies and identifiers are trained in MuJoCo (arm) or the analytic engine (drone), estimates are those of
the deployed runner on PyBullet twins whose other parameters are drawn from the wider ranges of twins, with defects;
only what is estimated is drawn from training's range, for errors are told over the prior's standard deviation.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sim2real.cli.output import print_table, progress_bar, say
from sim2real.deployment.bundle import Bundle, load_bundle
from sim2real.deployment.identifier_manifest import EstimateSection
from sim2real.deployment.identifier_network import Identifier
from sim2real.evaluation.statistics import wilson_interval
from sim2real.identification.online.bound import bound
from sim2real.identification.online.compare import gap_closed, success
from sim2real.identification.online.following import Estimates, final_estimate, follow, time_to_follow
from sim2real.identification.online.universal import from_oracle, train_method
from sim2real.randomization import RandomizationPlan
from sim2real.training.checkpoints import load_checkpoint
from sim2real.training.config import TrainConfig, load_run
from sim2real.training.export import load_actor

PLANS = Path(__file__).parent / "plans"
PARTS = ("online", "changes", "methods", "bounds", "update")
METHODS = ("plain", "oracle", "up-osi", "rma", "recurrent")
UNSEEN = 100_000  # seeds of twins and of episodes that no training run draws
CHANGE_AT = 1.2  # [s] after the start; other goals come as often, so that arms do not stand


@dataclass(frozen=True)
class Case:
    """What is trained of one robot.

    Attributes:
        task, options, plan, steps: Of the policy.
        identify: Parameters that are estimated.
        online: Settings of the identifier's training.
        change: What changes in the middle of an episode, from and to which value.
    """

    task: str
    options: Mapping[str, Any]
    plan: str
    steps: int
    identify: tuple[str, ...]
    online: Mapping[str, Any] = field(default_factory=dict)
    change: tuple[str, float, float] | None = None


ARM = Case("ur5e-reach", {"episode_seconds": 2.4}, str(PLANS / "ur5e_wide.yaml"), 1_200_000,
           ("payload_mass", "stiffness_scale", "damping_gain_scale", "actuator_delay"),
           {"episodes": 40960, "seconds": 3.2, "updates": 6000, "batch_size": 96, "width": 128, "learning_rate": 6e-3},
           ("payload_mass", 1.0, 3.0))
HOVER = Case("crazyflie-hover", {}, str(PLANS / "crazyflie_hover.yaml"), 3_200_000,
             ("mass", "thrust_coefficient", "motor_time_constant", "actuator_delay", "battery_voltage_scale"),
             {"episodes": 24576, "updates": 4000, "width": 128, "learning_rate": 6e-3},
             change=("battery_voltage_scale", 1.01, 0.99))
TRACK = Case("crazyflie-track", {"peak_speed": 1.5}, str(PLANS / "crazyflie_wide.yaml"), 2_100_000,
             ("thrust_coefficient", "motor_time_constant", "actuator_delay"))
ONLINE = {"ur5e": ARM, "crazyflie": HOVER}
HARD = {"crazyflie": TRACK}


def trained(case: Case, method: str, seed: int, runs: Path) -> Path:
    """The run folder of one training, made where it is not there; up-osi and recurrent use the oracle's policy."""
    folder = runs / f"{case.task}-{Path(case.plan).stem}-{method}-{seed}"
    if (folder / ("policy.s2r" if method != "oracle" else "checkpoint.pt")).is_file():
        return folder
    with progress_bar(f"train {folder.name}", 1.0) as update:
        if (folder / "config.yaml").is_file():  # stopped before its end
            return train_method(TrainConfig(""), update, resume=folder).run
        if method in ("up-osi", "recurrent"):
            return from_oracle(trained(case, "oracle", seed, runs), method, folder, update)
        told = {} if method == "plain" else {"identify": case.identify, "online": case.online}
        config = TrainConfig(case.task, options=case.options, seed=seed, steps=case.steps, randomization=case.plan,
                             method=method, out=folder, **told)
        return train_method(config, update).run


def twins_of(folder: Path) -> RandomizationPlan:
    """Twins' ranges and defects, but for what is estimated: that is drawn from training's range."""
    run, _ = load_run(folder)
    estimated = [term for term in run.plan.expanded(run.task.space).terms if term.parameter in run.config.identify]
    return RandomizationPlan.default(run.task.space, "twin").extended(*estimated)


def online(case: Case, seeds: list[int], runs: Path, twins: int, engine: str) -> list[dict]:
    """Rows of the issue's figure: errors 0.5 and 1 s after the start, and how many intervals cover."""
    rows = []
    for seed in seeds:
        folder = trained(case, "up-osi", seed, runs)
        bundle = load_bundle(folder / "policy.s2r")
        estimates = follow(bundle, engine, twins_of(folder), UNSEEN + np.arange(twins), 1.0)
        rows += [row for seconds in (0.5, 1.0) for row in online_rows(bundle, estimates, seconds, seed)]
    return rows


def online_rows(bundle: Bundle, estimates: Estimates, seconds: float, seed: int) -> list[dict]:
    """One row per parameter."""
    error, covered = estimates.error(seconds), estimates.covered(seconds)
    return [{"robot": bundle.robot.name, "parameter": name, "error_over_std": float(error[:, k].mean()),
             "rms_over_std": float(np.sqrt((error[:, k]**2).mean())), "median_over_std": float(np.median(error[:, k])),
             "coverage90": float(covered[:, k].mean()), "seconds": seconds, "seed": seed, "twins": len(error)}
            for k, name in enumerate(bundle.manifest.identifier.names)]


def changes(case: Case, seeds: list[int], runs: Path, twins: int, engine: str) -> list[dict]:
    """How long estimates take to follow a sudden change."""
    (name, before, after), rows = case.change, []
    for seed in seeds:
        folder = trained(case, "up-osi", seed, runs)
        bundle = load_bundle(folder / "policy.s2r")
        k = bundle.manifest.identifier.names.index(name)
        estimates = follow(bundle, engine, twins_of(folder), UNSEEN + np.arange(twins), 3.6, start={name: before},
                           changes={name: after}, change_at=CHANGE_AT, goal_every=CHANGE_AT)
        rows.append({"robot": bundle.robot.name, "parameter": name, "from": before, "to": after, "seed": seed,
                     "twins": twins, **followed(estimates, k, bundle.manifest.identifier.parameters[k], before, after)})
    return rows


def followed(estimates: Estimates, k: int, parameter: EstimateSection, before: float, after: float) -> dict[str, float]:
    """How fast estimates of one parameter settle within 10 % of their final value, and within 10 % of the step."""
    step = float(parameter.to_unit(after) - parameter.to_unit(before))
    typical = Estimates(estimates.time, *(np.median(x, axis=1, keepdims=True) for x in (
        estimates.mean, estimates.deviation, estimates.truth)))

    def times(found: Estimates) -> tuple[np.ndarray, np.ndarray]:
        final = final_estimate(found, k, CHANGE_AT)
        tenth = np.abs(parameter.to_unit(1.1 * parameter.from_unit(final)) - final)
        return tuple(time_to_follow(found, k, CHANGE_AT, step, within) for within in (tenth, 0.1 * abs(step)))

    (of_value, of_step), (typical_value, typical_step) = times(estimates), times(typical)
    return {"seconds_median": float(np.median(of_value)), "settled": float(np.isfinite(of_value).mean()),
            "seconds_of_median_estimate": float(typical_value[0]),
            "tenth_of_step_seconds_median": float(np.median(of_step)),
            "tenth_of_step_seconds_of_median_estimate": float(typical_step[0]),
            "step_seen": float(np.median(final_estimate(estimates, k, CHANGE_AT)
                                         - estimates.mean[estimates.at(CHANGE_AT), :, k]) / step)}


def methods(case: Case, seeds: list[int], runs: Path, episodes: int, engine: str | None) -> list[dict]:
    """Success of every method on the same episodes, over all seeds, and the share of the gap that it closes."""
    good = {method: np.concatenate([success(trained(case, method, seed, runs), episodes, UNSEEN + seed, engine)
                                    for seed in seeds]) for method in METHODS}
    rates = {method: float(hits.mean()) for method, hits in good.items()}
    return [{"robot": case.task.split("-")[0], "task": case.task, "method": method, "success_rate": rates[method],
             "interval": list(wilson_interval(int(good[method].sum()), len(good[method]))),
             "gap_closed": gap_closed(rates, method), "episodes": len(good[method]), "seeds": seeds,
             "by_seed": [float(part.mean()) for part in np.split(good[method], len(seeds))]} for method in METHODS]


def bounds(case: Case, seed: int, runs: Path) -> list[dict]:
    """Least mean absolute error over the prior's standard deviation that any estimate could have after a second."""
    folder = trained(case, "oracle", seed, runs)
    run, _ = load_run(folder)
    found = bound(run, load_actor(run, load_checkpoint(folder)), 1.0, seed=UNSEEN)
    return [{"robot": run.task.robot.name, "parameter": name, "least_error_over_std": 0.8 * deviation}
            for name, deviation in found.items() if "." not in name]


def update_p50_us(bundle: Bundle, updates: int = 5000) -> float:
    """Median time of one update of one robot's identifier in onnxruntime on one thread, in [us]."""
    identifier: Identifier = bundle.identifier
    features = np.zeros((1, identifier.feature_size), np.float32)
    memory, times = np.zeros((1, identifier.memory_size), np.float32), []
    for _ in range(updates):
        begin = time.perf_counter()
        memory = identifier(features, memory).memory
        times.append(time.perf_counter() - begin)
    return 1e6 * float(np.median(times))


def measure(parts: tuple[str, ...], robots: tuple[str, ...], seeds: list[int], runs: Path, twins: int, episodes: int,
            engine: str) -> dict:
    """All that was asked for, as ``--json`` prints it."""
    result: dict[str, Any] = {}
    chosen = [robot for robot in ONLINE if robot in robots]
    if "online" in parts:
        result["online"] = [row for robot in chosen for row in online(ONLINE[robot], seeds, runs, twins, engine)]
    if "changes" in parts:
        result["changes"] = [row for robot in chosen for row in changes(ONLINE[robot], seeds, runs, twins, engine)]
    if "methods" in parts:
        result["methods"] = [row for robot in chosen if robot in HARD
                             for row in methods(HARD[robot], seeds, runs, episodes, engine)]
    if "bounds" in parts:
        result["bounds"] = [row for robot in chosen for row in bounds(ONLINE[robot], seeds[0], runs)]
    if "update" in parts:
        bundles = [load_bundle(trained(ONLINE[robot], "up-osi", seeds[0], runs) / "policy.s2r") for robot in chosen]
        result["update_p50_us"] = max(update_p50_us(bundle) for bundle in bundles)
    return result


def print_parts(found: dict[str, Any]) -> None:
    """Each part as a table, or as a number."""
    for part, rows in found.items():
        rows = rows.get("rows", [rows]) if isinstance(rows, dict) else rows
        if isinstance(rows, list) and rows:
            print_table(list(rows[0]), [[f"{v:.3f}" if isinstance(v, float) else v for v in row.values()]
                                        for row in rows], title=part)
        else:
            say(f"{part}: {rows:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--robots", nargs="+", choices=list(ONLINE), default=list(ONLINE))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--runs", type=Path, default=Path("runs/identification"), help="where training runs are kept")
    parser.add_argument("--twins", type=int, default=200, help="for the estimates, of each seed")
    parser.add_argument("--episodes", type=int, default=400, help="for the methods, of each seed")
    parser.add_argument("--engine", default="pybullet", help="of the twins and of the hard robots")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    result = measure(tuple(args.parts), tuple(args.robots), args.seeds, args.runs, args.twins, args.episodes,
                     args.engine)
    if args.json:
        print(json.dumps(result))
        return
    print_parts(result)


if __name__ == "__main__":
    main()
