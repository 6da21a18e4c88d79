"""The library's release; and `__version__`, by which programs ask which PyTorch's API this is. Imports nothing of flambeau."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["RELEASE", "TorchVersion", "__version__"]

RELEASE = "0.1.0"
"""flambeau's own version."""


class TorchVersion(str):
    """A version as a string that is compared by its numbers, with another version, written out or as a tuple: "2.13" > "2.9"."""

    __slots__ = ()

    def _pair(self, other: Any) -> tuple[list[int], list[int]] | None:
        if not isinstance(other, (str, tuple, list)):
            return None
        both = []
        for version in (self, other):
            public = version.partition("+")[0].split(".") if isinstance(version, str) else version
            found = [re.match(r"\d+", str(part)) for part in public]
            both.append([int(part.group()) for part in found if part])
        width = max(map(len, both))
        a, b = ([*n, *[0] * (width - len(n)), "+" in version] for n, version in zip(both, (self, other)))
        return a, b  # a local version is later than the public one

    def __lt__(self, other: Any) -> bool:
        pair = self._pair(other)
        return NotImplemented if pair is None else pair[0] < pair[1]

    def __le__(self, other: Any) -> bool:
        pair = self._pair(other)
        return NotImplemented if pair is None else pair[0] <= pair[1]

    def __gt__(self, other: Any) -> bool:
        pair = self._pair(other)
        return NotImplemented if pair is None else pair[0] > pair[1]

    def __ge__(self, other: Any) -> bool:
        pair = self._pair(other)
        return NotImplemented if pair is None else pair[0] >= pair[1]


__version__ = TorchVersion(f"2.13.0+flambeau{RELEASE}")

cuda = hip = rocm = xpu = git_version = None
"""What a build was made with: none of these, in a library that generates its kernels."""
debug = False
