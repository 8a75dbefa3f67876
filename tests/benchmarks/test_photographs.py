"""The benchmark of the photographs: bad input in one line, and a tiny run from end to end."""

import json
import sys

import numpy as np
import pytest

from benchmarks import photographs
from tests.perception.photograph_data import PHOTOGRAPHS, needs_photographs


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["photographs", *arguments])
    return photographs.main()


@pytest.mark.parametrize(("arguments", "message"), [
    (["--images", "nowhere"], "nowhere: no such folder"),
    (["--images", "DIR", "--labels", "DIR/none.csv"], "none.csv"),
    (["--images", "DIR"], "no column x_m"),
    (["--images", "DIR", "--seeds", "0"], "--seeds: expected 1 to"),
    (["--images", "DIR", "--first-seed", "-1"], "--first-seed: expected 0 to"),
    (["--images", "DIR", "--frames", "-5"], "--frames: expected 1 to"),
    (["--images", "DIR", "--corners", "1,2 3,4"], "--corners: expected the pixels"),
    (["--images", "DIR", "--corners", "1,2 3,4 5,6 7,nan"], "--corners: expected the pixels"),
])
def test_bad_input_is_one_line_and_exit_code_two(monkeypatch, capsys, tmp_path, arguments, message):
    (tmp_path / "labels.csv").write_text("file,y_m\n")
    assert run(monkeypatch, *(a.replace("DIR", str(tmp_path)) for a in arguments)) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and not printed.out


@needs_photographs
def test_a_tiny_run_prints_each_row(monkeypatch, capsys):
    pytest.importorskip("torch")
    pytest.importorskip("pybullet_data")
    monkeypatch.setattr(photographs, "HELD_OUT", 8)
    assert run(monkeypatch, "--images", str(PHOTOGRAPHS), "--frames", "24", "--epochs", "1", "--seeds", "1",
               "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert [(row["method"], row["seed"]) for row in result["rows"]] == [(m, 0) for m in photographs.METHODS]
    assert all(np.isfinite(row["error_mean_m"]) for row in result["rows"]) and result["photographs"] == 27
    # by hand from labels.csv: the mean distance of the 27 places from their middle
    assert result["rows"][0]["error_mean_m"] == pytest.approx(0.433, abs=0.001)
