"""A policy network: ONNX bytes in, actions out, on one thread of onnxruntime; and its golden vectors."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from sim2real.deployment.network import open_network
from sim2real.errors import BundleError

TOLERANCE = 1e-5
MIN_GOLDEN = 16


class Policy:
    """Runs a policy for any number of robots.

    Args:
        onnx: Bytes of the model: one input (n, observation) float32, one output (n, action) float32.

    Attributes:
        observation_size, action_size: Columns of input and output.
        num_operators: Size of the graph.
        onnx: As given.
    """

    def __init__(self, onnx: bytes):
        self.onnx = bytes(onnx)
        self._session, self.num_operators = open_network(onnx, "policy.onnx")
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise BundleError(f"policy.onnx: expected one input and one output, got {len(inputs)} and {len(outputs)}")
        self._input, self._outputs = inputs[0].name, [outputs[0].name]
        for value in (inputs[0], outputs[0]):
            if value.type != "tensor(float)" or len(value.shape) != 2 or not isinstance(value.shape[1], int) \
                    or isinstance(value.shape[0], int):
                raise BundleError(f"policy.onnx: expected {value.name} as float32 (any number of robots, columns), "
                                  f"got {value.type} {value.shape}")
        self.observation_size, self.action_size = inputs[0].shape[1], outputs[0].shape[1]

    def __call__(self, observation: np.ndarray) -> np.ndarray:
        """Actions (n, action_size) float32 of observations (n, observation_size) float32."""
        return self._session.run(self._outputs, {self._input: observation})[0]


@dataclass(frozen=True)
class Golden:
    """Inputs (k, observation) and the outputs (k, action) that they must give, float32."""

    inputs: np.ndarray
    outputs: np.ndarray

    @classmethod
    def of(cls, policy: Policy, inputs: np.ndarray | None = None) -> Golden:
        """What ``policy`` says to ``inputs``, by default to zeros, extremes and 29 random observations."""
        if inputs is None:
            rng = np.random.default_rng(0)
            size = policy.observation_size
            inputs = np.concatenate([np.zeros((1, size)), np.full((1, size), 10.0), np.full((1, size), -10.0),
                                     rng.uniform(-1.0, 1.0, (14, size)), 3.0 * rng.standard_normal((15, size))])
        inputs = np.clip(np.asarray(inputs), -10.0, 10.0).astype(np.float32)
        return cls(inputs, policy(inputs))

    def max_error(self, policy: Policy) -> float:
        """Largest difference between what ``policy`` says now and the outputs, as a batch and one by one."""
        together = policy(self.inputs)
        alone = np.concatenate([policy(row[None]) for row in self.inputs])
        errors = np.abs(np.stack([together, alone]) - self.outputs) / np.maximum(1.0, np.abs(self.outputs))
        return float(errors.max()) if np.isfinite(errors).all() else float("inf")

    def to_bytes(self) -> bytes:
        """``golden.json``; a float32 survives as the decimal number of its float64."""
        return json.dumps({"inputs": self.inputs.tolist(), "outputs": self.outputs.tolist()}).encode()

    @classmethod
    def from_bytes(cls, data: bytes, policy: Policy) -> Golden:
        """Read ``golden.json`` and check its shapes against ``policy``.

        Raises:
            BundleError: It is damaged, or of another network.
        """
        try:
            raw = json.loads(data)
            golden = cls(np.array(raw["inputs"], np.float32), np.array(raw["outputs"], np.float32))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise BundleError("golden.json: not golden vectors; the bundle is damaged") from error
        count = len(golden.inputs)
        if golden.inputs.shape != (count, policy.observation_size) or count < MIN_GOLDEN \
                or golden.outputs.shape != (count, policy.action_size):
            raise BundleError(f"golden.json: expected at least {MIN_GOLDEN} inputs of {policy.observation_size} and "
                              f"outputs of {policy.action_size}, got {golden.inputs.shape}, {golden.outputs.shape}")
        return golden
