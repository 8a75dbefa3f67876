"""Parameters that are drawn together: correlations between a plan's terms, whatever their distributions are.

A Gaussian copula: x_i = F_i^-1(Phi((L z)_i)) with z standard normal and L L' the correlation matrix (Cario and Nelson
1997, "Modeling and generating random vectors with arbitrary marginal distributions and correlation matrix"). Each
parameter keeps its own distribution F_i, to the last bit of its support; only who comes with whom changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from sim2real.errors import RandomizationError, unknown
from sim2real.randomization.quantile import normal_cdf, normal_quantile

Pairs = Mapping[tuple[str, str], float]
_LEAST = 1e-9  # smallest eigenvalue of a correlation matrix that is taken


class Copula:
    """Makes independent uniform numbers correlated ones.

    Args:
        pairs: Correlation of the normal scores of two parameters in (-1, 1), by their names.
        names: Of the columns; all names of ``pairs`` are among them.

    Raises:
        RandomizationError: The correlations contradict each other.
    """

    def __init__(self, pairs: Pairs, names: Sequence[str]):
        index = {name: i for i, name in enumerate(names)}
        self._columns = np.array(sorted({index[name] for pair in pairs for name in pair}), int)
        place = {names[column]: i for i, column in enumerate(self._columns)}
        matrix = np.eye(len(place))
        for (a, b), value in pairs.items():
            matrix[place[a], place[b]] = matrix[place[b], place[a]] = value
        if len(place) and np.linalg.eigvalsh(matrix)[0] < _LEAST:
            raise RandomizationError(f"correlations of {', '.join(place)} contradict each other: their matrix is not "
                                     "positive definite; bring them nearer to 0")
        self._lower = np.linalg.cholesky(matrix)

    def mix(self, u: np.ndarray) -> np.ndarray:
        """Uniform numbers (k, len(names)) in (0, 1), the correlated columns mixed in place."""
        if len(self._columns):
            z = normal_quantile(u[:, self._columns])
            u[:, self._columns] = normal_cdf(z @ self._lower.T)
        return u


def check_pairs(pairs: Pairs, drawn: Iterable[str], grouped: Iterable[str]) -> None:
    """Raise RandomizationError unless the parameters named are drawn per episode, each outside of a group.

    Args:
        pairs: Correlations by two names.
        drawn: Names of the parameters that the plan draws per episode.
        grouped: Those of them that belong to a group.
    """
    drawn, grouped, seen = list(drawn), set(grouped), set()
    for (a, b), value in pairs.items():
        where = f"correlation of {a} and {b}"
        for name in (a, b):
            if name not in drawn:
                raise RandomizationError(f"{where}: {unknown('parameter that varies per episode', name, drawn)}")
            if name in grouped:
                raise RandomizationError(f"{where}: {name} belongs to a group already; take one of the two out")
        if a == b or frozenset((a, b)) in seen:
            raise RandomizationError(f"{where}: expected two parameters, each pair once; take it out")
        seen.add(frozenset((a, b)))
        if not -1.0 < value < 1.0:  # false for nan
            raise RandomizationError(f"{where}: expected a number between -1 and 1, got {value:g}")
