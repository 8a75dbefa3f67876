"""The benchmark of excitations plans, compares, and fails where a bound is broken."""

import functools
import json
import sys

from benchmarks import excitation

QUICK = {"duration": 3.0, "periods": 1, "harmonics": 3, "generations": 8}


def test_a_row_and_its_verdict(monkeypatch, capsys):
    monkeypatch.setattr(excitation, "plan_excitation", functools.partial(excitation.plan_excitation, **QUICK))
    monkeypatch.setattr(sys, "argv", ["excitation", "--json", "--robots", "ur5e", "--seeds", "1", "--draws", "1"])
    code = excitation.main()
    out = json.loads(capsys.readouterr().out)
    (row,) = out["rows"]
    assert code == 0 and out["passed"]
    assert row["violations"] == 0 and row["seconds"] > 0.0 and len(row["parameters"]) == 12
    assert set(row["left"]) == {"position", "velocity", "acceleration", "jerk", "workspace", "clearance", "effort"}
    assert 0.0 < row["left"]["velocity"] < 1.0
    for change in ({"violations": 1}, {"left": {**row["left"], "jerk": -0.1}},
                   {"compared": {"chirp": {"gain_bits": -0.5}}}):
        assert not excitation.passed({**row, **change})
