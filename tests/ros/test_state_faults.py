"""Faults of any robot's state messages: what goes out in their window, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from rehearse import AT, FOR, START, entry, only_inside, rehearse

from sim2real.ros.messages import stamp_seconds

BOTH = pytest.mark.parametrize("robot", ["ur5e", "crazyflie"])


def stamps(rows):
    return np.array([stamp_seconds(m.header) for _, _, batch in rows for m in batch])


@BOTH
def test_silence(tmp_path, robot):
    assert all(batch == [] for _, _, batch in only_inside(rehearse(tmp_path, entry("silence"), robot=robot)))


@BOTH
def test_freeze_repeats_one_message(tmp_path, robot):
    rows = only_inside(rehearse(tmp_path, entry("freeze"), robot=robot))
    first = rows[0][1]
    assert all(batch == [first] for _, _, batch in rows)


def test_freeze_with_running_stamps_freezes_the_values_alone(tmp_path):
    rows = only_inside(rehearse(tmp_path, entry("freeze", stamps="running")))
    assert all(batch[0].position == rows[0][1].position for _, _, batch in rows)
    assert [batch[0].header.stamp for _, _, batch in rows] == [m.header.stamp for _, m, _ in rows]


def test_drop_loses_its_share_in_bursts_and_comes_with_the_seed(tmp_path):
    def kept(seed):
        long = entry("drop", share="30 %", burst=4) | {"for": 3.0}
        rows = only_inside(rehearse(tmp_path, long, until=3.2, seed=seed), duration=3.0)
        assert all(batch in ([], [message]) for _, message, batch in rows)
        return np.array([len(batch) for _, _, batch in rows])

    lost = 1 - kept(0)
    assert lost.mean() == pytest.approx(0.3, abs=0.06)
    groups = lost[: len(lost) // 4 * 4].reshape(-1, 4)
    assert (groups == groups[:, :1]).all()  # four in a row, or none
    assert (kept(5) == kept(5)).all() and (kept(5) != kept(6)).any()


def test_late_messages_keep_their_order_and_their_content(tmp_path):
    rows = rehearse(tmp_path, entry("late", delay="50 ms", jitter="20 ms"))
    sent = {stamp_seconds(m.header): m for _, m, _ in rows}
    inside = only_inside(rows)
    assert all(batch == [] for t, _, batch in inside if t < AT + 0.05)
    late = [(START + t - stamp_seconds(m.header), m) for t, _, batch in inside for m in batch]
    assert len(late) > 50
    assert all(0.05 - 1e-6 <= age <= 0.072 for age, _ in late)
    assert np.ptp([age for age, _ in late]) > 0.005
    assert (np.diff(stamps(inside)) > 0.0).all()
    assert all(m == sent[stamp_seconds(m.header)] for _, m in late)


def test_out_of_order(tmp_path):
    inside = only_inside(rehearse(tmp_path, entry("out_of_order", group=3)))
    steps = np.diff(np.round((stamps(inside) - START - AT) / 0.002)).tolist()
    assert steps[:5] == [-1, -1, 5, -1, -1]
    assert [len(batch) for _, _, batch in inside[:6]] == [0, 0, 3, 0, 0, 3]


def test_duplicate(tmp_path):
    inside = only_inside(rehearse(tmp_path, entry("duplicate", copies=3)))
    assert all(batch == [message] * 3 for _, message, batch in inside)


@BOTH
def test_flood_multiplies_the_rate(tmp_path, robot):
    rows = rehearse(tmp_path, entry("flood", factor=20), robot=robot)
    inside = only_inside(rows)
    assert all(len(batch) == 20 for _, _, batch in inside)
    period = inside[1][0] - inside[0][0]
    np.testing.assert_allclose(np.diff(stamps(inside)), period / 20, atol=2e-7)


@pytest.mark.parametrize("by", ["10 s", "-10 s", 0.5])
def test_stamp_offset(tmp_path, by):
    seconds = float(str(by).split()[0])
    inside = only_inside(rehearse(tmp_path, entry("stamp_offset", by=by)))
    np.testing.assert_allclose(stamps(inside) - [START + t for t, _, _ in inside], seconds, atol=1e-6)


def test_stamp_zero(tmp_path):
    assert (stamps(only_inside(rehearse(tmp_path, entry("stamp_zero")))) == 0.0).all()


def test_stamp_backward(tmp_path):
    inside = only_inside(rehearse(tmp_path, entry("stamp_backward")))
    np.testing.assert_allclose(np.diff(stamps(inside)), -0.002, atol=1e-6)
    assert stamps(inside)[0] == pytest.approx(START + AT)


def test_faults_at_the_same_time_act_in_the_order_of_the_file(tmp_path):
    frozen = only_inside(rehearse(tmp_path, entry("freeze"), entry("stamp_offset", by="1 s")))
    np.testing.assert_allclose(stamps(frozen), stamps(frozen)[0])  # not a second more each time
    rows = rehearse(tmp_path, entry("duplicate"), entry("drop", share=1.0))
    assert all(batch == [] for _, _, batch in only_inside(rows))


def test_a_fault_without_an_end_lasts(tmp_path):
    rows = rehearse(tmp_path, {"at": AT, "fault": "silence"})
    assert [t for t, _, batch in rows if not batch] == [t for t, _, _ in rows if t >= AT]


def test_windows_of_one_fault_do_not_remember_each_other(tmp_path):
    second = {"at": AT + FOR + 0.02, "for": 0.05, "fault": "freeze"}
    rows = rehearse(tmp_path, entry("freeze"), second)
    held = [batch[0] for t, _, batch in rows if second["at"] - 1e-9 <= t < second["at"] + 0.05 - 1e-9]
    assert stamp_seconds(held[0].header) == pytest.approx(START + second["at"])
    assert held == [held[0]] * len(held)
