"""How the estimates of a deployed runner follow the truth on twins, over time and through sudden changes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from sim2real import rng
from sim2real.deployment.bundle import Bundle
from sim2real.deployment.identifier_manifest import PRIOR_DEVIATION, QUANTILE
from sim2real.deployment.runner import Runner
from sim2real.errors import BadInputError
from sim2real.evaluation.twins import SEED
from sim2real.identification.online.rollouts import STANDING
from sim2real.randomization import RandomizationPlan, Sampler
from sim2real.simulators import make_simulator


@dataclass(frozen=True)
class Estimates:
    """Estimates of ``n`` episodes, in unit coordinates.

    Attributes:
        time: Since the start, when an estimate was made, in [s], shape (T,).
        mean, deviation, truth: Shape (T, n, K).
    """

    time: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    truth: np.ndarray

    def at(self, seconds: float) -> int:
        """Row of the last estimate made by ``seconds`` after the start."""
        return int(np.searchsorted(self.time, seconds + 1e-9, side="right")) - 1

    def error(self, seconds: float) -> np.ndarray:
        """|mean - truth| over the prior's standard deviation, at ``seconds``, shape (n, K)."""
        k = self.at(seconds)
        return np.abs(self.mean[k] - self.truth[k]) / PRIOR_DEVIATION

    def covered(self, seconds: float) -> np.ndarray:
        """Whether the 90 % interval at ``seconds`` holds the truth, shape (n, K)."""
        k = self.at(seconds)
        return np.abs(self.mean[k] - self.truth[k]) <= QUANTILE * self.deviation[k]


def follow(bundle: Bundle, engine: str, plan: RandomizationPlan, seeds: np.ndarray, seconds: float, *,
           changes: Mapping[str, float] | None = None, change_at: float = np.inf,
           start: Mapping[str, float] | None = None, goal_every: float = np.inf) -> Estimates:
    """Run the bundle's runner on twins and write its estimates down.

    Arms have stood for a second before, and get their commands as a driver's stream sends them.

    Args:
        bundle: With an identifier that estimates parameters.
        engine: Of the twins.
        plan: What the twins' parameters are drawn from.
        seeds: Of the episodes, shape (n,): a twin depends on its own alone.
        seconds: Length of the episodes.
        changes, change_at: Parameters that take these values at this time [s] in all twins.
        start: Parameters that begin at these values.
        goal_every: Time in [s] after which all robots get other goals, again and again: they never stand for long.

    Raises:
        BadInputError: The bundle estimates nothing.
    """
    section = bundle.manifest.identifier
    if section is None or not section.parameters:
        raise BadInputError("follow: this bundle estimates no parameters; train it with --method up-osi or rma")
    with closing(make_simulator(engine, bundle.robot, len(seeds), seed=SEED)) as sim:
        return _follow(bundle, sim, plan, np.asarray(seeds), seconds, changes or {}, change_at, start or {}, goal_every)


def _follow(bundle, sim, plan, seeds, seconds, changes, change_at, start, goal_every) -> Estimates:
    task, n, period, estimated = bundle.task, len(seeds), sim.control_period, bundle.manifest.identifier.parameters
    sim.identify(seeds)
    sim.streamed = arm = bundle.robot.kind == "arm"
    sampler = Sampler(plan, sim.space, n, seed=SEED, identities=seeds)
    values = sampler.episode(np.arange(n), np.zeros(n, int))
    for name, value in start.items():
        values[:, sim.space.column(name)] = sim.space.check(name, value)
    sim.set_parameters(None, values)
    goal, turn = task.sample_goal(rng.uniform(SEED, seeds, 0, "goal", task.goal_uniforms)), 0
    sim.reset(None, task.sample_state(rng.uniform(SEED, seeds, 0, "initial", task.state_uniforms), goal),
              noise_counter=np.zeros(n, int))
    standing, before = sim.rest_command(sim.state()), round(STANDING / period) if arm else 0
    for _ in range(before):
        sim.step(standing)
    runner = Runner(bundle, n, streamed=arm)
    runner.reset(sim.state(), goal)
    columns = [sim.space.column(row.name) for row in estimated]
    rows = []
    for k in range(round(seconds / period) + 1):
        changed = sampler.advance(values, sim.time)
        if changes and k == round(change_at / period):
            changed = True
            for name, value in changes.items():
                values[:, sim.space.column(name)] = sim.space.check(name, value)
        if changed:
            sim.set_parameters(None, values)
        if k * period >= (turn + 1) * goal_every - 1e-9:
            turn += 1
            runner.set_goal(task.sample_goal(rng.uniform(SEED, seeds, turn, "goal", task.goal_uniforms)))
        truth = np.stack([row.to_unit(values[:, c]) for row, c in zip(estimated, columns, strict=True)], axis=1)
        decision = runner.step(sim.state(), (before + k) * period)
        rows.append((k * period, *decision.estimate, truth))
        sim.step(decision.command)
    return Estimates(*(np.array(column) for column in zip(*rows, strict=True)))


def time_to_follow(estimates: Estimates, parameter: int, change_at: float, step: float, within: float | np.ndarray
                   ) -> np.ndarray:
    """Time after a change until the estimate stays near its final value, in [s], (n,).

    Args:
        estimates: Of episodes that go on for a while after the change.
        parameter: Column of the one that changed.
        change_at: When, in [s].
        step: By how much, in unit coordinates.
        within: How near, in unit coordinates, of all or (n,). The final value is that of ``final_estimate``; inf where
            the estimate has not settled before the last quarter begins, or has not followed half of the step by then.
    """
    after = estimates.time >= change_at - 1e-9
    time, mean = estimates.time[after], estimates.mean[after, :, parameter]
    final, last = final_estimate(estimates, parameter, change_at), len(time) - _last_quarter(len(time))
    away = np.abs(mean - final) > within
    latest = np.where(away.any(axis=0), len(time) - np.argmax(away[::-1], axis=0), 0)  # first row from which it stays
    followed = (final - mean[0]) / step >= 0.5
    return np.where(followed & (latest <= last), time[np.minimum(latest, len(time) - 1)] - change_at, np.inf)


def final_estimate(estimates: Estimates, parameter: int, change_at: float) -> np.ndarray:
    """Mean of the estimates over the last quarter of what follows a change, in unit coordinates, (n,)."""
    mean = estimates.mean[estimates.time >= change_at - 1e-9, :, parameter]
    return mean[-_last_quarter(len(mean)):].mean(axis=0)


def _last_quarter(rows: int) -> int:
    return max(1, rows // 4)
