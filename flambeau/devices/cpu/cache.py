"""Compiled kernels on disk: one file a kernel, named by a hash of what went into it.

A file is a digest of its name and content, and the object code. Files are written under another name and renamed; one that
doesn't match its digest is removed and built again. As the code is run, only files are read that this user has written and no
other may write. When the directory outgrows its limit the longest unused files go. Any failure of the disk means only that a
kernel is compiled again. May import `flambeau.config`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from pathlib import Path

import flambeau.config as config

__all__ = ["DiskCache"]

_DIGEST = 32


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
        self._written = 0
        self._lock = threading.Lock()

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
        with self._lock:
            self._written += len(data)
            is_due = self._written > self.limit // 16
            if is_due:
                self._written = 0
        if is_due:
            self.shrink()

    def shrink(self) -> None:
        """Removes the longest unused files until the directory is well under its limit."""
        files = []
        for path in self.directory.glob("*/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        if total <= self.limit:
            return
        for _, size, path in sorted(files):
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size
            if total <= self.limit * 3 // 4:
                break

    def size(self) -> int:
        """Bytes on disk."""
        total = 0
        for path in self.directory.glob("*/*"):
            with contextlib.suppress(OSError):
                total += path.stat().st_size
        return total
