import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.robots import load_robot
from sim2real.simulators.pybullet_arm import PyBulletArm


@pytest.fixture(scope="module")
def sim():
    with PyBulletArm(load_robot("ur5e"), 2) as sim:
        yield sim


def test_bullet_takes_its_bodies_where_the_drive_equation_says(sim):
    """Free of contact, Bullet's velocities after a step are those that were solved for, to rounding."""
    sim.reset()
    spied = []
    plain = sim._share_impulse
    sim._share_impulse = lambda *arguments: spied.append(arguments)
    for k in range(20):
        sim.step(np.tile(sim.robot.home, (2, 1)) + 0.3 * np.sin(0.2 * k))
    sim._share_impulse = plain
    assert spied == []
    assert np.abs(sim.true_state().joint_velocity).max() > 0.1


def test_a_runaway_is_marked_and_recovers():
    with PyBulletArm(load_robot("so101"), 2) as sim:
        values = sim.values.copy()
        for name, value in (("stiffness_scale", 100.0), ("armature_scale", 1e-3), ("effort_limit_scale", 1e3)):
            values[1, sim.space.column(name)] = value
        sim.set_parameters(None, values)
        sim.reset()
        sim._v[1] = np.nan  # what an engine that blew up reports
        sim.step(np.tile(sim.robot.home, (2, 1)))
        assert sim.unstable.tolist() == [False, True]
        assert sim.true_state().is_finite().all()
        sim.set_parameters(None, sim.space.batch(2))
        sim.reset()
        for _ in range(5):
            sim.step(np.tile(sim.robot.home, (2, 1)))
        assert not sim.unstable.any()


def test_pictures(sim):
    sim.reset()
    command = np.tile(sim.robot.home, (2, 1))
    command[1, 0] += 1.0
    for _ in range(20):
        sim.step(command)
    before = sim.true_state().joint_position.copy()
    pictures = sim.render("overview", size=(60, 80))
    assert pictures.shape == (2, 60, 80, 3)
    assert pictures.dtype == np.uint8
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() > 50
    np.testing.assert_array_equal(sim.true_state().joint_position, before)
    with pytest.raises(BadInputError, match="unknown camera"):
        sim.render("wrist")
