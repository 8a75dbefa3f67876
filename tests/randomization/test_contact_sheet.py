"""Contact sheets: where the frames are, and what is refused."""

import cv2
import numpy as np
import pytest

from sim2real.errors import BadInputError, StorageError
from sim2real.randomization.contact_sheet import contact_sheet, sample_picture, save_png
from tests.randomization.image_cases import scene


def test_frames_stand_in_rows():
    frames = scene(5, 10, 12)
    sheet = contact_sheet(frames, columns=3)
    assert sheet.shape == (2 * 18 + 8, 3 * 20 + 8, 3)
    for i, (top, left) in enumerate([(8, 8), (8, 28), (8, 48), (26, 8), (26, 28)]):
        np.testing.assert_array_equal(sheet[top:top + 10, left:left + 12], frames[i])
    assert (sheet[26:36, 48:60] == 255).all() and (sheet[:8] == 255).all()


def test_pixels_become_squares_of_scale():
    frames = scene(1, 4, 5)
    sheet = contact_sheet(frames, scale=3)
    np.testing.assert_array_equal(sheet[8:20:3, 8:23:3], frames[0])
    np.testing.assert_array_equal(sheet[10:20:3, 10:23:3], frames[0])


def test_labels_stand_below_and_stay_within_their_frames():
    frames = np.full((2, 30, 60, 3), 128, np.uint8)
    sheet = contact_sheet(frames, ["one", "a very long label that would not fit"])
    below = sheet[38:56]
    assert (below[:, 8:68] < 200).any() and (below[:, 76:136] < 200).any()
    assert (below[:, 68:76] > 200).all() and (below[:, 137:] > 200).all()
    np.testing.assert_array_equal(sheet[8:38, 8:68], frames[0])


def test_the_file_is_the_picture(tmp_path):
    picture = scene(1)[0]
    save_png(tmp_path / "new" / "sheet.png", picture)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "new" / "sheet.png"))[..., ::-1], picture)
    with pytest.raises(StorageError, match="cannot write"):
        save_png(tmp_path, picture)


def test_the_sample_picture_has_darks_lights_and_colours():
    for shape in ((96, 96), (48, 64), (1, 1)):
        picture = sample_picture(*shape)
        assert picture.shape == (*shape, 3) and picture.dtype == np.uint8
    picture = sample_picture()
    assert picture.min() < 10 and picture.max() > 245
    assert (picture[..., 0].astype(int) - picture[..., 2] > 100).any()
    assert (picture[..., 2].astype(int) - picture[..., 0] > 100).any()
    np.testing.assert_array_equal(sample_picture(), picture)


@pytest.mark.parametrize(("arguments", "message"), [
    ((scene(0),), "expected frames, columns and scale of 1 or more"), ((scene(1), (), 0), "columns"),
    ((scene(2), ["a"]), "expected one label for each of 2 frames, got 1"), ((scene(1)[0],), "expected images as")])
def test_refusals(arguments, message):
    with pytest.raises(BadInputError, match=message):
        contact_sheet(*arguments)
