"""An identifier network: ONNX bytes in, what it makes of the last instants out; its memory goes from step to step.

Whatever is inside (a recurrent cell, a shift register and convolutions), from outside it is one function of the
features of this instant and the memory of those before, so that an update costs the same however long it remembers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real.deployment.network import open_network
from sim2real.errors import BundleError

NETWORK = "identifier.onnx"  # the member of a bundle
_OUTPUTS = ("context", "mean", "deviation", "memory_out")


@dataclass(frozen=True)
class Update:
    """What one step gives for n robots, float32.

    Attributes:
        context: For the policy, (n, C).
        mean, deviation: Of each parameter in unit coordinates, (n, K).
        memory: For the next step, (n, M).
    """

    context: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    memory: np.ndarray


class Identifier:
    """Runs an identifier for any number of robots.

    Args:
        onnx: Bytes of the model. Inputs ``features`` (n, F) and ``memory`` (n, M); outputs ``memory_out`` (n, M) and,
            one or both, ``context`` (n, C) and ``mean`` with ``deviation`` (n, K); all float32.

    Attributes:
        feature_size, memory_size, context_size, estimate_size: F, M, C and K.
        num_operators: Size of the graph.
        onnx: As given.
    """

    def __init__(self, onnx: bytes):
        self.onnx = bytes(onnx)
        self._session, self.num_operators = open_network(onnx, NETWORK)
        inputs = {value.name: value for value in self._session.get_inputs()}
        outputs = {value.name: value for value in self._session.get_outputs()}
        if set(inputs) != {"features", "memory"}:
            raise BundleError(f"{NETWORK}: expected the inputs features and memory, got {', '.join(inputs)}")
        if not {"memory_out"} < set(outputs) <= set(_OUTPUTS) or ("mean" in outputs) != ("deviation" in outputs):
            raise BundleError(f"{NETWORK}: expected the output memory_out, and context, or mean and deviation, or all, "
                              f"got {', '.join(outputs)}")
        columns = {value.name: _columns(value) for value in (*inputs.values(), *outputs.values())}
        self.feature_size, self.memory_size = columns["features"], columns["memory"]
        self.context_size, self.estimate_size = columns.get("context", 0), columns.get("mean", 0)
        if columns["memory_out"] != self.memory_size or columns.get("deviation", 0) != self.estimate_size:
            raise BundleError(f"{NETWORK}: expected memory_out of as many columns as memory, and deviation of as many "
                              f"as mean, got {columns}")
        self._names = [name for name in _OUTPUTS if name in outputs]

    def __call__(self, features: np.ndarray, memory: np.ndarray) -> Update:
        """One step: ``features`` (n, F) and ``memory`` (n, M), float32; it begins with zeros."""
        given = dict(zip(self._names, self._session.run(self._names, {"features": features, "memory": memory}),
                         strict=True))
        nothing = np.zeros((len(features), 0), np.float32)
        return Update(given.get("context", nothing), given.get("mean", nothing), given.get("deviation", nothing),
                      given["memory_out"])


def _columns(value) -> int:
    if value.type != "tensor(float)" or len(value.shape) != 2 or not isinstance(value.shape[1], int) \
            or isinstance(value.shape[0], int):
        raise BundleError(f"{NETWORK}: expected {value.name} as float32 (any number of robots, columns), got "
                          f"{value.type} {value.shape}")
    return value.shape[1]
