import numpy as np
import pytest
import torch

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.encoder import load_encoder
from sim2real.errors import BundleError, RunFolderError
from sim2real.training import export
from sim2real.training.checkpoints import load_checkpoint
from sim2real.training.config import load_run
from tests.deployment.hand_encoder import build_encoder


@pytest.fixture(scope="module")
def actor(finished):
    return export.load_actor(load_run(finished.run)[0], load_checkpoint(finished.run))


@pytest.mark.parametrize("activation", ["tanh", "elu", "relu"])
def test_onnx_computes_what_torch_does_also_far_outside(actor, activation):
    from sim2real.training.policy import ACTIVATIONS

    for i, layer in enumerate(actor.layers):
        if not isinstance(layer, torch.nn.Linear):
            actor.layers[i] = ACTIVATIONS[activation]()
    rows = np.random.default_rng(0).uniform(-10, 10, (500, actor.input_size)).astype(np.float32)
    with torch.no_grad():
        expected = actor(torch.as_tensor(rows)).numpy()
    np.testing.assert_allclose(export.run_onnx(export.to_onnx(actor), rows), expected, atol=export.TOLERANCE)
    assert np.abs(expected).max() <= 1.0


def test_golden_vectors_cover_the_outputs(actor):
    inputs, outputs = export.golden_vectors(actor)
    assert inputs.shape == (32, actor.input_size) and outputs.std(axis=0).min() > 0.0


def test_the_bundle_runs_the_same_policy(finished, actor):
    bundle = load_bundle(finished.bundle)
    rows = np.random.default_rng(1).uniform(-1, 1, (5, actor.input_size)).astype(np.float32)
    again = export.load_actor(load_run(finished.run)[0], load_checkpoint(finished.run))
    with torch.no_grad():
        expected = again(torch.as_tensor(rows)).numpy()
    np.testing.assert_allclose(bundle.policy(rows), expected, atol=1e-5)
    assert bundle.manifest.seed == 5
    assert bundle.manifest.training_ranges["mass"].low < bundle.manifest.training_ranges["mass"].high
    assert bundle.task.options == {"episode_seconds": 2.2}
    assert "torch" in bundle.manifest.versions


def test_output_path_and_missing_runs(finished, tmp_path):
    path = export.export_run(finished.run, tmp_path / "mine.s2r")
    assert path == tmp_path / "mine.s2r" and load_bundle(path)
    with pytest.raises(RunFolderError, match="is no run folder"):
        export.export_run(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_bytes((finished.run / "config.yaml").read_bytes())
    (tmp_path / "run" / "robot").symlink_to(finished.run / "robot")
    with pytest.raises(RunFolderError, match="has no checkpoint"):
        export.export_run(tmp_path / "run")


def test_an_onnx_network_that_differs_is_refused(finished, monkeypatch, tmp_path):

    right = export.run_onnx
    monkeypatch.setattr(export, "run_onnx", lambda *args: right(*args) + 1e-3)
    with pytest.raises(BundleError, match="differs from the original"):
        export.export_run(finished.run, tmp_path / "x.s2r")
    assert not (tmp_path / "x.s2r").exists()


def test_only_a_run_that_reaches_can_see(finished, tmp_path):
    encoder = load_encoder(build_encoder(tmp_path / "encoder.s2r"))
    with pytest.raises(BundleError, match="cannot take its goals from an encoder; one of reach can"):
        export.export_run(finished.run, tmp_path / "b.s2r", encoder=encoder)
    assert not (tmp_path / "b.s2r").exists()
