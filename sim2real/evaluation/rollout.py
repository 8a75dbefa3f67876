"""Episodes of the deployed runner on twins; what is measured here is what is deployed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sim2real import rng
from sim2real.deployment.bundle import Bundle
from sim2real.deployment.runner import Runner
from sim2real.deployment.safety import count_violations
from sim2real.evaluation.statistics import smoothness
from sim2real.evaluation.twins import SEED, TwinPlan
from sim2real.simulators import Simulator, make_simulator

OnStep = Callable[[Simulator, np.ndarray], None]


@dataclass
class Episodes:
    """Outcome of ``n`` episodes.

    Attributes:
        seeds: Seed of each episode, shape (n,).
        success: Whether the task's criterion held, shape (n,).
        error: Mean error over the episode's last ``settle_seconds`` in [m], shape (n,).
        rmse: Root mean square error over the episode after its first second in [m], shape (n,).
        values: Parameters of each twin, shape (n, P).
        violations: Commands outside a limit, over all episodes.
        smoothness: RMS second difference of the commands.
        held: Steps in which the runner did not use the policy (HOLD or STOP), over all episodes.
        trace: With ``record``: "errors" (T, n), "commands" (T, n, C), "positions" of joints or base (T, n, J or 3).
    """

    seeds: np.ndarray
    success: np.ndarray
    error: np.ndarray
    rmse: np.ndarray
    values: np.ndarray
    violations: int
    smoothness: float
    held: int
    trace: dict[str, np.ndarray] = field(default_factory=dict)


def run_episodes(bundle: Bundle, engine: str, seeds: np.ndarray, twins: TwinPlan | np.ndarray, *,
                 record: bool = False, simulator: Simulator | None = None, on_step: OnStep | None = None) -> Episodes:
    """Run one episode for each of ``seeds``, all at once; an episode depends only on its own seed.

    Args:
        bundle: The deployed policy with its robot and task.
        engine: Engine of the twins.
        seeds: Non-negative integers, shape (n,).
        twins: Where the twins' parameters come from, or the values themselves, shape (n, P).
        record: Keep the traces.
        simulator: One of ``n`` simulations to use again, instead of a new one.
        on_step: Called after each step with the simulator and the goals, to draw pictures of it.
    """
    sim = simulator or make_simulator(engine, bundle.robot, len(seeds), seed=SEED)
    try:
        return _run(bundle, sim, np.asarray(seeds), twins, record, on_step)
    finally:
        if simulator is None:
            sim.close()


def _run(bundle: Bundle, sim: Simulator, seeds: np.ndarray, twins: TwinPlan | np.ndarray, record: bool,
         on_step: OnStep | None) -> Episodes:
    task, n, period = bundle.task, len(seeds), sim.control_period
    sim.identify(seeds)
    sampler = twins.sampler(sim.space, seeds) if isinstance(twins, TwinPlan) else None
    values = np.array(twins, float) if sampler is None else sampler.episode(np.arange(n), np.zeros(n, int))
    drawn = values.copy()  # before pushes and gusts write into it
    sim.set_parameters(None, values)
    goal = task.sample_goal(rng.uniform(SEED, seeds, 0, "goal", task.goal_uniforms))
    start = task.sample_state(rng.uniform(SEED, seeds, 0, "initial", task.state_uniforms), goal)
    sim.reset(None, start, noise_counter=np.zeros(n, int))
    runner = Runner(bundle, n)
    runner.reset(sim.state(), goal)
    rest = runner.command

    score = task.score(n)
    held = 0
    errors, commands, positions = [], [], []
    for k in range(task.episode_steps):
        decision = runner.step(sim.state(), k * period)
        held += int(np.sum(np.asarray(decision.mode) != "ACTIVE"))
        if sampler is not None and sampler.advance(values, sim.time):
            sim.set_parameters(None, values)
        sim.step(decision.command)
        truth = sim.true_state()
        errors.append(np.where(sim.unstable, np.inf, task.error(truth, goal, sim.time)))
        score.add(errors[-1], task.failed(truth, errors[-1]) | sim.unstable)
        commands.append(decision.command.copy())
        if on_step:
            on_step(sim, goal)
        if record:
            positions.append((truth.joint_position if bundle.robot.kind == "arm" else truth.position).copy())

    errors, commands = np.array(errors), np.array(commands)
    # the stream starts from rest: three equal commands give zero velocity and acceleration
    stream = np.concatenate([np.repeat(rest[None], 3, axis=0), commands])
    settle = max(1, round(task.settle_seconds / period))
    trace = {"errors": errors, "commands": commands, "positions": np.array(positions)} if record else {}
    return Episodes(
        seeds=seeds,
        success=score.success,
        error=errors[-settle:].mean(axis=0),
        rmse=score.rmse,
        values=drawn,
        violations=count_violations(stream, bundle.limits, period),
        smoothness=smoothness(commands, period),
        held=held,
        trace=trace,
    )
