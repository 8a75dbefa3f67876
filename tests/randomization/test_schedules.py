import pytest

from sim2real.errors import RandomizationError
from sim2real.randomization.schedules import RangeCurriculum


def test_constant_then_linear_then_full():
    curriculum = RangeCurriculum(start=0.2, begin=0.1, end=0.5)
    assert [curriculum.factor(p) for p in (0.0, 0.1, 0.3, 0.5, 1.0)] == pytest.approx([0.2, 0.2, 0.6, 1.0, 1.0])


def test_a_step():
    assert [RangeCurriculum(0.0, 0.5, 0.5).factor(p) for p in (0.49, 0.5)] == [0.0, 1.0]


@pytest.mark.parametrize("numbers", [(-0.1, 0.0, 0.5), (1.1, 0.0, 0.5), (0.0, 0.6, 0.5), (0.0, 0.0, 1.5)])
def test_impossible_numbers(numbers):
    with pytest.raises(RandomizationError, match="a curriculum needs"):
        RangeCurriculum(*numbers)
