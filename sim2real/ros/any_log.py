"""Any log as a recording: what it is, is seen from the file.

    read_recording("run.mcap", robot)                # of `sim2real deploy --log`
    read_recording("bag/", robot)                    # rosbag2, topics as the robot's profile has them
    read_recording("run.csv", robot)                 # columns named like channels: time, command.elbow, position.elbow
    read_recording("run.csv", robot, channels)       # any columns, by a channel map
"""

from __future__ import annotations

from pathlib import Path

from sim2real.errors import BadInputError
from sim2real.recordings.channel_map import ChannelMap
from sim2real.recordings.log_parts import read_metadata
from sim2real.recordings.named_columns import read_named_columns
from sim2real.recordings.own_log import read_own_log
from sim2real.recordings.recording import Recording
from sim2real.recordings.rosbag import is_bag
from sim2real.recordings.tables import SUFFIXES
from sim2real.robots import RobotDescription
from sim2real.ros.bag_log import read_bag


def read_recording(path: str | Path, robot: RobotDescription | None = None,
                   channels: ChannelMap | None = None) -> Recording:
    """The recording in a file or folder.

    Args:
        path: A log.
        robot: Whose log it is; logs of ROS need it, for its topics and the order of its joints.
        channels: How to read its columns; None where they are named like channels.

    Raises:
        BadInputError: It cannot be read, or not without a robot or a map.
    """
    path = Path(path)
    if channels is not None:
        return channels.read(path)
    if not path.exists():
        raise BadInputError(f"{path}: there is no such log")
    if path.suffix == ".mcap" and path.is_file() and _is_own(path):
        return read_own_log(path, _needed(path, robot))
    if is_bag(path):
        return read_bag(path, _needed(path, robot))
    if path.is_file() and path.name.removesuffix(".gz").endswith(SUFFIXES):
        return read_named_columns(path)
    raise BadInputError(f"{path}: expected an MCAP file, a folder of a rosbag2, or {', '.join(SUFFIXES)}; for other "
                        "folders give a channel map (--channels)")


def _is_own(path: Path) -> bool:
    try:
        return read_metadata(path) is not None
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _needed(path: Path, robot: RobotDescription | None) -> RobotDescription:
    if robot is None:
        raise BadInputError(f"{path}: a log of ROS is read by the robot's profile; say which robot it is (--robot)")
    return robot
