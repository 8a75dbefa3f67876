import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from sim2real.errors import RunFolderError, StorageError
from sim2real.training import checkpoints
from sim2real.training.callbacks import read_curve
from sim2real.training.config import TrainConfig
from sim2real.training.ppo import train

from .conftest import tiny


def test_it_holds_plain_data_and_the_networks(finished):
    state = checkpoints.load_checkpoint(finished.run)
    assert state["steps"] == finished.steps == 96
    assert state["updates"] > 0 and state["elapsed"] > 0.0
    assert state["policy"]["features_extractor.normaliser.count"] == 8 + 96
    assert len(state["episodes"]) == 8


def test_restoring_brings_back_the_random_generators(finished):
    state = checkpoints.load_checkpoint(finished.run)

    class Model:
        policy = torch.nn.Linear(1, 1)

    model = Model()
    model.policy.optimizer = torch.optim.Adam(model.policy.parameters())
    state = {**state, "policy": model.policy.state_dict(), "optimizer": model.policy.optimizer.state_dict()}
    draws = []
    for _ in range(2):
        checkpoints.restore(model, state)
        draws.append((torch.rand(3).tolist(), np.random.rand(3).tolist()))
    assert draws[0] == draws[1]
    with pytest.raises(RunFolderError, match="does not fit"):
        checkpoints.restore(model, {**state, "policy": {}})


def test_missing_damaged_and_foreign_checkpoints(tmp_path):
    with pytest.raises(RunFolderError, match="has no checkpoint.pt"):
        checkpoints.load_checkpoint(tmp_path)
    for content in (b"", b"nonsense", b"PK\x03\x04 torn"):
        (tmp_path / checkpoints.FILE).write_bytes(content)
        with pytest.raises(RunFolderError, match="damaged"):
            checkpoints.load_checkpoint(tmp_path)
    torch.save({"schema": 99}, tmp_path / checkpoints.FILE)
    with pytest.raises(RunFolderError, match="another version"):
        checkpoints.load_checkpoint(tmp_path)


def test_nothing_is_executed_while_loading(tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.system, (f"touch {tmp_path / 'owned'}",))

    torch.save({"schema": 1, "x": Evil()}, tmp_path / checkpoints.FILE)
    with pytest.raises(RunFolderError):
        checkpoints.load_checkpoint(tmp_path)
    assert not (tmp_path / "owned").exists()


def test_a_failed_write_leaves_the_last_one(finished, tmp_path, monkeypatch):
    state = checkpoints.load_checkpoint(finished.run)
    target = tmp_path / checkpoints.FILE
    torch.save(state, target)
    before = target.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    class Model:
        num_timesteps, _n_updates, ep_success_buffer, ep_info_buffer = 1, 1, [], []
        policy = torch.nn.Linear(1, 1)

    Model.policy.optimizer = torch.optim.Adam(Model.policy.parameters())
    monkeypatch.setattr(checkpoints.torch, "save", full)
    with pytest.raises(StorageError, match="the disk is full"):
        checkpoints.save_checkpoint(tmp_path, Model, episodes=np.zeros(1), elapsed=0.0)
    assert target.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == [checkpoints.FILE]


def test_resume_after_a_real_kill(tmp_path, root):
    """SIGKILL in the middle; the resumed run ends with all steps, one curve, and a policy."""
    folder = tmp_path / "run"
    code = ("from pathlib import Path; from sim2real.training.ppo import train; "
            "from sim2real.training.config import TrainConfig, PPOConfig; "
            f"train(TrainConfig('crazyflie-hover', options={{'episode_seconds': 2.2}}, num_envs=8, steps=1000000, "
            f"seed=5, out=Path({str(folder)!r}), checkpoint_seconds=0.3, "
            "ppo=PPOConfig(horizon=4, batch_size=32, epochs=2, actor=(8,), critic=(8,))))")
    process = subprocess.Popen([sys.executable, "-c", code], cwd=root)
    deadline = time.monotonic() + 60.0
    while not (folder / checkpoints.FILE).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)  # some more steps, which are lost
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    saved = checkpoints.load_checkpoint(folder)["steps"]
    assert saved > 0 and read_curve(folder)[-1]["steps"] >= saved
    result = train(TrainConfig("", steps=saved + 320), resume=folder)
    steps = [row["steps"] for row in read_curve(folder)]
    assert result.steps == saved + 320 and result.bundle.is_file()
    assert steps == sorted(set(steps)) and steps[-1] == result.steps


def test_resuming_goes_on_with_the_same_numbers(tmp_path):
    """Stopped at an update and resumed: the curve's rows before are kept, those after continue."""
    train(tiny(tmp_path / "run", steps=64))
    result = train(TrainConfig("", steps=128), resume=tmp_path / "run")
    rows = read_curve(tmp_path / "run")
    assert [row["steps"] for row in rows] == [32, 64, 96, 128]
    assert rows[-1]["seconds"] > rows[0]["seconds"] > 0.0
    assert result.steps == 128
    assert json.dumps(rows)
