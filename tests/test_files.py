import os
import resource
import stat
import subprocess
import sys

import pytest

from sim2real.errors import StorageError
from sim2real.files import atomic_path, atomic_write_bytes, atomic_write_text

# a child that may write 8 KiB to a file and tries 64: what a full disk does, without filling one
_FULL = """
import resource, signal, sys
from sim2real.errors import StorageError
from sim2real.files import atomic_write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
try:
    atomic_write_bytes(sys.argv[1], bytes(65536))
except StorageError as error:
    print(error)
    sys.exit(1)
"""


def test_writes_the_bytes_and_makes_folders(tmp_path):
    path = tmp_path / "new" / "file.bin"
    atomic_write_bytes(path, b"one")
    atomic_write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


def test_text_is_utf8(tmp_path):
    atomic_write_text(tmp_path / "a.txt", "µ")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc2\xb5"


def test_permissions_are_those_of_any_new_file(tmp_path):
    atomic_write_bytes(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    assert stat.S_IMODE(os.stat(tmp_path / "a").st_mode) == stat.S_IMODE(os.stat(tmp_path / "b").st_mode)


def test_an_error_inside_the_block_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(KeyError):
        with atomic_path(path) as temporary:
            assert temporary.suffix == ".txt"
            temporary.write_text("half")
            raise KeyError("x")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_size_limit_leaves_the_old_file_and_says_why(tmp_path):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", _FULL, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert "size limit" in done.stdout and str(path) in done.stdout and done.stdout.count("\n") == 1
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_named(tmp_path):
    with pytest.raises(StorageError, match="the disk is full"):
        with atomic_path(tmp_path / "file.bin"):
            with open("/dev/full", "wb", buffering=0) as full:  # its ENOSPC stands for that of the temporary file
                full.write(b"x")
    assert not list(tmp_path.iterdir())


def test_impossible_targets_are_storage_errors(tmp_path):
    with pytest.raises(StorageError, match="cannot write"):
        atomic_write_bytes(tmp_path, b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot write"):
        atomic_write_bytes(tmp_path / "file" / "below", b"")
