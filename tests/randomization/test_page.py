"""docs/randomization.md: its example runs."""

import re

import pytest

from sim2real.randomization import RandomizationPlan


def blocks(root, language):
    return re.findall(rf"```{language}\n(.*?)```", (root / "docs/randomization.md").read_text(encoding="utf-8"), re.S)


def test_example_runs(root, arm, tmp_path, monkeypatch):
    pytest.importorskip("mujoco")
    (plan, *_), (program,) = blocks(root, "yaml"), blocks(root, "python")
    (tmp_path / "plan.yaml").write_text(plan)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(program, "docs/randomization.md", "exec"), names)
    ranges = names["plan"].ranges(arm)
    assert ranges["payload_mass"]["high"] == 2.0 and ranges["stiffness_scale"]["low"] == 0.8
    assert "contact_friction" not in ranges and ranges["external_force_y"]["when"] == "push"
    assert RandomizationPlan.from_yaml(names["plan"].to_yaml()) == names["plan"]
