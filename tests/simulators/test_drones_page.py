"""docs/drones.md: its example runs."""

from __future__ import annotations

import re
from pathlib import Path


def test_example_runs(capsys):
    page = Path(__file__).resolve().parents[2] / "docs/drones.md"
    block, = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    exec(compile(block, str(page), "exec"), {})
    assert float(capsys.readouterr().out) > 2e5
