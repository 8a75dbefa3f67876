import os
import signal
import threading

from sim2real.training.callbacks import CURVE, StopFlag, read_curve, stop_on_signals, trim_curve
from sim2real.training.checkpoints import load_checkpoint
from sim2real.training.ppo import train

from .conftest import tiny


def test_progress_and_curve(tmp_path):
    calls = []
    result = train(tiny(tmp_path / "run"), lambda *call: calls.append(call))
    assert [(done, total) for done, total, _ in calls] == [(32, 96), (64, 96), (96, 96)]
    rows = read_curve(result.run)
    assert [row["steps"] for row in rows] == [32, 64, 96]
    assert set(rows[0]) == {"steps", "seconds", "success_rate", "return"}
    assert list((result.run / "tensorboard").glob("events.out.tfevents.*"))


def test_a_signal_saves_and_stops(tmp_path):
    def interrupt(done, total, text):
        if done >= 64:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    result = train(tiny(tmp_path / "run", steps=10_000), interrupt)
    assert result.interrupted and result.bundle is None
    assert 64 <= result.steps < 200
    assert load_checkpoint(result.run)["steps"] == result.steps
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_signal_interrupts_at_once():
    flag = StopFlag()
    flag(signal.SIGINT, None)
    assert flag.is_set
    try:
        flag(signal.SIGINT, None)
    except KeyboardInterrupt:
        return
    raise AssertionError("no KeyboardInterrupt")


def test_another_thread_installs_nothing():
    seen = []

    def run():
        with stop_on_signals() as flag:
            seen.append((flag.is_set, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=run)
    before = signal.getsignal(signal.SIGINT)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


def test_a_target_stops_early(tmp_path, monkeypatch):
    from sim2real.training import callbacks, ppo

    monkeypatch.setattr(callbacks.RunKeeper, "success_rate", property(lambda self: 0.9))
    monkeypatch.setattr(ppo, "test", lambda *_: (0.97, None))
    result = train(tiny(tmp_path / "run", steps=10_000, target_success=0.95))
    assert result.steps < 1000 and result.success_rate == 0.97 and result.bundle.is_file()


def test_torn_and_repeated_rows_are_dropped(tmp_path):
    path = tmp_path / CURVE
    path.write_text('{"steps": 1}\n{"steps": 2}\n{"steps": 3}\n{"ste')
    assert [row["steps"] for row in read_curve(tmp_path)] == [1, 2, 3]
    trim_curve(path, 2)
    assert path.read_text() == '{"steps": 1}\n{"steps": 2}\n'
    assert read_curve(tmp_path / "nothing") == []
