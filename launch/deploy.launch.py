"""The policy's side alone, for a driver or twin that already runs.

ros2 launch sim2real deploy.launch.py policy:=policy.s2r robot:=ur5e goal:=0.4,0.1,0.3 arm:=true
"""

from launch.actions import OpaqueFunction

from launch import LaunchDescription
from sim2real.ros import launching


def generate_launch_description():
    return LaunchDescription([*launching.declare(launching.POLICY), OpaqueFunction(function=launching.policy_side)])
