"""Robot and policy together; ends when the policy node has done its goals. Only ``hardware`` changes for the robot.

ros2 launch sim2real sim_to_twin.launch.py policy:=policy.s2r robot:=ur5e sample:=5 arm:=true
ros2 launch sim2real sim_to_twin.launch.py policy:=policy.s2r robot:=ur5e sample:=5 arm:=true hardware:=real \
    driver_arguments:="robot_ip:=192.168.1.10"
"""

from launch.actions import OpaqueFunction

from launch import LaunchDescription
from sim2real.ros import launching


def generate_launch_description():
    return LaunchDescription([
        *launching.declare({**launching.ROBOT_SIDE, **launching.POLICY}),
        OpaqueFunction(function=launching.robot_side),
        OpaqueFunction(function=launching.policy_side, kwargs={"ends_all": True}),
    ])
