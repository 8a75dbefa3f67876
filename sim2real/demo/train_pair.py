"""Trains both policies at the same time, one process and one core each, on the same budget."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from sim2real.errors import Sim2RealError

_PROGRESS = re.compile(r"(\d+) ?%\s*(.*)")
Progress = Callable[[float, str], None]


def train_pair(task: str, folder: Path, seed: int, *, extra: Sequence[str] = (),
               progress: Progress | None = None) -> dict[str, dict]:
    """Run ``sim2real train`` without and with randomization side by side.

    Args:
        task: Task id.
        folder: Where the runs "plain" and "randomized" go.
        seed: Of both.
        extra: Further arguments of ``sim2real train``, the same for both.
        progress: Called with the percentage done of both together, and a text.

    Returns:
        The JSON line of each, by name.

    Raises:
        Sim2RealError: A training failed; the message names the file with its output.
    """
    states = {"plain": (0.0, ""), "randomized": (0.0, "")}

    def update(name: str, percent: float, text: str) -> None:
        states[name] = (percent, text)
        if progress:
            progress(sum(p for p, _ in states.values()) / len(states),
                     ", ".join(f"{n} {t or f'{p:.0f} %'}" for n, (p, t) in states.items()))

    jobs = {name: _Job(name, task, folder, seed, plan, extra, update)
            for name, plan in (("plain", "none"), ("randomized", "default"))}
    try:
        return {name: job.result() for name, job in jobs.items()}
    finally:
        for job in jobs.values():
            job.stop()


class _Job:
    """One training process; its standard error is read for progress and kept in a file."""

    def __init__(self, name, task, folder, seed, plan, extra, update):
        self._name, self._update = name, update
        self._log = folder / f"train-{name}.log"
        command = [sys.executable, "-m", "sim2real", "train", task, "--randomization", plan, "--seed", str(seed),
                   "--out", str(folder / name), "--threads", "1", "--json", *extra]
        # one core each: more threads than cores make both slower
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                         env={**os.environ, "OMP_NUM_THREADS": "1"})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._log.open("w") as log:
            for line in self._process.stderr:
                log.write(line)
                if found := _PROGRESS.search(line):
                    self._update(self._name, float(found[1]), found[2].strip())

    def result(self) -> dict:
        out = self._process.stdout.read()
        code = self._process.wait()
        self._reader.join()
        if code != 0:
            last = (self._log.read_text().strip().splitlines() or ["no message"])[-1]
            raise Sim2RealError(f"training {self._name} ended with exit code {code}: {last} (see {self._log})")
        return json.loads(out.strip().splitlines()[-1])

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
