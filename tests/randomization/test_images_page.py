"""docs/images.md names every parameter with the ranges that it has."""

import re

import pytest

from sim2real.image_vocabulary import IDLE_ABOVE, IDLE_BELOW
from sim2real.parameters import ParameterSpace

SPACE = ParameterSpace.for_images()


def row(p) -> list[str]:
    """Name, unit, nominal, training, twin and share as the page has them: of a sometimes-effect the acting side."""
    def span(low, high):
        low = p.nominal if p.name in IDLE_BELOW else low
        high = p.nominal if p.name in IDLE_ABOVE else high
        return f"{low:.3g} to {high:.3g}"

    idle = {True: p.nominal - p.low, False: p.high - p.nominal}[p.name in IDLE_BELOW] / (p.high - p.low)
    share = f"{1.0 - idle:.0%}" if p.name in IDLE_BELOW or p.name in IDLE_ABOVE else ""
    return [f"`{p.name}`", f"{p.nominal:g}", span(p.low, p.high), span(p.twin_low, p.twin_high), share]


@pytest.mark.parametrize("p", SPACE.parameters, ids=lambda p: p.name)
def test_the_table_is_the_vocabulary(root, p):
    page = (root / "docs/images.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^\| `{p.name}` .*$", page, re.MULTILINE)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    name, text, *numbers = cells
    assert [name, *numbers] == row(p)
    assert text == f"{p.text}" + ("" if p.unit == "1" else f" [{p.unit}]")
