import pytest

from sim2real import errors
from sim2real.errors import BadInputError, Sim2RealError, unknown

CLASSES = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Sim2RealError)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda c: c.__name__)
def test_exit_code_is_2_for_bad_input_and_1_where_the_world_failed(error):
    assert error.exit_code == (2 if issubclass(error, BadInputError) else 1)
    assert error.__doc__


def test_bad_input_is_a_value_error():
    assert issubclass(errors.ParameterError, ValueError) and not issubclass(errors.StorageError, ValueError)


def test_unknown_names_the_nearest():
    assert unknown("robot", "ur5", ["ur5e", "fr3", "so101"]) == "unknown robot 'ur5'; did you mean ur5e?"


def test_unknown_lists_all_when_nothing_is_near():
    assert unknown("engine", "gazebo", ["pybullet", "mujoco"]) == "unknown engine 'gazebo'; known: mujoco, pybullet"
    assert unknown("engine", 7, []) == "unknown engine '7'; known: none"


def test_a_message_is_one_printable_line_whatever_it_quotes():
    assert str(BadInputError("expected 1,\n got\t2")) == "expected 1, got 2"
    assert str(BadInputError("name '\x1b[2J\x00é'")) == r"name '\x1b[2J\x00é'"
    long = str(BadInputError("begin " + "x" * 1_000_000 + " end"))
    assert len(long) < 2000 and long.startswith("begin x") and long.endswith("x end")
    assert str(BadInputError()) == ""
