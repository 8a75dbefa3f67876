from sim2real.robots import load_robot
from sim2real.simulators import pybullet as engine
from sim2real.simulators.pybullet_arm import PyBulletArm


def test_make_by_kind():
    with engine.make(load_robot("ur5e"), 1) as arm:
        assert isinstance(arm, PyBulletArm)
    with engine.make(load_robot("crazyflie"), 1) as drone:
        assert drone.command_size == 4
