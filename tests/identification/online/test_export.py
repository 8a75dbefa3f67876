"""What is deployed is what was trained: ONNX step by step against PyTorch, memories, and the bundle's checks."""

import numpy as np
import pytest
import torch

from sim2real.deployment.identifier import run_sequence
from sim2real.deployment.identifier_network import Identifier as Runtime
from sim2real.errors import BundleError
from sim2real.identification.online.estimator import CLIP, Identifier
from sim2real.identification.online.export import difference, identifier_file, to_onnx
from sim2real.identification.online.networks import NETWORKS
from sim2real.tasks import load_task


def untrained(kind="gru", context="mean", features=7, parameters=3):
    torch.manual_seed(3)
    identifier = Identifier(features, parameters, context=context, latent=5 if context == "latent" else 0, kind=kind,
                            width=16)
    identifier.whitening.fit(torch.randn(40, 30, features) * 2.0 + 1.0)
    identifier.temperature.copy_(torch.linspace(0.5, 2.0, parameters))
    return identifier


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("context", ["mean", "latent", "state"])
def test_onnx_equals_torch_step_by_step(kind, context):
    identifier = untrained(kind, context)
    assert difference(identifier, torch.randn(70, 4, 7)) < 1e-5
    runtime = Runtime(to_onnx(identifier))
    sizes = (runtime.feature_size, runtime.memory_size, runtime.context_size, runtime.estimate_size)
    assert sizes == (7, identifier.memory_size, {"mean": 3, "latent": 5, "state": 16}[context], 3)


def test_steps_equal_the_sequence_and_a_cleared_memory_begins_anew():
    identifier, features = untrained(), torch.randn(12, 2, 7)
    memory, means = identifier.empty_memory(2), []
    with torch.no_grad():
        for row in features:
            said = identifier(row, memory)
            memory = said["memory_out"]
            means.append(said["mean"])
        whole = identifier.sequence(features)["mean"]
        torch.testing.assert_close(torch.stack(means), whole, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(identifier(features[0], identifier.empty_memory(2))["mean"], whole[0])
        assert (identifier(features[0], memory)["mean"] - whole[0]).abs().max() > 1e-3


def test_a_recurrent_context_needs_no_parameters():
    identifier = Identifier(4, 0, context="state", width=8)
    identifier.whitening.fit(torch.randn(10, 5, 4))
    runtime = Runtime(to_onnx(identifier))
    assert (runtime.context_size, runtime.estimate_size) == (8, 0)
    assert difference(identifier, torch.randn(20, 2, 4)) < 1e-5


def test_the_context_stays_where_the_policy_was_trained():
    identifier = untrained()
    with torch.no_grad():
        identifier.head.bias.fill_(9.0)
        said = identifier(torch.randn(6, 7), identifier.empty_memory(6))
    assert said["context"].max() == CLIP < said["mean"].max()


def test_a_file_carries_golden_vectors_of_the_original():
    task = load_task("crazyflie-hover")
    terms = task.dynamics_terms()
    features = sum(term.size for term in terms)
    identifier = untrained(features=features, parameters=0, context="latent")
    file = identifier_file(identifier, terms, (), torch.randn(30, features), {"method": "rma"})
    assert set(file.members()) == {"identifier.onnx", "identifier.json"}
    other = untrained("tcn", features=features, parameters=0, context="latent")
    with pytest.raises(BundleError, match="outputs differ|golden"):
        type(file)(to_onnx(other), file.section, file.golden).members()
    assert run_sequence(Runtime(file.onnx), np.zeros((3, 2, features), np.float32)).shape == (3, 2, 5)
