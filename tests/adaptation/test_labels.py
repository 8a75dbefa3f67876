"""Labels and weak pairs: read, matched with their images, and refused in one line."""

import numpy as np
import pytest

from sim2real.adaptation.labels import load_labels, load_pairs
from sim2real.adaptation.sources import Images
from sim2real.errors import BadInputError

SIM = Images("sim", np.zeros((3, 8, 8, 1), np.uint8), ("a.png", "b.png", "c.png"))
REAL = Images("real", np.zeros((2, 8, 8, 1), np.uint8), ("0", "1"))


def write(tmp_path, text):
    (tmp_path / "l.csv").write_text(text)
    return tmp_path / "l.csv"


def test_numbers_of_several_columns(tmp_path):
    labels = load_labels(write(tmp_path, "file, x, y\nc.png,1,2.5\na.png,-1,0\nb.png,0,1e-1\n"), SIM)
    assert labels.names == ("x", "y") and not labels.classes and labels.rows.tolist() == [2, 0, 1]
    assert labels.values.tolist() == [[1.0, 2.5], [-1.0, 0.0], [0.0, pytest.approx(0.1)]]


def test_columns_are_chosen(tmp_path):
    path = write(tmp_path, "file,x,y\na.png,1,2\nb.png,3,4\nc.png,5,6\n")
    assert load_labels(path, SIM, ("y", "x")).values[0].tolist() == [2.0, 1.0]


def test_classes_of_words_and_whole_numbers(tmp_path):
    labels = load_labels(write(tmp_path, "file,what\na.png,cup\nb.png,block\nc.png,cup\n"), SIM)
    assert labels.classes and labels.names == ("block", "cup") and labels.values.tolist() == [1, 0, 1]
    labels = load_labels(write(tmp_path, "file,n\na.png,10\nb.png,9\nc.png,10\n"), SIM)
    assert labels.names == ("9", "10")
    assert not load_labels(write(tmp_path, "file,n\na.png,10.0\nb.png,9\nc.png,10\n"), SIM).classes


def test_arrays(tmp_path):
    np.save(tmp_path / "l.npy", np.array([[0.5], [1.5], [2.5]]))
    assert load_labels(tmp_path / "l.npy", SIM).values.tolist() == [[0.5], [1.5], [2.5]]
    inside = Images("sim.npz", SIM.pixels, ("0", "1", "2"), labels=np.array([7, 3, 7], np.uint8))
    labels = load_labels(None, inside)
    assert labels.names == ("3", "7") and labels.values.tolist() == [1, 0, 1]


def test_labels_that_lie_in_the_folder(tmp_path):
    (tmp_path / "labels.csv").write_text("file,x\na.png,1.5\nb.png,2\nc.png,3\n")
    images = Images(str(tmp_path), SIM.pixels, SIM.keys)
    assert load_labels(None, images).values.tolist() == [[1.5], [2.0], [3.0]]


def test_some_real_images_like_the_simulated(tmp_path):
    numbers = load_labels(write(tmp_path, "file,x,y\na.png,1.5,2.0\nb.png,3,4\nc.png,5,6\n"), SIM, ("y",))
    real = load_labels(write(tmp_path, "row,i,y\n1,9,2.5\n"), REAL, like=numbers)
    assert real.rows.tolist() == [1] and real.values.tolist() == [[2.5]]
    classes = load_labels(write(tmp_path, "file,w\na.png,u\nb.png,v\nc.png,w\n"), SIM)
    assert load_labels(write(tmp_path, "row,w\n0,v\n"), REAL, like=classes).values.tolist() == [1]
    with pytest.raises(BadInputError, match="unknown class 'z'"):
        load_labels(write(tmp_path, "row,w\n0,z\n"), REAL, like=classes)


def test_pairs(tmp_path):
    assert load_pairs(write(tmp_path, "sim,real\nb.png,1\na.png,0\n"), SIM, REAL).tolist() == [[1, 1], [0, 0]]
    with pytest.raises(BadInputError, match="no image '2' in real, which has 2, such as '0'"):
        load_pairs(write(tmp_path, "sim,real\nb.png,2\n"), SIM, REAL)


@pytest.mark.parametrize(("text", "message"), [
    ("", "expected a heading"),
    ("file,x\n", "rows below it"),
    ("file\na.png\n", "a heading of 2 columns"),
    ("file,x\na.png,1.5\nb.png\nc.png,2\n", "row 3 has 1 columns, the heading 2"),
    ("file,x\na.png,1.5\nb.png,2\n", "1 of the 3 images of sim have no label, such as 'c.png'"),
    ("file,x\na.png,1.5\nb.png,2\nc.png,3\nd.png,4\n", "there is no image 'd.png' in sim, which has 3"),
    ("file,x\na.png,1.5\nb.png,2\nb.png,3\n", "image 'b.png' has two rows"),
    ("file,x\na.png,1.5\nb.png,nan\nc.png,3\n", "expected finite numbers for image 'b.png', got nan"),
    ("file,x,y\na.png,1.5,2\nb.png,1,\nc.png,3,4\n", "expected finite numbers for image 'b.png'"),
    ("file,x\na.png,u\nb.png,u\nc.png,u\n", "expected at least 2 classes, got only 'u'"),
    ("file,x\na.png,u v\nb.png,u\nc.png,u\n", "'u v'"),
    ('file,x\na.png,"1\n', "cannot be read as CSV"),
    ("file,x y\na.png,1.5\nb.png,2\nc.png,3\n", "'x y'"),
    ("file,x,x\na.png,1.5,1\nb.png,2,1\nc.png,3,1\n", "'x' stands there twice"),
])
def test_what_does_not_match_is_refused(tmp_path, text, message):
    with pytest.raises(BadInputError) as error:
        load_labels(write(tmp_path, text), SIM)
    assert message in str(error.value) and "l.csv" in str(error.value) and "\n" not in str(error.value)


def test_what_cannot_be_read_is_refused(tmp_path):
    for name, data in (("none.csv", None), ("bytes.csv", b"file,x\n\xff\xfe,1\n")):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(BadInputError, match=name):
            load_labels(tmp_path / name, SIM)
    with pytest.raises(BadInputError, match="there are no labels with it; give them with --labels"):
        load_labels(None, SIM)
    with pytest.raises(BadInputError, match="unknown column 'z'"):
        load_labels(write(tmp_path, "file,x\na.png,1.5\nb.png,2\nc.png,3\n"), SIM, ("z",))


@pytest.mark.parametrize("values", [
    np.zeros(2), np.zeros((3, 2, 2)), np.array(["a", "b", "c"]), np.array([1, np.inf, 2])])
def test_arrays_that_do_not_match(tmp_path, values):
    np.save(tmp_path / "l.npy", values)
    with pytest.raises(BadInputError, match="l.npy: expected"):
        load_labels(tmp_path / "l.npy", SIM)
