"""Messages of a rosbag2 (a folder with metadata.yaml; sqlite3 or MCAP) or of a bare MCAP file, without ROS."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from sim2real.errors import BadInputError


def is_bag(path: Path) -> bool:
    """Whether this is the folder of a rosbag2, or a file of one."""
    return (path.is_dir() and (path / "metadata.yaml").is_file()) or path.suffix in (".mcap", ".db3")


def bag_topics(path: Path) -> dict[str, str]:
    """Topic -> message type.

    Raises:
        BadInputError: It cannot be read.
    """
    with _opened(path) as reader:
        return {connection.topic: connection.msgtype for connection in reader.connections}


def bag_messages(path: Path, topics: Collection[str]) -> Iterator[tuple[str, float, Any]]:
    """(topic, time in [s] at which it was recorded, message) of each message on some topics, in their order.

    Raises:
        BadInputError: It cannot be read.
    """
    with _opened(path) as reader:
        chosen = [connection for connection in reader.connections if connection.topic in topics]
        for connection, stamp, data in reader.messages(connections=chosen):
            yield connection.topic, 1e-9 * stamp, reader.deserialize(data, connection.msgtype)


class _opened:
    """A reader whose errors are one line with the path."""

    def __init__(self, path: Path):
        self._path = path

    def __enter__(self) -> Any:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore

        try:
            self._reader = AnyReader([self._path], default_typestore=get_typestore(Stores.ROS2_HUMBLE))
            return self._reader.__enter__()
        except Exception as error:  # rosbags lets errors of yaml, sqlite3, struct, ... through
            raise self._said(error) from error

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._reader.__exit__(kind, error, trace)
        if isinstance(error, Exception) and not isinstance(error, BadInputError):
            raise self._said(error) from error

    def _said(self, error: Exception) -> BadInputError:
        return BadInputError(f"{self._path}: not readable as a rosbag2: {error or type(error).__name__}; a bag is a "
                             "folder with metadata.yaml (`ros2 bag reindex` makes one)")
