"""Images from folders and array files; what is wrong with them is said in one line."""

import numpy as np
import pytest
from PIL import Image

from sim2real.adaptation import sources
from sim2real.adaptation.sources import Images, load_images, match
from sim2real.errors import BadInputError

RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(0, 256, (64, 6, 9, 3), dtype=np.uint8)
GREY = RANDOM.integers(0, 256, (64, 6, 9), dtype=np.uint8)


def folder(path, pixels, suffix=".png"):
    path.mkdir(exist_ok=True)
    for k, image in enumerate(pixels):
        Image.fromarray(image).save(path / f"{k:03}{suffix}")
    return path


def refused(path, size=None) -> str:
    with pytest.raises(BadInputError) as error:
        load_images(path, size)
    text = str(error.value)
    assert "\n" not in text and str(path) in text
    return text


def test_a_folder_of_pngs(tmp_path):
    images = load_images(folder(tmp_path / "a", COLOUR))
    assert np.array_equal(images.pixels, COLOUR) and images.keys[:2] == ("000.png", "001.png")


def test_grey_pictures_have_one_channel_and_gain_two_beside_colour(tmp_path):
    grey = load_images(folder(tmp_path / "a", GREY))
    assert np.array_equal(grey.pixels, GREY[..., None])
    left, right = match(grey, load_images(folder(tmp_path / "b", COLOUR)))
    assert left.shape == right.shape == (64, 6, 9, 3) and (left[..., 0] == left[..., 2]).all()


def test_jpegs_and_other_files_beside_them(tmp_path):
    path = folder(tmp_path / "a", COLOUR, ".jpg")
    (path / "labels.csv").write_text("file,x\n")
    assert load_images(path).pixels.shape == (64, 6, 9, 3)


def test_arrays(tmp_path):
    np.save(tmp_path / "a.npy", GREY)
    np.savez(tmp_path / "b.npz", images=COLOUR, y=np.arange(64))
    assert np.array_equal(load_images(tmp_path / "a.npy").pixels, GREY[..., None])
    images = load_images(tmp_path / "b.npz")
    assert np.array_equal(images.pixels, COLOUR) and images.labels[3] == 3 and images.keys[3] == "3"


def test_to_one_size(tmp_path):
    path = folder(tmp_path / "a", np.repeat(np.repeat(COLOUR, 2, axis=1), 2, axis=2))
    assert np.array_equal(load_images(path, (9, 6)).pixels, COLOUR)  # averages of 2 x 2 equal pixels
    np.save(tmp_path / "a.npy", np.repeat(np.repeat(GREY, 2, axis=1), 2, axis=2))
    assert np.array_equal(load_images(tmp_path / "a.npy", (9, 6)).pixels, GREY[..., None])


def test_an_empty_folder_and_none(tmp_path):
    assert "there are no images in it" in refused(tmp_path)
    assert "no such folder or file" in refused(tmp_path / "none")
    (tmp_path / "x.txt").write_text("")
    assert "expected a folder" in refused(tmp_path / "x.txt")


def test_too_few_says_how_many_are_needed(tmp_path):
    assert "63 images are too few; each domain needs 64" in refused(folder(tmp_path / "a", COLOUR[:63]))


def test_mixed_sizes_name_the_odd_one(tmp_path):
    path = folder(tmp_path / "a", COLOUR)
    Image.fromarray(COLOUR[0][:5]).save(path / "007.png")
    assert "000.png has 9 x 6 pixels, 007.png 9 x 5" in refused(path)
    assert load_images(path, (9, 6)).pixels.shape == (64, 6, 9, 3)


@pytest.mark.parametrize("data", [b"", b"hello", "half", "flipped"])
def test_unreadable_pictures(tmp_path, data):
    path = folder(tmp_path / "a", COLOUR)
    whole = (path / "005.png").read_bytes()
    if data == "half":
        data = whole[:len(whole) // 2]
    elif data == "flipped":
        data = whole[:60] + bytes([whole[60] ^ 255]) + whole[61:]
    (path / "005.png").write_bytes(data)
    assert "005.png: cannot be read as a picture" in refused(path)


def test_sixteen_bits_and_giants_are_refused(tmp_path, monkeypatch):
    path = folder(tmp_path / "a", COLOUR)
    Image.fromarray(np.zeros((6, 9), np.uint16)).save(path / "001.png")
    assert "expected 8 bits a channel" in refused(path)
    monkeypatch.setattr(sources, "MOST_SIDE", 8)
    assert "9 x 6 pixels are too many" in refused(path)


def test_too_many(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", GREY)
    np.savez(tmp_path / "b.npz", GREY)
    monkeypatch.setattr(sources, "MOST_BYTES", 1000)
    assert "too many" in refused(folder(tmp_path / "a", COLOUR)) and "too many" in refused(tmp_path / "a.npy")
    assert "at most 16 arrays" in refused(tmp_path / "b.npz")


@pytest.mark.parametrize("array", [
    np.zeros((64, 6, 9), np.float32), np.zeros((64, 6, 9, 4), np.uint8), np.zeros((64, 6), np.uint8), np.uint8(3)])
def test_arrays_that_are_no_images(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    assert "expected" in refused(tmp_path / "a.npy")


def test_nothing_is_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}] * 64, object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", np.array([{}] * 64, object), allow_pickle=True)
    (tmp_path / "c.npz").write_bytes(b"PK\x03\x04 no zip")
    for name in ("a.npy", "b.npz", "c.npz"):
        assert "cannot be read as an array file" in refused(tmp_path / name)


def test_domains_of_two_sizes():
    one, other = (Images(name, np.zeros((2, *shape, 1), np.uint8), ("0", "1"))
                  for name, shape in (("sim", (6, 9)), ("real", (6, 8))))
    with pytest.raises(BadInputError, match="sim has images of 9 x 6 pixels, real of 8 x 6; .* --size"):
        match(one, other)
