"""The loop sim -> robot -> identification -> sim, as SimOpt closes it (Chebotar et al. 2019, "Closing the sim-to-real
loop: adapting simulation randomization with real world experience"):

    train a policy -> run it on the robot, record -> posterior of the parameters -> train on draws of it -> ...

The robot here is a twin: a simulator in another engine with parameters and defects that neither training nor
identification is told. Success is counted before and after on that same twin, and beside it that of a policy that was
trained on the twin's true values for as long (what perfect identification would bring).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.deployment.bundle import load_bundle
from sim2real.errors import BadInputError
from sim2real.evaluation.evaluate import evaluate
from sim2real.evaluation.twins import TwinPlan
from sim2real.files import atomic_write_text
from sim2real.identification.loop.hard_twins import (
    IDENTIFIED,
    believed,
    hard_twin,
    prior_plan,
    unasked,
    wide_prior,
)
from sim2real.identification.loop.twin_log import record_episodes
from sim2real.identification.offline.problem import make_problem
from sim2real.identification.posterior.inference import METHODS, Budget, Posterior, infer
from sim2real.identification.posterior.prior import Prior
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan
from sim2real.tasks import load_task
from sim2real.training.config import TrainConfig
from sim2real.training.ppo import train

STARTS = ("none", "prior", "default")
LOG_SEED = 900_000  # of the episodes that are recorded: none of those that are counted
Bar = Callable[[str, float], AbstractContextManager[Callable[..., None]]]


@dataclass(frozen=True)
class LoopConfig:
    """What a loop does.

    Attributes:
        task: Task id of an arm, such as "ur5e-reach".
        twin: The robot: its parameters by name; all others are nominal.
        out: Folder of the results.
        start: What the first policy is trained on: "none" (nominal), "prior" (all that the robot may be), "default"
            (the vocabulary's training ranges), or a run folder that is taken as it is.
        rounds: Of recording, identification and training.
        method: See ``posterior.infer``.
        names: Parameters that are identified, by epopt with those that take their place
            (``hard_twins.TRADED``).
        engine: Of the twin.
        episodes: Counted on the twin, of each policy.
        log_episodes: Recorded in each round.
        steps: Of each training, which begins anew: the first policy's habits hinder more than they help where it
            fails; None: the task's default.
        keep: Share of the prior in each plan, see ``Posterior.as_plan``.
        budget: Of each inference.
        oracle: Whether to train on the twin's true values, too.
        seed: Everything random follows from it, the twin aside.
        workers: Processes of evaluation in PyBullet; None: one a core.
        threads: Of training and identification, 0 for all cores.
    """

    task: str
    twin: Mapping[str, float]
    out: Path
    start: str | Path = "none"
    rounds: int = 1
    method: str = "epopt"
    names: tuple[str, ...] = IDENTIFIED
    engine: str = "pybullet"
    episodes: int = 200
    log_episodes: int = 2
    steps: int | None = None
    keep: float = 0.1
    budget: Budget = Budget(1500, 180.0)
    oracle: bool = True
    seed: int = 0
    workers: int | None = None
    threads: int = 0

    def __post_init__(self) -> None:
        for name in ("rounds", "episodes", "log_episodes"):
            if getattr(self, name) < 1:
                raise BadInputError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if not 0.0 <= self.keep <= 1.0:
            raise BadInputError(f"keep: expected a share of the prior in [0, 1], got {self.keep!r}")
        if self.method not in METHODS:
            raise BadInputError(f"method: expected one of {', '.join(METHODS)}, got {self.method!r}")
        if str(self.start) not in STARTS and not Path(self.start).is_dir():
            raise BadInputError(f"start: expected {', '.join(STARTS)} or a run folder, got {str(self.start)!r}")


def run_loop(config: LoopConfig, bar: Bar, say: Callable[[str], None]) -> dict:
    """Do all of it and return what ``loop.json`` holds.

    Args:
        config: What to do.
        bar: Makes a progress bar of a title and a total.
        say: Called with a line about each stage.
    """
    begin = time.monotonic()
    task = load_task(config.task)
    space = task.space
    for name, value in config.twin.items():
        space.check(name, value)
    prior = wide_prior(space, config.names)
    loop = _Loop(config, space, prior, bar)
    say(f"train on {config.start}")
    run = loop.train_first()
    rows = [loop.judge("before", run)]
    identified = []
    for turn in range(1, config.rounds + 1):
        say(f"round {turn}: record the policy on the twin, identify, train on what was found")
        posterior, plan = loop.identify(run, turn)
        identified.append([{**row, "truth": float(config.twin.get(row["name"], space[row["name"]].nominal))}
                           for row in posterior.rows(space)])
        run = loop.train_on(plan, f"round-{turn}")
        rows.append({**loop.judge(f"round {turn}", run), "inference_seconds": round(posterior.seconds, 1),
                     "evaluations": posterior.evaluations, "temper": posterior.temper,
                     "inflation": round(posterior.inflation, 1)})
    if config.oracle:
        say("for comparison: the same training on the twin's true values")
        truth = RandomizationPlan().fixed({name: config.twin.get(name, space[name].nominal) for name in space.names})
        rows.append(loop.judge("truth", loop.train_on(truth, "truth")))
    summary = {"task": config.task, "method": config.method, "engine": config.engine, "episodes": config.episodes,
               "start": str(config.start), "rows": rows, "identified": identified,
               "seconds": round(time.monotonic() - begin, 1)}
    atomic_write_text(config.out / "loop.json", json.dumps(summary, indent=2) + "\n")
    return summary


class _Loop:
    """The stages, with what they share."""

    def __init__(self, config: LoopConfig, space: ParameterSpace, prior: Prior, bar: Bar):
        self._config, self._space, self._prior, self._bar = config, space, prior, bar

    def train_first(self) -> Path:
        """The run folder of the policy that goes to the robot first."""
        config = self._config
        if str(config.start) in STARTS:
            plan = prior_plan(self._prior) if config.start == "prior" else str(config.start)
            return self.train_on(plan, "start")
        return Path(config.start)

    def train_on(self, plan: RandomizationPlan | str, name: str) -> Path:
        """The run folder of a policy that is trained under ``plan``."""
        config = self._config
        train_config = TrainConfig(config.task, seed=config.seed, steps=config.steps, randomization=plan,
                                   threads=config.threads, out=config.out / name)
        with self._bar(f"train {name}", 1.0) as update:
            result = train(train_config, lambda done, total, text: update(done / total, text))
        if result.interrupted:
            raise KeyboardInterrupt
        return result.run

    def identify(self, run: Path, turn: int) -> tuple[Posterior, RandomizationPlan]:
        """Run the policy on the twin, record, infer; the plan is written as ``identified-<turn>.yaml``."""
        config, bundle = self._config, load_bundle(run / "policy.s2r")
        seeds = LOG_SEED + turn * config.log_episodes + np.arange(config.log_episodes)
        values = self._space.batch(1, config.twin)[0]
        recordings = record_episodes(bundle, config.engine, values, seeds)
        asked, others = self._prior, None
        if config.method == "epopt":
            asked = believed(self._space, config.names)
            others = unasked(self._space, asked.names)
        known = (asked, others) if others else (asked,)
        problem, _, _ = make_problem(recordings, bundle.robot, [name for prior in known for name in prior.names],
                                     threads=config.threads)
        problem.low = np.concatenate([prior.low for prior in known])
        problem.high = np.concatenate([prior.high for prior in known])
        try:
            with self._bar(f"identify, round {turn}", 1.0) as update:
                posterior = infer(problem, asked, config.method, config.seed + turn, config.budget, update, others)
        finally:
            problem.close()
        plan = posterior.as_plan(self._space, keep=config.keep, base=self._rest(others))
        atomic_write_text(config.out / f"identified-{turn}.yaml", plan.to_yaml())
        return posterior, plan

    def _rest(self, others: Prior | None) -> RandomizationPlan | None:
        """How the plan draws what was not asked for; defects are for twins, no policy is told of them."""
        if others is None:
            return None
        return prior_plan(others).without(*(name for name in others.names if self._space[name].role == "defect"))

    def judge(self, name: str, run: Path) -> dict:
        """Success of a run's policy on the twin, and on the nominal robot in the same engine."""
        config, out = self._config, {"policy": name}
        for where, parameters in (("", config.twin), ("nominal_", {})):
            twins = TwinPlan(parameters=parameters, draw=False)
            episodes = config.episodes if not where else max(20, config.episodes // 10)
            with self._bar(f"{name} on the {'nominal robot' if where else 'twin'}", episodes) as update:
                found, _ = evaluate(run / "policy.s2r", config.engine, episodes, 0, twins, workers=config.workers,
                                    progress=lambda done, total, wins, update=update: update(
                                        done, f"success {wins / done:.0%}"))
            out[f"{where}success_rate"] = found["success_rate"]
            if not where:
                out |= {"success_interval": found["success_interval"], "error_median_m": found["error_median_m"]}
        return out


def twin_values(task_id: str, seed: int, names: tuple[str, ...] = IDENTIFIED) -> dict[str, float]:
    """All values of the hard twin ``seed`` of a task's robot; see ``hard_twins``."""
    return hard_twin(load_task(task_id).space, seed, names)
