"""DDS between the processes of one machine without shared memory, so that a killed process halts no other one.

Fast DDS gives every participant a port in shared memory, which others lock to write to it. A participant that is killed
while it holds that lock blocks whoever publishes to it: of 50 kills of a listener, 2 held its publisher up for 0.33 s,
and of 40 kills of a policy, 3 held the driver and the guard up for a second, while the robot went on. Over the loopback
interface the longest of 50 was 6 ms. ROS 2's range LOCALHOST adds shared memory whatever the environment says, so its
place is taken by a profile that says the same without it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, MutableMapping

from sim2real.resources import data_path

RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
PROFILE = "FASTDDS_DEFAULT_PROFILES_FILE"
_OLDER = ("humble", "iron", "jazzy")  # with Fast DDS 2, where this was not tried


@contextlib.contextmanager
def without_shared_memory(environment: MutableMapping[str, str], implementation: str) -> Iterator[None]:
    """An environment to make the first participant of this process in; afterwards it is as it was.

    Nothing changes where discovery goes beyond this machine, where a profile is given already, and with another
    middleware than Fast DDS 3.

    Args:
        environment: ``os.environ``.
        implementation: Name of the middleware, such as "rmw_fastrtps_cpp".
    """
    if (not implementation.startswith("rmw_fastrtps") or environment.get(RANGE) != "LOCALHOST"
            or environment.get("ROS_DISTRO") in _OLDER or environment.get(PROFILE)
            or environment.get("FASTRTPS_DEFAULT_PROFILES_FILE")):
        yield
        return
    environment[RANGE] = "SYSTEM_DEFAULT"  # as good as none: what the profile says counts
    environment[PROFILE] = str(data_path("assets") / "fastdds_this_machine.xml")
    try:
        yield
    finally:
        environment[RANGE] = "LOCALHOST"
        environment.pop(PROFILE, None)
