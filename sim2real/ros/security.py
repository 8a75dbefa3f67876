"""Whether DDS security is really enforced in this process, and not only asked for.

Switched on in the environment it can still be missing: by a strategy that lets nodes through without keys, by a
governance file that protects nothing, or by a middleware that was built without its security plugins.
Sources: rcl/src/rcl/security.c and rmw_security_common/src/security.cpp (which variables and files count), OMG DDS
Security 1.1, 9.4.1.2 (governance).
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sim2real.errors import DeploymentError

_GUIDE = "docs/safety.md tells how to make a keystore"
# each may instead be a .p11 file with a PKCS#11 address, where the middleware takes one
_KEYS = ("identity_ca.cert", "cert", "key", "permissions_ca.cert")
_SIGNED = ("governance.p7s", "permissions.p7s")
_LARGEST = 1 << 20  # bytes of a signed file; real ones have a few thousand
# what a governance file has to say in every rule of its for access control to be worth its name
_RULES = {"allow_unauthenticated_participants": "false", "enable_join_access_control": "true",
          "enable_read_access_control": "true", "enable_write_access_control": "true"}
_WORDS = {"1": "true", "0": "false"}
# middleware -> beginnings of the names of a loaded library, and bytes in it (a class's name in its type information)
# where it was built with security
_PLUGINS: dict[str, tuple[tuple[str, ...], bytes]] = {
    "rmw_fastrtps_cpp": (("libfastdds.so", "libfastrtps.so"), b"8security5PKIDHE"),
    "rmw_fastrtps_dynamic_cpp": (("libfastdds.so", "libfastrtps.so"), b"8security5PKIDHE"),
    "rmw_cyclonedds_cpp": (("libdds_security_auth.so",), b""),
    "rmw_connextdds": (("libnddssecurity.so",), b""),
}


def require(problems: Iterable[str]) -> None:
    """Raise DeploymentError where there are problems."""
    if found := "; ".join(problems):
        raise DeploymentError(f"security is required and not enforced: {found}")


def enclave_name(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The enclave of a process with these ROS arguments: ``--enclave``, unless the environment overrides it."""
    given = [after for before, after in zip(arguments, arguments[1:], strict=False) if before in ("--enclave", "-e")]
    return environment.get("ROS_SECURITY_ENCLAVE_OVERRIDE") or (given[-1] if given else "/")


def environment_problems(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """What keeps the environment, the keystore and the enclave in it from being enforced; one sentence each."""
    found = []
    for name, value in (("ROS_SECURITY_ENABLE", "true"), ("ROS_SECURITY_STRATEGY", "Enforce")):
        if environment.get(name) != value:
            found.append(f"expected {name}={value}, got {environment.get(name) or 'nothing'}")
    keystore = environment.get("ROS_SECURITY_KEYSTORE")
    if not keystore:
        return [*found, f"expected ROS_SECURITY_KEYSTORE, got nothing; {_GUIDE}"]
    name = enclave_name(arguments, environment)
    enclave = Path(keystore) / "enclaves" / name.lstrip("/")
    if not enclave.is_dir():
        return [*found, f"there is no enclave {name} in the keystore {keystore}; make it with ros2 security "
                        f"create_enclave, or name another with --ros-args --enclave; {_GUIDE}"]
    missing = [key for key in _KEYS if not any((enclave / f"{key}.{kind}").is_file() for kind in ("pem", "p11"))]
    if missing := [f"{key}.pem" for key in missing] + [key for key in _SIGNED if not (enclave / key).is_file()]:
        return [*found, f"the enclave {name} has no {', '.join(missing)}; make it anew with ros2 security "
                        "create_enclave"]
    return found + governance_problems(enclave / "governance.p7s")


def governance_problems(path: Path) -> list[str]:
    """What a signed governance file leaves open; one sentence each."""
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST).decode("utf-8", "replace")
    except OSError as error:
        return [f"cannot read {path}: {error.strerror or error}"]
    found = []
    for rule, wanted in _RULES.items():
        values = {_WORDS.get(value, value) for value in re.findall(rf"<{rule}>\s*(\w+)\s*</{rule}>", text)}
        if values != {wanted}:
            found.append(f"{path} has to say {rule} {wanted}, it says {' and '.join(sorted(values)) or 'nothing'}")
    return found


def middleware_problems(identifier: str, libraries: Iterable[str]) -> list[str]:
    """Why a running middleware does not enforce security.

    Args:
        identifier: Of the middleware, as ``rclpy.get_rmw_implementation_identifier``.
        libraries: Paths of the shared libraries in the process, after a node was made.
    """
    if identifier not in _PLUGINS:
        return [f"whether {identifier} enforces security is not known here; expected one of {', '.join(_PLUGINS)}"]
    beginnings, mark = _PLUGINS[identifier]
    loaded = [path for path in libraries if Path(path).name.startswith(beginnings)]
    if not loaded:
        return [f"{identifier} has not loaded {' or '.join(beginnings)}; install it with its security plugins"]
    if not any(_contains(path, mark) for path in loaded):
        return [f"{Path(loaded[0]).name} was built without its security plugins, as in the wheels from PyPI; use a "
                "distribution's ROS 2 (source its setup.bash)"]
    return []


def loaded_libraries() -> list[str]:
    """Paths of the shared libraries in this process."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        paths = {line.split(maxsplit=5)[-1].strip() for line in file if ".so" in line}
    return sorted(paths)


def _contains(path: str, mark: bytes) -> bool:
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(mark) >= 0
