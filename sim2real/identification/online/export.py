"""Identifiers as ONNX, with golden vectors of the original."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from onnx import TensorProto

from sim2real.deployment.identifier import GoldenSequence, IdentifierFile, run_sequence
from sim2real.deployment.identifier_manifest import EstimateSection, IdentifierSection
from sim2real.deployment.identifier_network import Identifier as Runtime
from sim2real.deployment.terms_manifest import ObservationSection
from sim2real.identification.online.estimator import CLIP, LEAST, MOST, PRIOR, Identifier
from sim2real.identification.online.networks import Gru, Tcn, Window
from sim2real.identification.online.whitening import CLIP as BOUND
from sim2real.identification.online.whitening import INSTANTS, SMALL
from sim2real.tasks.observations import Term
from sim2real.training.onnx_graph import Graph


def identifier_file(identifier: Identifier, terms: Sequence[Term], estimates: tuple[EstimateSection, ...],
                    features: torch.Tensor, training: dict) -> IdentifierFile:
    """What a bundle carries.

    Args:
        identifier: Trained.
        terms: What it sees: a task's ``dynamics_terms``.
        estimates: Of its parameters, in its order.
        features: Of one episode (T, F), from which golden vectors are made.
        training: What is worth knowing of where it comes from, plain data.
    """
    section = IdentifierSection(inputs=ObservationSection.of(terms), memory=identifier.memory_size,
                                context=identifier.context_size, parameters=list(estimates), training=training)
    said = sequence_of(identifier, features[:, None])
    return IdentifierFile(to_onnx(identifier), section, GoldenSequence(features.numpy(), said[:, 0]))


@torch.no_grad()
def sequence_of(identifier: Identifier, features: torch.Tensor) -> np.ndarray:
    """Context, mean and deviation side by side (T, n, C + 2 K), in PyTorch, of features (T, n, F)."""
    said = identifier.sequence(features)
    return torch.cat([said[name] for name in ("context", "mean", "deviation") if name in said], dim=-1).numpy()


def difference(identifier: Identifier, features: torch.Tensor) -> float:
    """Largest difference between ONNX, step by step, and PyTorch over whole episodes (T, n, F)."""
    return float(np.abs(run_sequence(Runtime(to_onnx(identifier)), features.numpy())
                        - sequence_of(identifier, features)).max())


def to_onnx(identifier: Identifier) -> bytes:
    """One step: ``features``, ``memory`` -> ``memory_out``, ``context``, ``mean``, ``deviation``."""
    graph, network, n = Graph("identifier"), identifier.network, identifier.estimates
    own, seen = graph.split("memory", [network.memory_size, identifier.whitening.memory_size])
    x, seen = _enter(graph, identifier, seen)
    state, memory = _STEPS[type(network)](graph, network, x, own)
    hidden = graph.layers(state, identifier.leave)
    memory = graph.node("Concat", memory, seen, axis=1)
    outputs = {"memory_out": (memory, identifier.memory_size)}
    if n:
        mean, log_deviation = graph.split(graph.linear(hidden, identifier.head.weight, identifier.head.bias), [n, n])
        log_deviation = graph.clip(graph.node("Add", log_deviation, graph.constant(PRIOR)), LEAST, MOST)
        deviation = graph.node("Mul", graph.node("Exp", log_deviation), graph.constant(identifier.temperature))
        outputs |= {"mean": (mean, n), "deviation": (deviation, n)}
    if identifier.context == "mean":
        context = graph.clip(mean, -CLIP, CLIP)
    elif identifier.context == "latent":
        context = graph.node("Tanh", graph.linear(hidden, identifier.to_latent.weight, identifier.to_latent.bias))
    else:
        context = state
    return graph.model({"features": identifier.features, "memory": identifier.memory_size},
                       outputs | {"context": (context, identifier.context_size)})


def _enter(graph: Graph, identifier: Identifier, memory: str) -> tuple[str, str]:
    whitening, first = identifier.whitening, identifier.enter[0]
    last, earlier, seen = graph.split(memory, [whitening.features, (INSTANTS - 2) * whitening.features, 1])
    change = graph.node("Mul", graph.node("Sub", "features", last), seen)
    window = graph.node("Concat", "features", change, earlier, axis=1)
    memory, _ = graph.split(window, [(INSTANTS - 1) * whitening.features, whitening.features])
    memory = graph.node("Pad", memory, graph.constant([0, 0, 0, 1]), graph.constant(1.0))  # and a column of ones
    kept = whitening.matrix.any(dim=0)  # the others are always zero
    matrix = whitening.matrix[:, kept]
    x = graph.node("Cast", window, to=TensorProto.DOUBLE)
    x = graph.node("Cast", graph.linear(x, matrix.T, -whitening.mean @ matrix), to=TensorProto.FLOAT)
    small = graph.node("Asinh", graph.node("Mul", x, graph.constant(SMALL)))
    x = graph.node("Concat", graph.clip(x, -BOUND, BOUND), small, axis=1)
    return graph.layers(graph.linear(x, first.weight[:, kept.repeat(2)], first.bias), identifier.enter[1:]), memory


def _gru(graph: Graph, network: Gru, x: str, h: str) -> tuple[str, str]:
    """h' = (1 - z) n + z h with n = tanh(W x + r (U h)), PyTorch's form of the cell."""
    cell, thirds = network.cell, [network.output_size] * 3
    r_x, z_x, n_x = graph.split(graph.linear(x, cell.weight_ih_l0, cell.bias_ih_l0), thirds)
    r_h, z_h, n_h = graph.split(graph.linear(h, cell.weight_hh_l0, cell.bias_hh_l0), thirds)
    r = graph.node("Sigmoid", graph.node("Add", r_x, r_h))
    z = graph.node("Sigmoid", graph.node("Add", z_x, z_h))
    n = graph.node("Tanh", graph.node("Add", n_x, graph.node("Mul", r, n_h)))
    h = graph.node("Add", n, graph.node("Mul", z, graph.node("Sub", h, n)))
    return h, h


def _tcn(graph: Graph, network: Tcn, x: str, memory: str) -> tuple[str, str]:
    width, kept = network.output_size, []
    x = graph.layers(x, [network.enter, _ELU])
    blocks = [size for d in network.dilations for size in (width, width * (d - 1)) if size]
    caches = iter(graph.split(memory, blocks))
    for layer, dilation in zip(network.layers, network.dilations, strict=True):
        oldest = next(caches)
        kept += [next(caches), x] if dilation > 1 else [x]
        answer = graph.layers(graph.node("Concat", oldest, x, axis=1), [layer, _ELU])
        x = graph.node("Add", x, answer)
    return x, graph.node("Concat", *kept, axis=1)


def _window(graph: Graph, network: Window, x: str, memory: str) -> tuple[str, str]:
    window = graph.node("Concat", memory, x, axis=1)
    _, memory = graph.split(window, [network.features, network.memory_size])
    return graph.layers(window, [network.first, _ELU, network.second, _ELU]), memory


_ELU = torch.nn.ELU()
_STEPS = {Gru: _gru, Tcn: _tcn, Window: _window}
