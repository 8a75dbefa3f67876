"""Files that a model describes: read, or one line that names the field."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from sim2real.errors import BadInputError
from sim2real.yaml_model import read_model


class Pair(BaseModel):
    """Two numbers."""

    a: int
    b: float = 0.5


def test_a_file_becomes_the_model(tmp_path):
    (tmp_path / "pair.yaml").write_text("a: 3\n")
    assert read_model(Pair, tmp_path / "pair.yaml", "pair") == Pair(a=3)


@pytest.mark.parametrize(("text", "words"), [
    (None, "pair: cannot be read: No such file"), ("a: [", "pair: not YAML: "), ("a: x", "pair: a: "),
    ("3", "pair: the whole: ")])
def test_what_is_wrong_is_one_line(tmp_path, text, words):
    if text is not None:
        (tmp_path / "pair.yaml").write_text(text)
    with pytest.raises(BadInputError, match=words) as raised:
        read_model(Pair, tmp_path / "pair.yaml", "pair")
    assert "\n" not in str(raised.value)
