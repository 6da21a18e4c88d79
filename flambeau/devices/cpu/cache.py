"""Compiled kernels on disk: one file a kernel, named by a hash of what went into it.

A file is a digest of its name and content, and the object code. Files are written under another name and renamed; one that
doesn't match its digest is removed and built again. As the code is run, only files are read that this user has written and no
other may write. Any failure of the disk means only that a kernel is compiled again.

Keys are hashes, so each of the 256 folders that their first two digits name gets its share of files, and of the limit. A folder
is looked at now and then, when a file is put there, and its longest unused files go when it has outgrown its share: that
takes a few milliseconds however large the cache, and it doesn't matter how many processes have written how little each. May
import `flambeau.config`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import flambeau.config as config

__all__ = ["DiskCache"]

_DIGEST = 32
_FOLDERS = 256
_BLOCK = 4096
"""Disks give files whole blocks; most kernels are smaller than one."""
_LOOKS = 16
"""How many times a folder is looked at while as much is written there as its share."""


def _digest(key: str, data: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + data).digest()


def _is_own(status: os.stat_result) -> bool:
    """Whether a file is this user's, and nobody else may write it; not asked where there are no such users."""
    return not hasattr(os, "geteuid") or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)


class DiskCache:
    """Bytes by hexadecimal key, in `directory`."""

    def __init__(self, directory: Path | None = None, megabytes: int | None = None) -> None:
        self.directory = config.cache_directory() / "cpu" if directory is None else directory
        self.limit = (config.cache_megabytes() if megabytes is None else megabytes) << 20

    @property
    def share(self) -> int:
        """Bytes that each folder may hold."""
        return self.limit // _FOLDERS

    def _path(self, key: str) -> Path:
        return self.directory / key[:2] / key

    def get(self, key: str) -> bytes | None:
        """What was kept under the key, or None."""
        if not self.limit:
            return None
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                if not _is_own(os.fstat(file.fileno())):
                    return None
                data = file.read()
        except OSError:
            return None
        if len(data) > _DIGEST and _digest(key, data[_DIGEST:]) == data[:_DIGEST]:
            with contextlib.suppress(OSError):
                os.utime(path)
            return data[_DIGEST:]
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, key: str, data: bytes) -> None:
        """Keeps the bytes; quietly does nothing where the disk can't."""
        if not self.limit:
            return
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_digest(key, data) + data)
                os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError:
            return
        # by the key, not by a count: most processes write little
        if int(key[2:10], 16) < (_LOOKS * _taken(len(data)) << 32) // max(self.share, 1):
            self._shrink(path.parent)

    def _shrink(self, folder: Path) -> None:
        """Removes the longest unused files of a folder until it is well under its share; the last one stays."""
        files = sorted(_files(folder))
        total = sum(size for _, size, _ in files)
        if total <= self.share:
            return
        for _, size, path in files[:-1]:
            with contextlib.suppress(OSError):
                os.unlink(path)
            total -= size
            if total <= self.share * 3 // 4:
                break

    def size(self) -> int:
        """Bytes on disk."""
        return sum(size for folder in self.directory.glob("*") for _, size, _ in _files(folder))


def _taken(size: int) -> int:
    """Bytes that a file takes of the disk."""
    return -(-size // _BLOCK) * _BLOCK


def _files(folder: Path) -> Iterator[tuple[float, int, str]]:
    """When each file of a folder was used last, what it takes of the disk, and where it is."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                status = entry.stat()
                yield status.st_mtime, _taken(status.st_size), entry.path
