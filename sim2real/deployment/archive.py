"""The outer shell of a bundle: an ordinary zip, but uncompressed and with exactly one valid form for given members.

A file is accepted only if packing what was read gives the same bytes again. So nothing hides between members, no byte
of the file can change unnoticed, and as nothing is compressed there is nothing to blow up.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Mapping

from sim2real.errors import BundleError

MAX_MEMBERS = 32
MAX_BYTES = 256 * 2**20
MAX_NAME = 200

_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_UTF8 = 1 << 11
_DATE = (1 << 5) | 1  # 1980-01-01: a bundle does not depend on when it was packed
_MODE = 0o100644 << 16


def pack(members: Mapping[str, bytes]) -> bytes:
    """The zip file of ``members``, in their order, stored without compression."""
    body, directory = bytearray(), bytearray()
    for name, data in members.items():
        raw = name.encode("utf-8")
        fields = (20, _UTF8, 0, 0, _DATE, binascii.crc32(data), len(data), len(data), len(raw), 0)
        directory += _CENTRAL.pack(0x02014B50, 20 | 3 << 8, *fields, 0, 0, 0, _MODE, len(body)) + raw
        body += _LOCAL.pack(0x04034B50, *fields) + raw + data
    end = _END.pack(0x06054B50, 0, 0, len(members), len(members), len(directory), len(body), 0)
    return bytes(body + directory + end)


def unpack(data: bytes) -> dict[str, bytes]:
    """The members of a file that ``pack`` made.

    Raises:
        BundleError: Anything else: damaged, truncated, altered, compressed, too large.
    """
    if len(data) > MAX_BYTES:
        raise BundleError(f"expected at most {MAX_BYTES >> 20} MiB, got {len(data) >> 20} MiB; this is not a bundle")
    if len(data) < _END.size or data[:4] not in (b"PK\x03\x04", b"PK\x05\x06"):
        raise BundleError("this is not a policy bundle (.s2r); sim2real export makes one")
    try:
        members = _read(data)
    except (struct.error, UnicodeDecodeError) as error:
        raise BundleError("the file is damaged or truncated; copy or export it again") from error
    if pack(members) != data:
        raise BundleError("the file was altered or packed by another program; export it again with sim2real export")
    return members


def _read(data: bytes) -> dict[str, bytes]:
    """Walk the local headers; whatever else the file holds is judged by packing again."""
    members: dict[str, bytes] = {}
    at = 0
    while data[at:at + 4] == b"PK\x03\x04":
        (_, _, flags, method, _, _, _, packed, size, name_size, extra) = _LOCAL.unpack_from(data, at)
        at += _LOCAL.size
        if method != 0 or packed != size:
            raise BundleError("a member is compressed, which no bundle is; export it again with sim2real export")
        if flags != _UTF8 or extra or not 0 < name_size <= MAX_NAME or len(members) >= MAX_MEMBERS:
            raise BundleError("the file's headers are damaged or altered; copy or export it again")
        if at + name_size + size > len(data):
            raise BundleError("the file is truncated; copy it again")
        name = data[at:at + name_size].decode("utf-8")
        if name in members:
            raise BundleError(f"member {name!r} is there twice; export it again with sim2real export")
        at += name_size
        members[name] = data[at:at + size]
        at += size
    return members
