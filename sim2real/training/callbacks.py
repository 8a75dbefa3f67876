"""What happens beside the learning: the curve, progress, checkpoints, early stop and clean interruption."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from sim2real.training.checkpoints import save_checkpoint

CURVE = "metrics.jsonl"
Progress = Callable[[int, int, str], None]


class StopFlag:
    """Set by the first SIGINT or SIGTERM; a second one interrupts at once."""

    def __init__(self) -> None:
        self.is_set = False

    def __call__(self, number: int, frame: object) -> None:
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopFlag]:
    """A flag that signals set, while the block runs; outside of the main thread nothing is installed."""
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = {number: signal.signal(number, flag) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class RunKeeper(BaseCallback):
    """Writes the curve and the checkpoints, tells of progress and decides when to stop early.

    Args:
        folder: The run folder.
        total: Steps of the whole run.
        flag: Stops the run when set.
        progress: Called with (steps, total, text) after each rollout.
        checkpoint_seconds: Time between two checkpoints.
        elapsed: Seconds that the run has trained before.
        target: Stop when this share of test episodes succeeds.
        test: Plays test episodes without noise and returns the share that succeeds.
    """

    def __init__(self, folder: Path, total: int, flag: StopFlag, *, progress: Progress | None = None,
                 checkpoint_seconds: float = 10.0, elapsed: float = 0.0, target: float | None = None,
                 test: Callable[[], float] | None = None):
        super().__init__()
        self.folder, self.total, self.flag = folder, total, flag
        self.reached = False
        self._progress, self._interval, self._before = progress, checkpoint_seconds, elapsed
        self._target, self._test, self._tested = target, test, 0
        self._start = self._saved = time.monotonic()
        self._stop = False

    @property
    def elapsed(self) -> float:
        """Seconds trained so far, those before a resume included."""
        return self._before + time.monotonic() - self._start

    @property
    def success_rate(self) -> float:
        """Share of the last training episodes that succeeded, with exploration noise; nan before the first."""
        return float(np.mean(self.model.ep_success_buffer)) if self.model.ep_success_buffer else float("nan")

    def save(self) -> None:
        """Write a checkpoint now."""
        env = self.training_env.env
        save_checkpoint(self.folder, self.model, episodes=env.episodes, elapsed=self.elapsed)
        self._saved = time.monotonic()

    # ------------------------------------------------------------------ stable-baselines3's hooks
    def _on_training_start(self) -> None:
        trim_curve(self.folder / CURVE, self.model.num_timesteps)

    def _on_rollout_start(self) -> None:
        # the last update is done: the model is whole
        if time.monotonic() - self._saved >= self._interval:
            self.save()
        if self._target is not None and self._worth_a_test():
            self._tested = self.model.num_timesteps
            self.reached = self._stop = self._test() >= self._target

    def _on_step(self) -> bool:
        return not (self._stop or self.flag.is_set)

    def _on_rollout_end(self) -> None:
        steps, rate = self.model.num_timesteps, self.success_rate
        returns = [e["r"] for e in self.model.ep_info_buffer]
        row = {"steps": steps, "seconds": round(self.elapsed, 3), "success_rate": None if np.isnan(rate) else rate,
               "return": float(np.mean(returns)) if returns else None}
        with open(self.folder / CURVE, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self._progress is not None:
            text = "" if np.isnan(rate) else f"success {rate:.1%}"
            self._progress(min(steps, self.total), self.total, text)

    def _worth_a_test(self) -> bool:
        """Tests cost time: only when training's own rate, which has noise in it, comes near."""
        rate = self.success_rate
        return rate > self._target - 0.5 and self.model.num_timesteps - self._tested >= self.total / 20


def read_curve(folder: str | Path) -> list[dict]:
    """The curve of a run: one row per rollout with steps, seconds, success_rate, return; a torn last line is left
    out."""
    path = Path(folder) / CURVE
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):  # killed while writing it
            rows.append(json.loads(line))
    return rows


def trim_curve(path: Path, steps: int) -> None:
    """Drop what a killed run wrote after its last checkpoint: it is done again."""
    if path.is_file():
        rows = [row for row in read_curve(path.parent) if row["steps"] <= steps]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
