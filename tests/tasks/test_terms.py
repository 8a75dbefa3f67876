import numpy as np

from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot
from sim2real.tasks import terms


def test_lengths_and_squares():
    v = np.array([[3.0, 4.0], [0.0, 0.0]])
    assert terms.norm(v).tolist() == [5.0, 0.0]
    assert terms.square(v).tolist() == [25.0, 0.0]
    assert terms.mean_square(v).tolist() == [12.5, 0.0]


def test_near_and_inside_at_their_widths():
    d = np.array([0.0, 0.2])
    np.testing.assert_allclose(terms.near(d, 0.2), [1.0, 0.5])
    np.testing.assert_allclose(terms.inside(d, 0.2), [1.0, np.exp(-1.0)])


def test_action_rate():
    assert terms.action_rate(np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]])).tolist() == [0.5]


def test_beyond_counts_depth_on_both_sides():
    low, high = np.array([-0.9, -0.9]), np.array([0.9, 0.9])
    q = np.array([[0.0, 0.0], [0.95, -1.0]])
    np.testing.assert_allclose(terms.beyond(q, low, high), [0.0, 0.15])


def test_parameters_over_their_ranges():
    space = ParameterSpace.for_robot(load_robot("ur5e"))
    columns = terms.varying_columns(space)
    names = [space.names[i] for i in columns]
    assert "actuator_delay" in names and "backlash" not in names and not any("." in n for n in names)
    low, high = np.tile(space.low, (1, 1)), np.tile(space.high, (1, 1))
    np.testing.assert_allclose(terms.unit_parameters(space, low, columns), -1.0)
    np.testing.assert_allclose(terms.unit_parameters(space, high, columns), 1.0)
