"""`Host`: the WebGPU implementation under the device: buffers, pipelines and command lists, natively or in a page.

May import `flambeau.codegen.wgsl.target`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from flambeau.codegen.wgsl.target import Target

__all__ = ["Host", "Command", "OutOfMemoryError", "DeviceLostError"]


class OutOfMemoryError(RuntimeError):
    """The device has no room for a tensor; others can be freed, and the process go on."""


class DeviceLostError(RuntimeError):
    """The GPU was reset or taken away; tensors that lived on it are gone."""


Command = tuple[Any, ...]
"""One of ("dispatch", pipeline, bind group, x, y, z, label), ("copy", source, offset, target, offset, bytes) and
("clear", buffer, bytes)."""


class Host(Protocol):
    """Handles are whatever the host likes. Every method but `read` returns without waiting for the GPU."""

    name: str
    """The adapter in words."""
    target: Target
    has_timestamps: bool

    def create_buffer(self, nbytes: int) -> Any:
        """A zeroed buffer for storage and copies; raises OutOfMemoryError."""

    def destroy_buffer(self, buffer: Any) -> None:
        """Frees the buffer's memory once the GPU is done with it."""

    def write(self, buffer: Any, offset: int, data: Any) -> None:
        """Copies bytes to the buffer, after all that was submitted and before all that will be; multiples of 4 bytes."""

    def create_pipeline(self, code: str, writable: tuple[bool, ...], stays_inside: bool) -> Any:
        """Compiles a shader whose binding i is a storage buffer, `writable[i]` or read only; raises RuntimeError.

        With `stays_inside` the compiler's bounds checks may be left out.
        """

    def create_bind_group(self, writable: tuple[bool, ...], entries: Sequence[tuple[Any, int, int]]) -> Any:
        """Binds (buffer, offset, bytes) in order, for pipelines of the same `writable`."""

    def drop_bind_groups(self) -> None:
        """Says that no bind group made so far will be used again."""

    def submit(self, commands: Sequence[Command], timed: bool = False) -> Any:
        """Runs commands in order; with `timed`, returns something that `timings` turns into nanoseconds of each dispatch."""

    def timings(self, token: Any) -> list[tuple[int, int]]:
        """(start, end) in nanoseconds on the GPU's clock of each dispatch of a timed submission; waits for it."""

    def read(self, pieces: Sequence[tuple[Any, int, int]]) -> memoryview:
        """The bytes of (buffer, offset, bytes) pieces, one after another (each in multiples of 4); waits for the GPU."""

    def synchronize(self) -> None:
        """Waits until all that was submitted is done."""
