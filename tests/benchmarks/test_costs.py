"""The benchmark of hot paths steps all of them, and says what it measured."""

import json
import sys

from benchmarks import costs


def test_every_hot_path_is_stepped(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["costs", "--json", "--repeats", "3"])
    assert costs.main() == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert len(rows) == len({row["name"] for row in rows}) == 9
    for row in rows:
        assert 0.0 < row["seconds"] < 10.0 and row["ratio"] == row["seconds"] / row["budget"], row
