"""Search without derivatives: CMA-ES (Hansen & Ostermeier 2001), one batch of simulations a generation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim2real.identification.offline.problem import Problem
from sim2real.identification.offline.robust_fit import loss

_GENERATIONS = 40  # times the square root of the number of parameters
_WIDTH = 0.25  # of the range: the first generation's spread
_SETTLED = 1e-3  # of the range


def cma_search(problem: Problem, progress: Callable[[float, str], None], *, seed: int = 0) -> np.ndarray:
    """The shares (K,) of the most likely parameters, best of all that were tried."""
    import cma

    most = int(_GENERATIONS * np.sqrt(len(problem.names)))
    start = np.clip(problem.to_unit(problem.nominal), 0.1, 0.9)
    strategy = cma.CMAEvolutionStrategy(start, _WIDTH, {
        "bounds": [0.0, 1.0], "seed": seed + 1, "verbose": -9, "maxiter": most, "tolx": _SETTLED})
    while not strategy.stop():
        points = np.array(strategy.ask())
        losses = loss(problem, problem.predict(problem.from_unit(points)), points)
        # CMA-ES ranks: a simulation that ran away is the worst
        strategy.tell(list(points), np.where(np.isfinite(losses), losses, 1e300).tolist())
        progress(0.9 * strategy.countiter / most, "generations")
    return np.clip(np.asarray(strategy.result.xbest, float), 0.0, 1.0)
