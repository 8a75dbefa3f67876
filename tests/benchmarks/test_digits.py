"""The digits benchmark: its data, its rows and its table; trained on the real digits only where they are."""

import h5py
import numpy as np
import pytest

from benchmarks import digits
from benchmarks.digits import DATA, Digits, load_usps, measure, print_table, shifted

needs_digits = pytest.mark.skipif(not (DATA / "usps.h5").is_file(), reason=f"no digits in {DATA}")


def tiny(count=80, seed=0) -> Digits:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    images = np.zeros((count, 28, 28, 1), np.uint8)
    images[np.arange(count), 2 + 2 * labels] = 255
    images += random.integers(0, 20, images.shape, dtype=np.uint8) // 2
    return Digits((images, labels), (images[:40], labels[:40]))


def test_a_row(monkeypatch):
    row = measure("mmd augmented", "usps->mnist", 1, {"usps": tiny(), "mnist": tiny(seed=1)}, epochs=1)
    assert set(row) == {"method", "direction", "seed", "target_accuracy", "source_accuracy", "probe_accuracy", "epoch",
                        "seconds"}
    assert (row["method"], row["direction"], row["seed"]) == ("mmd augmented", "usps->mnist", 1)
    assert 0.0 <= row["target_accuracy"] <= 1.0


def test_labels_of_the_target_are_not_used():
    """Other labels of its training images change nothing."""
    usps, mnist = tiny(), tiny(seed=1)
    wrong = Digits((mnist.train[0], mnist.train[1][::-1]), mnist.test)
    rows = [measure("mmd", "usps->mnist", 0, {"usps": usps, "mnist": each}, epochs=1) for each in (mnist, wrong)]
    for row in rows:
        del row["seconds"]
    assert rows[0] == rows[1]


def test_samples_follow_from_the_seed():
    data = tiny()
    images, labels = data.sample(30, 1)
    assert images.shape == (30, 28, 28, 1) and np.array_equal(labels, data.sample(30, 1)[1])
    assert not np.array_equal(labels, data.sample(30, 2)[1])


def test_usps_is_read_from_hdf5(tmp_path):
    pixels = np.zeros((2, 256))
    pixels[0] = 1.0
    with h5py.File(tmp_path / "usps.h5", "w") as file:
        for part in ("train", "test"):
            file[f"{part}/data"], file[f"{part}/target"] = pixels, [3, 7]
    usps = load_usps(tmp_path)
    assert usps.train[0].shape == (2, 28, 28, 1) and usps.test[1].tolist() == [3, 7]
    assert (usps.train[0][0] == 255).all() and (usps.train[0][1] == 0).all()


def test_augmented_digits_move_a_little():
    image = np.zeros((50, 28, 28, 1), np.uint8)
    image[:, 10:18, 12:16] = 200
    moved = shifted(image, np.random.default_rng(0))
    assert moved.shape == image.shape and moved.dtype == np.uint8
    y, x = np.mgrid[:28, :28]
    for each in moved[..., 0].astype(float):
        centre = (each * y).sum() / each.sum(), (each * x).sum() / each.sum()
        assert abs(centre[0] - 13.5) < 3 and abs(centre[1] - 13.5) < 3
    assert np.array_equal(moved, shifted(image, np.random.default_rng(0)))


def test_the_table_has_published_figures_beside_ours(capsys):
    rows = [{"method": method, "direction": "usps->mnist", "seed": seed, "target_accuracy": value,
             "source_accuracy": 0.9, "probe_accuracy": 0.7}
            for method, values in (("source", (0.5, 0.6)), ("dann", (0.7, 0.8))) for seed, value in enumerate(values)]
    print_table(rows)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["dann", "0.750", "0.700", "0.800", "+20.0", "0.900", "0.700", "0.73"] in lines
    assert ["ADDA", "-", "-", "-", "-", "-", "-", "0.901"] in lines


def test_absent_digits_are_said_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["digits", "--data", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        digits.main()
    assert stop.value.code == 2 and "there is no mnist63k.npz and no usps.h5" in capsys.readouterr().err


@needs_digits
@pytest.mark.slow
def test_alignment_beats_source_only_on_real_digits():
    domains = digits.load(DATA)
    source, aligned = (measure(method, "usps->mnist", 0, domains, 15)["target_accuracy"]
                       for method in ("source", "dann+mmd"))
    assert aligned >= source + 0.15
