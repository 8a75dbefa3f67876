"""Identifiers in a bundle: written with golden vectors, checked before they are used, and run from step to step."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from sim2real.deployment.identifier_manifest import IdentifierSection
from sim2real.deployment.identifier_network import NETWORK, Identifier
from sim2real.deployment.network import first_line
from sim2real.deployment.policy import MIN_GOLDEN
from sim2real.deployment.stream import PeriodMeans
from sim2real.deployment.terms_manifest import ObservationSection
from sim2real.errors import BundleError
from sim2real.tasks import Context, Task
from sim2real.tasks.observations import CLIP, ObservationBuilder

GOLDEN = "identifier.json"  # the member with the golden vectors
TOLERANCE = 1e-4  # of a number, or of one if that is more; errors add up along the sequence
MAX_GOLDEN_BYTES = 16 << 20


@dataclass(frozen=True)
class GoldenSequence:
    """Features (T, F) of T steps from an empty memory, and the outputs but the memory (T, C + 2 K), float32."""

    features: np.ndarray
    outputs: np.ndarray

    @classmethod
    def of(cls, identifier: Identifier, features: np.ndarray | None = None) -> GoldenSequence:
        """What ``identifier`` says to ``features``, by default to 64 steps of a random walk inside their bounds."""
        if features is None:
            walk = np.cumsum(np.random.default_rng(0).normal(0.0, 0.2, (64, identifier.feature_size)), axis=0)
            features = np.clip(walk, -CLIP, CLIP).astype(np.float32)
        return cls(features, run_sequence(identifier, features[:, None])[:, 0])

    def check(self, identifier: Identifier) -> str:
        """How well ``identifier`` gives them now, alone and as one of two robots.

        Raises:
            BundleError: It does not, or fails on them.
        """
        try:
            alone = run_sequence(identifier, self.features[:, None])
            both = run_sequence(identifier, np.stack([self.features[::-1], self.features], axis=1))
        except BundleError:
            raise
        except Exception as error:  # onnxruntime's exceptions have no common base of their own
            raise BundleError(f"{NETWORK}: it fails on its golden vectors: {first_line(error)}") from error
        found = np.stack([alone[:, 0], both[:, 1]])
        error = float("inf")
        if np.isfinite(found).all() and np.isfinite(self.outputs).all():
            error = float((np.abs(found - self.outputs) / np.maximum(1.0, np.abs(self.outputs))).max())
        if not error <= TOLERANCE:
            raise BundleError(f"{GOLDEN}: outputs differ by {error:.2g}, at most {TOLERANCE:g} is allowed; the "
                              "conversion is wrong, or this machine computes something else than was trained")
        return f"{len(self.features)} steps, largest error {error:.1e}"

    def to_bytes(self) -> bytes:
        """The member; a float32 survives as the decimal number of its float64."""
        return json.dumps({"features": self.features.tolist(), "outputs": self.outputs.tolist()}).encode()

    @classmethod
    def from_bytes(cls, data: bytes, identifier: Identifier) -> GoldenSequence:
        """Read the member; raises BundleError where it is damaged, or of another network."""
        if len(data) > MAX_GOLDEN_BYTES:
            raise BundleError(f"{GOLDEN}: expected at most {MAX_GOLDEN_BYTES >> 20} MiB, got {len(data)} bytes; 64 "
                              "steps are enough")
        try:
            raw = json.loads(data)
            golden = cls(np.array(raw["features"], np.float32), np.array(raw["outputs"], np.float32))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise BundleError(f"{GOLDEN}: not golden vectors; the bundle is damaged") from error
        steps, outputs = len(golden.features), identifier.context_size + 2 * identifier.estimate_size
        if steps < MIN_GOLDEN or golden.features.shape != (steps, identifier.feature_size) \
                or golden.outputs.shape != (steps, outputs):
            raise BundleError(f"{GOLDEN}: expected at least {MIN_GOLDEN} steps of {identifier.feature_size} features "
                              f"and {outputs} outputs, got {golden.features.shape}, {golden.outputs.shape}")
        return golden


@dataclass(frozen=True)
class IdentifierFile:
    """A new bundle's identifier.

    Attributes:
        onnx: The network, as of ``Identifier``.
        section: What it says of itself.
        golden: What the original network gives; None: what this one does.
    """

    onnx: bytes
    section: IdentifierSection
    golden: GoldenSequence | None = None

    def members(self) -> dict[str, bytes]:
        """Of the bundle; raises BundleError where network and golden vectors differ."""
        identifier = Identifier(self.onnx)
        golden = self.golden or GoldenSequence.of(identifier)
        golden.check(identifier)
        return {NETWORK: bytes(self.onnx), GOLDEN: golden.to_bytes()}


def run_sequence(identifier: Identifier, features: np.ndarray) -> np.ndarray:
    """All outputs but the memory (T, n, C + 2 K) of ``features`` (T, n, F), from an empty memory."""
    memory = np.zeros((features.shape[1], identifier.memory_size), np.float32)
    rows = []
    for row in features:
        update = identifier(np.ascontiguousarray(row), memory)
        memory = update.memory
        parts = (update.context, update.mean, update.deviation, memory)
        sizes = (identifier.context_size, *2 * (identifier.estimate_size,), identifier.memory_size)
        if any(part.shape != (len(row), size) for part, size in zip(parts, sizes, strict=True)):
            raise BundleError(f"{NETWORK}: gives outputs of shapes {[part.shape for part in parts]}, where it declares "
                              f"{sizes} columns; export it again")  # the runtime lets that pass
        rows.append(np.concatenate(parts[:3], axis=1))
    return np.stack(rows)


def check_identifier(section: IdentifierSection, identifier: Identifier, task: Task) -> str:
    """Raise BundleError where a network is not the one described, or would see something else now; say what it is."""
    section.inputs.check(ObservationSection.of(task.dynamics_terms(section.sees_effort)), "identifier")
    expected = (section.inputs.size, section.memory, section.context, len(section.parameters))
    found = (identifier.feature_size, identifier.memory_size, identifier.context_size, identifier.estimate_size)
    if expected != found:
        raise BundleError("{}: takes {} features and {} of memory and gives a context of {} and {} estimates, the "
                          "manifest says {}, {}, {} and {}".format(NETWORK, *found, *expected))
    for row in section.parameters:
        parameter = task.space[row.name] if row.name in task.space else None
        if parameter is None or parameter.unit != row.unit:
            raise BundleError(f"{NETWORK}: estimates {row.name} in [{row.unit}], which the vocabulary of "
                              f"{task.robot.name} does not have; train it again")
    return f"{identifier.num_operators} standard operators; " + (
        f"estimates {', '.join(section.names)}"[:200] if section.parameters else "a latent, no parameters")


class Estimator:
    """Keeps the memories of ``num_robots`` robots and updates them once per control period.

    Attributes:
        estimate: Mean and deviation of each parameter in unit coordinates, (n, K) each, of the last step; None before
            there was one, and where no parameter is estimated.
    """

    def __init__(self, identifier: Identifier, section: IdentifierSection, task: Task, num_robots: int, *,
                 streamed: bool = False):
        self._identifier = identifier
        self._builder = ObservationBuilder(task.dynamics_terms(section.sees_effort), num_robots)
        self._memory = np.zeros((num_robots, identifier.memory_size), np.float32)
        self._means = PeriodMeans(task.control_period) if streamed else None
        self.estimate: tuple[np.ndarray, np.ndarray] | None = None

    def reset(self, ids: np.ndarray) -> None:
        """Forget what was seen of the robots ``ids``."""
        self._memory[ids] = 0.0
        if self._means is not None:
            self._means.begin(ids)

    def shift(self, offset: np.ndarray) -> None:
        """All streams have been moved by ``offset`` (n, C)."""
        if self._means is not None:
            self._means.shift(offset)

    def step(self, context: Context) -> np.ndarray:
        """Look at an instant of all robots; what the policy gets of it, (n, C), bounded as observations are."""
        if self._means is not None:
            context = self._means.of(context)
        update = self._identifier(self._builder.build(context), self._memory)
        if self._identifier.estimate_size:
            self.estimate = update.mean, update.deviation
        memory = np.array(update.memory)
        if not np.isfinite(memory).all():  # it would never be rid of it
            memory[~np.isfinite(memory).all(axis=1)] = 0.0
        self._memory = memory
        return np.minimum(np.maximum(update.context, -CLIP), CLIP)  # a NaN stays one
