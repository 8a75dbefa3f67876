"""Alignment from end to end on two tiny domains, in a few seconds."""

import dataclasses

import numpy as np
import pytest
import torch

from sim2real.adaptation.align import align
from sim2real.adaptation.config import AlignConfig
from sim2real.adaptation.selection import Verdict, prediction_error
from sim2real.errors import BadInputError
from tests.adaptation.two_domains import make

SOURCE, LABELS = make(400, real=False)
TARGET, _ = make(400, real=True)
TEST, TEST_LABELS = make(500, real=True, seed=9)
QUICK = AlignConfig(method="mmd", epochs=15)


def error(aligned) -> float:
    return prediction_error(aligned.network.predict(TEST)[0], TEST_LABELS)


@pytest.fixture(scope="module")
def plain():
    return align(SOURCE, LABELS, TARGET, dataclasses.replace(QUICK, method="source"))


@pytest.fixture(scope="module")
def aligned():
    return align(SOURCE, LABELS, TARGET, QUICK)


def test_alignment_beats_simulation_alone(plain, aligned):
    assert error(plain) > 0.25 and error(aligned) < 0.1


def test_held_out_features_come_together(plain, aligned):
    assert aligned.history[-1].discrepancy < 0.1 * plain.history[-1].discrepancy


def test_reproducible_by_seed_whatever_the_global_one(aligned):
    torch.manual_seed(99)
    state = torch.random.get_rng_state()
    again = align(SOURCE, LABELS, TARGET, QUICK)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert again.epoch == aligned.epoch and again.history == aligned.history
    assert np.array_equal(again.network.predict(TEST)[0], aligned.network.predict(TEST)[0])
    other = align(SOURCE, LABELS, TARGET, dataclasses.replace(QUICK, epochs=1, seed=1))
    assert other.history[0] != aligned.history[0]


def test_held_out_images_are_not_trained_on(aligned):
    assert len(aligned.held_source) == len(aligned.held_target) == 40
    source, target = SOURCE.copy(), TARGET.copy()
    source[aligned.held_source], target[aligned.held_target] = 0, 0
    other = align(source, LABELS, target, dataclasses.replace(QUICK, epochs=15))
    assert [v.losses for v in other.history] == [v.losses for v in aligned.history]
    assert other.history[0].source_error != aligned.history[0].source_error


def test_regression_with_several_objectives():
    values = np.stack([LABELS // 2 - 0.5, LABELS % 2 * 10.0], axis=1).astype(np.float32)
    weights = {"mmd": 0.5, "coral": 1.0}
    result = align(SOURCE, values, TARGET, AlignConfig(method="mmd+coral", epochs=20, weights=weights))
    found = result.network.predict(SOURCE)[0]
    assert prediction_error(found, values) < 1.0  # labels are up to 10 apart
    assert set(result.history[0].losses) == {"task", "mmd", "coral"}


@pytest.mark.parametrize("method", ["dann", "confusion", "coral", "cdan", "confusion+pairwise"])
def test_every_method_trains(method):
    pairs = np.stack([np.arange(40), np.arange(40)], axis=1) if "pairwise" in method else None
    result = align(SOURCE, LABELS, TARGET, AlignConfig(method=method, epochs=2), pairs=pairs)
    assert all(np.isfinite(list(verdict.losses.values())).all() for verdict in result.history)


def test_augmentation_sees_both_domains_and_counts():
    seen = []

    def augment(images, random):
        seen.append(len(images))
        return images[:, ::-1] if random.random() < 0.5 else images

    align(SOURCE, LABELS, TARGET, AlignConfig("mmd", epochs=1, batch_size=16), augment=augment)
    assert set(seen) == {32} and len(seen) == 360 // 16


def test_progress_is_told():
    told = []
    align(SOURCE, LABELS, TARGET, AlignConfig(epochs=2), progress=lambda *a: told.append(a))
    assert [a[:2] for a in told] == [(1, 2), (2, 2)] and "discrepancy" in told[0][2]


def test_without_held_out_images_the_last_epoch_is_taken():
    result = align(SOURCE[:40], LABELS[:40], TARGET[:20], AlignConfig(epochs=2, held_out=0.0))
    assert result.epoch == 2 and len(result.held_source) == 0


# --------------------------------------------------------------------------------------------------------- selection
def test_score_is_source_error_and_discrepancy():
    assert Verdict(1, {}, 0.25, 0.5).score == 0.75


def test_errors_by_hand():
    assert prediction_error(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 0])) == 0.5
    # distances 5 and 0
    assert prediction_error(np.array([[3.0, 4.0], [1.0, 1.0]]), np.array([[0.0, 0.0], [1.0, 1.0]])) == 2.5


# ---------------------------------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(("arguments", "message"), [
    ((SOURCE[:10], LABELS[:10], TARGET), "source: 10 images are too few; at least 16"),
    ((SOURCE, LABELS, TARGET[:3]), "target: 3 images are too few"),
    ((SOURCE, LABELS[:-1], TARGET), "labels: expected"),
    ((SOURCE, LABELS.astype(float), TARGET), "labels: expected"),
    ((SOURCE, LABELS, TARGET[:, :7]), "one size"),
    ((SOURCE.astype(np.float32), LABELS, TARGET), "source: expected uint8"),
])
def test_arrays_that_do_not_go_together(arguments, message):
    with pytest.raises(BadInputError, match=message):
        align(*arguments, QUICK)


@pytest.mark.parametrize("pairs", [np.zeros((0, 2), int), np.array([[0, 400]]), np.array([[-1, 0]]), np.array([0, 1])])
def test_pairs_that_are_not_there(pairs):
    with pytest.raises(BadInputError, match="pairs: expected"):
        align(SOURCE, LABELS, TARGET, AlignConfig(method="pairwise"), pairs=pairs)


def test_weights():
    assert AlignConfig(method="dann").weight("dann") == 1.0
    assert AlignConfig(method="dann+mmd").weight("dann") == pytest.approx(0.3)
    assert AlignConfig(method="dann+mmd", weights={"dann": 2.0}).weight("dann") == 2.0
    assert AlignConfig(method="coral+mmd").weight("coral") == 1000.0


@pytest.mark.parametrize(("settings", "message"), [
    ({"method": "dam"}, "unknown method"), ({"encoder": "resnet"}, "unknown encoder"), ({"epochs": 0}, "1 epoch"),
    ({"weights": {"mdm": 1.0}}, "unknown objective"), ({"weights": {"cdan": 1.0}}, "the method is dann.mmd"),
    ({"weights": {"mmd": -1.0}}, "above 0"), ({"weights": {"mmd": float("nan")}}, "above 0"),
    ({"learning_rate": 0.0}, "learning_rate"), ({"held_out": 0.9}, "held_out"),
])
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(BadInputError, match=message):
        AlignConfig(**settings)
