import json

import numpy as np
import pytest

from sim2real.deployment.policy import Golden, Policy
from sim2real.errors import BundleError
from tests.deployment.tiny_policy import tiny_onnx

WEIGHTS = np.array([[1.0, 0.0], [0.0, 0.5], [0.25, 0.0]])


@pytest.fixture(scope="module")
def policy():
    return Policy(tiny_onnx(3, 2, weights=WEIGHTS))


def test_computes_what_the_network_says(policy):
    x = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]], np.float32)
    assert policy(x) == pytest.approx(np.tanh([[2.0, 1.0], [0.0, 0.0]]), abs=1e-6)
    assert (policy.observation_size, policy.action_size, policy.num_operators) == (3, 2, 2)


def test_golden_vectors_survive_json_bit_for_bit(policy):
    golden = Golden.of(policy)
    again = Golden.from_bytes(golden.to_bytes(), policy)
    assert len(golden.inputs) >= 16
    assert (again.inputs == golden.inputs).all() and (again.outputs == golden.outputs).all()
    assert golden.max_error(policy) < 1e-6


def test_another_network_is_told_apart(policy):
    other = Policy(tiny_onnx(3, 2, weights=WEIGHTS + 1e-4))
    assert Golden.of(policy).max_error(other) > 1e-5


def test_a_network_that_says_nan_never_fits(policy):
    golden = Golden.of(policy)
    assert golden.max_error(lambda x: np.full((len(x), 2), np.nan, np.float32)) == np.inf


@pytest.mark.parametrize("change", [
    {"inputs": [[1, 2, 3]] * 15, "outputs": [[1, 2]] * 15}, {"inputs": [[1, 2]] * 16, "outputs": [[1, 2]] * 16},
    {"inputs": [[1, 2, 3]] * 16, "outputs": [[1]] * 16}, {"inputs": "abc"}, [], {"inputs": [[1, 2], [3]]}])
def test_bad_golden_vectors_are_refused(policy, change):
    with pytest.raises(BundleError, match="golden.json"):
        Golden.from_bytes(json.dumps(change).encode(), policy)


def test_a_model_that_onnxruntime_refuses_is_one_line():
    data = tiny_onnx(3, 2).replace(b"linear", b"nobody", 1)
    with pytest.raises(BundleError, match="onnxruntime refuses") as error:
        Policy(data)
    assert "\n" not in str(error.value)


def test_a_fixed_batch_is_refused():
    import onnx

    model = onnx.load_from_string(tiny_onnx(3, 2))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    with pytest.raises(BundleError, match="any number of robots"):
        Policy(model.SerializeToString())
