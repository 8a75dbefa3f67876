"""The policy: runner, recorder and guard, and with ``hardware:=twin`` or ``real`` the robot's side too.

With ``arm:=true`` it goes through its life by itself (configure, arm, activate) and everything ends with it. Without,
it configures and waits for ~/arm and activate.

ros2 launch sim2real deploy.launch.py policy:=policy.s2r robot:=ur5e goal:=0.4,0.1,0.3 arm:=true
ros2 launch sim2real deploy.launch.py policy:=policy.s2r robot:=ur5e sample:=5 arm:=true hardware:=twin
"""

from launch.actions import OpaqueFunction

from launch import LaunchDescription
from sim2real.ros import launching


def generate_launch_description():
    return LaunchDescription([
        *launching.declare(launching.DEPLOY),
        OpaqueFunction(function=launching.robot_side),
        OpaqueFunction(function=launching.policy_side),
    ])
