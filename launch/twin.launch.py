"""The robot's side: its twin, or with ``hardware:=real`` its real driver.

ros2 launch sim2real twin.launch.py robot:=ur5e seed:=3
ros2 launch sim2real twin.launch.py robot:=ur5e hardware:=real driver_arguments:="robot_ip:=192.168.1.10"
"""

from launch.actions import OpaqueFunction

from launch import LaunchDescription
from sim2real.ros import launching


def generate_launch_description():
    return LaunchDescription([*launching.declare(launching.ROBOT_SIDE), OpaqueFunction(function=launching.robot_side)])
