"""Files that are written whole or not at all: a temporary file beside the target, synced, then renamed over it.

And files of others, read up to a size.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sim2real.errors import StorageError


def read_at_most(path: str | Path, size: int) -> bytes:
    """The bytes of a file that has at most ``size`` of them; never more than that is in memory.

    Raises:
        OSError: It cannot be read, or is larger (EFBIG).
    """
    with open(path, "rb") as file:
        data = file.read(size + 1)
    if len(data) > size:
        raise OSError(errno.EFBIG, f"it has more than {size} bytes, which is the most that is read", str(path))
    return data


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path to write to; on leaving the block without an error it replaces ``path`` in one instant.

    The temporary file keeps the suffix of ``path``, for writers that look at it. Whatever fails, ``path`` is as it was
    before and the temporary file is gone.

    Raises:
        StorageError: The file cannot be written there (disk full, no permission, ...).
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:100]}-", suffix=path.suffix)
        temporary = Path(name)
        os.close(handle)
        yield temporary
        _finish(temporary, path)
        temporary = None
    except OSError as error:
        raise StorageError(f"cannot write {path}: {_reason(error)}; nothing was changed") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def atomic_write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def atomic_write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, whole or not at all."""
    atomic_write_bytes(path, text.encode("utf-8"))


def _finish(temporary: Path, path: Path) -> None:
    """Bring the bytes to the disk, then the name, then the folder's entry: in this order a power cut cannot tear."""
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(temporary, 0o666 & ~mask)  # mkstemp gives 0600; others' tools read these files
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems do not sync folders
            raise
    finally:
        os.close(folder)


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space and try again"
    if error.errno == errno.EFBIG:
        return "the file would exceed the size limit (ulimit -f)"
    return error.strerror or str(error)
