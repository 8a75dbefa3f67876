"""What the verbs print: JSON for programs, tables and progress bars for people.

Results go to standard output, everything else (progress, notes) to standard error, so that ``--json`` output can be
piped. rich is imported only where a progress bar is drawn.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_COLOURS = {"red": 31, "green": 32, "yellow": 33}


def plain(value: Any) -> Any:
    """The value as JSON knows it: arrays become lists, dataclasses and paths text, NaN and infinity null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "tolist"):  # numpy scalars and arrays, without importing numpy
        return plain(value.tolist())
    return str(value)


def print_json(value: Any) -> None:
    """One line of strict JSON on standard output."""
    print(json.dumps(plain(value), allow_nan=False), flush=True)


def say(text: str = "") -> None:
    """A result for people, on standard output."""
    print(text, flush=True)


def note(text: str) -> None:
    """Something worth knowing beside the result, on standard error."""
    print(text, file=sys.stderr, flush=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "",
                styles: dict[str, str] | None = None) -> None:
    """A table on standard output; no cell is ever cut, and nothing follows the last column.

    Args:
        columns: Headings; one that ends in ``>`` is aligned right.
        rows: Cells, anything that has a str.
        title: A line above it.
        styles: Cell text -> colour ("red", "green", "yellow"), used on a terminal only.
    """
    right = [column.endswith(">") for column in columns]
    lines = [[column.rstrip(">") for column in columns], *([one_cell(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    colour = (styles or {}) if sys.stdout.isatty() else {}
    if title:
        print(title)
    for number, line in enumerate(lines):
        cells = [cell.rjust(width) if flush else cell.ljust(width)
                 for cell, width, flush in zip(line, widths, right, strict=True)]
        painted = [padded.replace(cell, f"\x1b[{_COLOURS[colour[cell]]}m{cell}\x1b[0m") if cell in colour else padded
                   for padded, cell in zip(cells, line, strict=True)]
        print("  ".join(painted).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    sys.stdout.flush()


def one_cell(value: Any) -> str:
    """A cell's text on one line."""
    return " ".join(str(value).split())


@contextlib.contextmanager
def progress_bar(title: str, total: float, *, enabled: bool = True) -> Iterator[Callable[..., None]]:
    """A progress bar with the time left, on standard error; yields ``update(done, text="")``.

    Where standard error is no terminal, a line is written at each tenth of the way instead.
    """
    if not enabled:
        yield lambda done, text="": None
    elif sys.stderr.isatty():
        with _drawn_bar(title, total) as update:
            yield update
    else:
        yield _logged_bar(title, total)


@contextlib.contextmanager
def _drawn_bar(title: str, total: float) -> Iterator[Callable[..., None]]:
    from rich import progress as bars
    from rich.console import Console

    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(bar_width=24), bars.TaskProgressColumn(),
               bars.TimeElapsedColumn(), bars.TextColumn("left"), bars.TimeRemainingColumn(),
               bars.TextColumn("{task.fields[note]}"))
    with bars.Progress(*columns, console=Console(stderr=True), refresh_per_second=5) as progress:
        task = progress.add_task(title, total=total, note="")
        yield lambda done, text="": progress.update(task, completed=done, note=text)


def _logged_bar(title: str, total: float) -> Callable[..., None]:
    last = 0

    def update(done: float, text: str = "") -> None:
        nonlocal last
        tenth = int(10 * done / total) if total > 0 else 10
        if tenth > last:
            last = tenth
            note(f"{title}: {10 * tenth} %{'  ' + text if text else ''}")

    return update
