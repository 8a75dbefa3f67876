"""What single steps of the hot paths cost beside what they may: seconds of one core, median of many.

    python -m benchmarks.costs --json

Budgets are those of a quiet core of a 2020s server; a slower machine shows the same factor in every row.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from sim2real.deployment.limits import CommandLimits
from sim2real.deployment.safety import CommandFilter
from sim2real.kinematics import Chain
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan, Sampler
from sim2real.robots import load_robot
from sim2real.ros.log import Recorder
from sim2real.simulators import Simulator, make_simulator
from sim2real.simulators.mujoco_arm import MujocoArm

BATCH = 256
Step = Callable[[], object]


def costs(stack: ExitStack) -> Iterator[tuple[str, float, Step]]:
    """Of each hot path what it does, its budget [s], and one step of it; ``stack`` closes what it needs."""
    arm, drone = load_robot("ur5e"), load_robot("crazyflie")
    random = np.random.default_rng(0)
    chain = Chain.from_robot(arm)
    positions = random.uniform(arm.position_low, arm.position_high, (BATCH, arm.num_joints))
    yield f"forward kinematics of {BATCH} UR5e", 200e-6, lambda: chain.forward(positions)
    limits = CommandLimits.from_robot(arm)
    for n, budget in ((1, 60e-6), (BATCH, 250e-6)):
        bounds = CommandFilter(limits, n, arm.control_period)
        bounds.reset(None, np.tile(arm.home, (n, 1)))
        yield (f"command filter, {n} of UR5e", budget,
               lambda bounds=bounds: bounds.step(bounds.command + 0.1 * random.normal(size=bounds.command.shape)))
    space = ParameterSpace.for_robot(drone)
    default = RandomizationPlan.default(space)
    for name, plan, budget in (("without pushes and wind", default.without("wind_*", "external_force_*"), 30e-6),
                               ("default plan", default, 150e-6)):
        sampler = Sampler(plan, space, BATCH)
        values = sampler.episode(np.arange(BATCH), np.zeros(BATCH, int))
        times = iter(0.02 * np.arange(1 << 20))
        yield (f"randomization within an episode, {BATCH} of crazyflie, {name}", budget,
               lambda sampler=sampler, values=values, times=times: sampler.advance(values, np.full(BATCH, next(times))))
    log = Recorder(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "a.mcap", {})
    stack.callback(log.close)
    row = {"n": 1, "call": "step", "now": 1.5, "time": 1.2, **{name: random.random(6) for name in "abcdef"}}
    yield "a row for the recorder", 15e-6, lambda: log.put("/state", row)
    ours = stack.enter_context(MujocoArm(arm, BATCH))
    ours.set_parameters(None, _drawn(ours, random))
    ours.reset()
    ours._integrate = lambda nstep: []  # the engine's part of a step
    home = np.tile(arm.home, (BATCH, 1))
    yield f"what is ours in a step of {BATCH} UR5e in MuJoCo", 1.5e-3, lambda: ours.step(home)
    one = stack.enter_context(make_simulator("pybullet", arm, 1))
    one.reset()
    yield "a step (40 ms) of one UR5e in PyBullet", 5e-3, lambda: one.step(home[:1])
    many = stack.enter_context(make_simulator("quadrotor", drone, 1024))
    many.set_parameters(None, _drawn(many, random))
    many.reset()
    hover = np.tile([drone.hover_thrust, 0.3, 0.2, 0.1], (1024, 1))
    yield "a step of 1024 crazyflie, all different", 1024 * many.num_substeps / 0.5e6, lambda: many.step(hover)


def _drawn(sim: Simulator, random: np.random.Generator) -> np.ndarray:
    """Other parameters in each simulation, so that nothing is left out."""
    low, high = sim.space.low, sim.space.high
    return low + (high - low) * random.random((sim.num_sims, len(low)))


def measure(repeats: int = 200) -> list[dict]:
    """A row each: ``name``, ``seconds`` (median), ``budget`` and their ``ratio``."""
    rows = []
    with ExitStack() as stack:
        for name, budget, step in costs(stack):
            step()  # what is made once
            spent = []
            for _ in range(repeats):
                begin = time.perf_counter()
                step()
                spent.append(time.perf_counter() - begin)
            seconds = statistics.median(spent)
            rows.append({"name": name, "seconds": seconds, "budget": budget, "ratio": seconds / budget})
    return rows


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeats", type=int, default=200, metavar="N", help="steps of each")
    args = parser.parse_args()
    rows = measure(args.repeats)
    if args.json:
        print(json.dumps({"rows": rows}))
        return 0
    for row in rows:
        took, budget = 1e6 * row["seconds"], 1e6 * row["budget"]
        print(f"{took:>9.1f} us of {budget:>8.1f} us {row['ratio']:>6.2f}  {row['name']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
