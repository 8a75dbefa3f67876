"""Fixtures of ROS tests, and the folder where their helpers are."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.ros.ros_processes import domain, hover_bundle, processes, reach_bundle, ros, wait

sys.path.insert(0, str(Path(__file__).parent))  # for hand_policies, rehearse

__all__ = ["domain", "hover_bundle", "processes", "reach_bundle", "ros", "wait"]
