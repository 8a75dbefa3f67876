"""Delayed and lost frames."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.randomization.frame_delay import FrameDelay


def frame(n: int, k: int) -> np.ndarray:
    """Frames whose every pixel is k + 100 times the simulation."""
    return np.broadcast_to((k + 100 * np.arange(n))[:, None, None, None], (n, 2, 3, 3)).astype(np.uint8)


def numbers(seen: np.ndarray) -> list[int]:
    assert (seen == seen[:, :1, :1, :1]).all()
    return seen[:, 0, 0, 0].tolist()


def test_without_delay_the_frame_itself():
    line = FrameDelay(2, (2, 3, 3), period=0.1, longest=0.0)
    for k in range(4):
        assert numbers(line.push(frame(2, k), 0.0)) == [k, 100 + k]


def test_a_frame_arrives_at_the_first_period_after_its_delay():
    line = FrameDelay(2, (2, 3, 3), period=0.1, longest=0.3)
    # 0.1 s are one period, 0.25 s are three; nothing is older than the first frame
    seen = [numbers(line.push(frame(2, k), np.array([0.1, 0.25]))) for k in range(6)]
    assert seen == [[0, 100], [0, 100], [1, 100], [2, 100], [3, 101], [4, 102]]


def test_a_delay_may_change_at_every_frame():
    line = FrameDelay(1, (2, 3, 3), period=0.1, longest=0.3)
    seen = [numbers(line.push(frame(1, k), d))[0] for k, d in enumerate([0.0, 0.3, 0.1, 0.0, 0.3, 0.2])]
    assert seen == [0, 0, 1, 3, 1, 3]


def test_periods_written_in_floating_point_are_whole():
    line = FrameDelay(1, (2, 3, 3), period=0.1, longest=0.5)
    for k in range(5):
        seen = numbers(line.push(frame(1, k), 0.1 + 0.2))[0]  # 0.30000000000000004
    assert seen == 1


def test_reset_forgets_the_episode_of_some():
    line = FrameDelay(2, (2, 3, 3), period=0.1, longest=0.2)
    for k in range(4):
        line.push(frame(2, k), 0.2)
    line.reset(np.array([1]))
    assert numbers(line.push(frame(2, 4), 0.2)) == [2, 104]
    assert numbers(line.push(frame(2, 5), 0.2)) == [3, 104]
    assert numbers(line.push(frame(2, 6), 0.2)) == [4, 104]
    assert numbers(line.push(frame(2, 7), 0.2)) == [5, 105]


@pytest.mark.parametrize("longest", [0.0, 0.2])
def test_of_lost_frames_the_one_before_stays(longest):
    n = 400
    line = FrameDelay(n, (1, 1, 3), period=0.1, longest=longest, seed=3)
    lost, last = [], None
    for k in range(30):
        seen = line.push(np.full((n, 1, 1, 3), k, np.uint8), 0.0, 0.25, counter=k)[:, 0, 0, 0]
        if last is not None:
            assert ((seen == k) | (seen == last)).all()
            lost.append((seen == last).mean())
        else:
            assert (seen == 0).all(), "the first frame always arrives"
        last = seen
    assert np.mean(lost) == pytest.approx(0.25, abs=0.02)


def test_what_is_lost_depends_on_seed_identity_and_counter_alone():
    def run(identities, seed=1, start=0):
        line = FrameDelay(len(identities), (1, 1, 3), 0.1, 0.0, seed=seed, identities=np.array(identities))
        return np.array([line.push(np.full((len(identities), 1, 1, 3), k, np.uint8), 0.0, 0.5, counter=start + k)
                         [:, 0, 0, 0] for k in range(20)])

    whole = run([4, 5, 6, 7])
    np.testing.assert_array_equal(run([6, 4]), whole[:, [2, 0]])
    assert not np.array_equal(run([4], seed=2), run([4])) and not np.array_equal(run([4], start=50), run([4]))


def test_depth_and_other_pixels_too():
    line = FrameDelay(1, (2, 2), period=0.1, longest=0.1, dtype=np.float32)
    line.push(np.full((1, 2, 2), 0.5, np.float32), 0.1)
    assert line.push(np.full((1, 2, 2), 0.75, np.float32), 0.1).max() == 0.5


def test_what_was_seen_stays_as_it_was():
    line = FrameDelay(1, (2, 3, 3), period=0.1, longest=0.0)
    first = line.push(frame(1, 1), 0.0)
    for k in range(2, 6):
        line.push(frame(1, k), 0.0)
    assert numbers(first) == [1]


def test_refusals():
    with pytest.raises(BadInputError, match="period over 0"):
        FrameDelay(1, (2, 3, 3), period=0.0, longest=0.1)
    with pytest.raises(BadInputError, match="longest"):
        FrameDelay(1, (2, 3, 3), period=0.1, longest=float("inf"))
    line = FrameDelay(2, (2, 3, 3), period=0.1, longest=0.1)
    for frames in (frame(1, 0), frame(2, 0).astype(float), np.zeros((2, 3, 2, 3), np.uint8)):
        with pytest.raises(BadInputError, match=r"expected frames as uint8 \(2, 2, 3, 3\), got"):
            line.push(frames, 0.0)
