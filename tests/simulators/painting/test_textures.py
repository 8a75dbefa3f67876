"""Textures: the same name the same pixels, all different; folders of pictures and what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.simulators.painting import textures


def test_a_name_is_always_the_same_pixels_and_no_two_are_alike():
    bank = textures.bank()
    assert bank.shape == (4, textures.VARIANTS, 64, 64, 3) and bank.dtype == np.uint8
    np.testing.assert_array_equal(bank[2, 7], textures.texture("noise", 7))
    assert len({pixels.tobytes() for kind in bank for pixels in kind}) == 4 * textures.VARIANTS
    with pytest.raises(ValueError, match="read-only"):
        bank[0, 0] = 0


@pytest.mark.parametrize("kind", textures.PATTERNS)
def test_patterns_vary_within_their_colours(kind):
    pixels = textures.texture(kind, 3, 128).astype(float)
    assert pixels.shape == (128, 128, 3) and pixels.std(axis=(0, 1)).max() > 5.0
    if kind in ("checker", "stripes"):
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) == 2
    if kind in ("wood", "carpet"):  # tinted by a colour, so that they are bright and grey themselves
        assert pixels.mean() > 120 and np.ptp(pixels.mean(axis=(0, 1))) < 2.0


def test_pictures_are_squares_from_the_middle_in_the_order_of_names(tmp_path):
    cv2 = pytest.importorskip("cv2")
    wide = np.zeros((30, 90, 3), np.uint8)
    wide[:, 30:60] = (10, 20, 200)  # blue, green, red
    cv2.imwrite(str(tmp_path / "b.png"), wide)
    cv2.imwrite(str(tmp_path / "a.PNG"), np.full((8, 8, 3), 255, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    found = textures.pictures(tmp_path, 16)
    assert found.shape == (2, 16, 16, 3) and (found[0] == 255).all() and (found[1] == [200, 20, 10]).all()


def test_folders_without_pictures_are_one_line(tmp_path):
    pytest.importorskip("cv2")
    with pytest.raises(BadInputError, match="expected a folder with pictures, got .*nowhere"):
        textures.pictures(tmp_path / "nowhere")
    with pytest.raises(BadInputError, match=r"there is no picture \(.png, .*\) in it"):
        textures.pictures(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    with pytest.raises(BadInputError, match="broken.png: cannot be read as a picture; remove it"):
        textures.pictures(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"")
    with pytest.raises(BadInputError, match="broken.png: cannot be read as a picture"):
        textures.pictures(tmp_path)
