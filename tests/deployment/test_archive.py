import io
import zipfile

import pytest

from sim2real.deployment.archive import MAX_MEMBERS, pack, unpack
from sim2real.errors import BundleError

MEMBERS = {"manifest.json": b"{}", "robot/ä.urdf": b"<robot/>" * 100, "empty": b""}


def _zip(compression=zipfile.ZIP_STORED, **members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_round_trip_and_same_bytes_every_time():
    data = pack(MEMBERS)
    assert unpack(data) == MEMBERS and pack(MEMBERS) == data


def test_any_zip_program_reads_it():
    with zipfile.ZipFile(io.BytesIO(pack(MEMBERS))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == MEMBERS


def test_every_single_flipped_byte_is_noticed():
    data = pack({"a": b"xyz", "b": b"12"})
    for i in range(len(data)):
        changed = bytearray(data)
        changed[i] ^= 1
        try:
            members = unpack(bytes(changed))
        except BundleError:
            continue
        raise AssertionError(f"byte {i} changed unnoticed: {members}")


def test_a_compressed_bomb_is_refused_unread():
    with pytest.raises(BundleError, match="compressed"):
        unpack(_zip(zipfile.ZIP_DEFLATED, bomb=bytes(50_000_000)))


@pytest.mark.parametrize("data, word", [
    (b"", "not a policy bundle"), (b"\x80\x04." * 20, "not a policy bundle"), (_zip(a=b"x"), "headers"),
    (pack(MEMBERS) + b"tail", "altered"), (b"front" + pack(MEMBERS), "not a policy bundle"),
    (pack({"a": b"1"})[:-30], "altered|damaged|truncated"),
    (pack({str(i): b"" for i in range(MAX_MEMBERS + 1)}), "headers")])
def test_other_files_are_refused(data, word):
    with pytest.raises(BundleError, match=word):
        unpack(data)


def test_a_name_twice_is_refused():
    one, two = pack({"aa": b"1"}), pack({"aa": b"1", "ab": b"2"})
    assert one != two
    with pytest.raises(BundleError, match="twice"):
        unpack(two.replace(b"ab", b"aa"))


def test_a_huge_size_in_a_header_is_not_believed():
    data = bytearray(pack({"a": b"123"}))
    data[18:26] = b"\xff\xff\xff\x7f" * 2
    with pytest.raises(BundleError, match="truncated"):
        unpack(bytes(data))
