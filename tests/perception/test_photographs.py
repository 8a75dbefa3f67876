"""Photographs are read with their labels or refused by name; pasted cubes are where they say."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.perception.photographs import LEAST, background_of, label_of, load_photographs, read_labels
from tests.perception.photograph_data import PHOTOGRAPHS, needs_photographs

Image = pytest.importorskip("PIL.Image")


def a_folder(path, count=LEAST, size=(64, 48), lines=None):
    for k in range(count):
        Image.new("RGB", size, (10 * k, 0, 0)).save(path / f"{k}.png")
    rows = [f"{k}.png,{-0.5 - 0.1 * k},0.25" for k in range(count)] if lines is None else lines
    (path / "labels.csv").write_text("\n".join(["file,x_m,y_m", *rows]) + "\n")
    return path


def load(path):
    return load_photographs(path, path / "labels.csv", 32, 24)


def test_pictures_come_in_the_asked_size_with_their_labels(tmp_path):
    found = load(a_folder(tmp_path))
    assert found.images.shape == (LEAST, 19, 32, 3) and found.files[2] == "2.png"
    assert found.images[3, 5, 5].tolist() == [30, 0, 0] and found.positions[3] == pytest.approx([-0.8, 0.25])


def test_the_labels_formula_by_hand():
    assert label_of(0, 0) == pytest.approx((-0.5, 0.61, 0.33))
    assert label_of(5, 7) == pytest.approx((-1.25, -0.44, 0.33))


@needs_photographs
def test_the_shared_photographs_have_the_formulas_labels():
    found = load_photographs(PHOTOGRAPHS, PHOTOGRAPHS / "labels.csv", 160, 120)
    assert len(found.files) == 27
    for name, place in zip(found.files, found.positions, strict=True):
        ix, iy = map(int, name.removesuffix(".jpg").split("-"))
        assert place == pytest.approx(label_of(ix, iy)[:2])


@pytest.mark.parametrize(("lines", "message"), [
    (["0.png,-0.5"], "line 2: expected metres"),
    (["0.png,-0.5,left"], "line 2: expected metres"),
    (["0.png,nan,0"], "line 2: expected metres"),
    (["0.png,-500,0"], "line 2: expected metres"),
    (["0.png,-0.5,0", "0.png,-0.5,0"], "line 3: the file '0.png' is named twice"),
    (["9.png,-0.5,0"], "1 labels without a photograph .* such as 9.png"),
    (["0.png,-0.5,0"], "no label for 7 photographs .* such as 1.png"),
])
def test_labels_that_do_not_fit_are_refused_with_line_or_name(tmp_path, lines, message):
    with pytest.raises(BadInputError, match=message):
        load(a_folder(tmp_path, lines=lines))


def test_columns_and_files_that_are_not_there_are_named(tmp_path):
    (tmp_path / "l.csv").write_text("name,x,y\n")
    with pytest.raises(BadInputError, match="no column file; expected file, x_m, y_m"):
        read_labels(tmp_path / "l.csv")
    with pytest.raises(BadInputError, match="none.csv"):
        read_labels(tmp_path / "none.csv")
    with pytest.raises(BadInputError, match="no such folder"):
        load(tmp_path / "nowhere")


def test_too_few_photographs_and_other_shapes_are_refused(tmp_path):
    with pytest.raises(BadInputError, match=f"7 photographs are too few; {LEAST} are needed"):
        load(a_folder(tmp_path, count=LEAST - 1))
    with pytest.raises(BadInputError, match="expected a picture of 4:3.* 64 x 64"):
        load(a_folder(tmp_path, size=(64, 64)))


def test_a_file_that_is_no_picture_is_refused_by_name(tmp_path):
    (a_folder(tmp_path) / "3.png").write_bytes(b"nothing")
    with pytest.raises(BadInputError, match="3.png"):
        load(tmp_path)


def test_the_background_is_what_most_photographs_have():
    images = np.full((9, 4, 4, 3), 100, np.uint8)
    for k in range(9):
        images[k, k % 4, k // 4] = 255  # a thing that moves
    assert (background_of(images) == 100).all()
