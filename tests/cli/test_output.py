"""Printed results: strict JSON, tables that survive a pipe, progress that stays off standard output."""

import json
from pathlib import Path

import numpy as np
import pytest

from sim2real.cli import output


def test_plain_turns_numpy_and_the_not_finite_into_json():
    value = {"a": np.float32(0.5), "b": np.arange(3), "c": float("nan"), "d": (1, Path("x")), 5: np.array([np.inf, 1])}
    assert output.plain(value) == {"a": 0.5, "b": [0, 1, 2], "c": None, "d": [1, "x"], "5": [None, 1.0]}


def test_plain_keeps_what_json_knows():
    value = {"t": True, "n": None, "i": 3, "s": "text", "l": [1.5]}
    assert output.plain(value) == value
    assert output.plain(True) is True


def test_print_json_is_one_strict_line(capsys):
    output.print_json([{"x": float("inf")}])
    out = capsys.readouterr().out
    assert out == '[{"x": null}]\n' and json.loads(out) == [{"x": None}]


def test_table_keeps_long_cells_whole_when_piped(capsys):
    output.print_table(("name", "value>"), [("a" * 60, 1), ("b", "x" * 60)], title="things")
    out = capsys.readouterr().out
    assert "a" * 60 in out and "x" * 60 in out
    assert out.splitlines()[0] == "things" and "\x1b" not in out
    assert not [line for line in out.splitlines() if line != line.rstrip()]


def test_columns_line_up_and_numbers_end_together(capsys):
    output.print_table(("name", "n>"), [("a", 1), ("long name", 123)])
    assert capsys.readouterr().out.splitlines() == [
        "name         n", "---------  ---", "a            1", "long name  123"]


def test_colour_only_on_a_terminal(capsys, monkeypatch):
    output.print_table(("status",), [("ok",)], styles={"ok": "green"})
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    output.print_table(("status",), [("ok",)], styles={"ok": "green"})
    assert "\x1b[32mok\x1b[0m" in capsys.readouterr().out


def test_brackets_in_cells_are_text_not_markup(capsys):
    output.print_table(("fix",), [("pip install 'sim2real[train]'",)])
    assert "sim2real[train]" in capsys.readouterr().out


def test_progress_writes_each_tenth_once_and_only_to_stderr(capsys):
    with output.progress_bar("work", 40) as bar:
        for done in range(41):
            bar(done, f"at {done}")
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 10
    assert lines[0] == "work: 10 %  at 4" and lines[-1].startswith("work: 100 %")


def test_disabled_progress_says_nothing(capsys):
    with output.progress_bar("work", 10, enabled=False) as bar:
        bar(10, "x")
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_drawn_progress_goes_to_stderr(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with output.progress_bar("work", 10) as bar:
        bar(5, "half")
    captured = capsys.readouterr()
    assert captured.out == "" and "work" in captured.err


@pytest.mark.parametrize("total", [0, 1])
def test_progress_of_nothing_does_not_divide_by_zero(total, capsys):
    with output.progress_bar("work", total) as bar:
        bar(total)
    assert "100 %" in capsys.readouterr().err
