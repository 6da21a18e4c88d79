"""Programs without their numbers: what `flambeau check` finds by following shapes through a program.

A program is rewritten (`rewriting`) so that Python can run it on tensors that have a shape, a dtype and a device, and no values:
operators and modules are the library's own, which build graphs that nothing computes. What depends on values, on files or on
other libraries isn't known, and what follows from it isn't either; where a test isn't known both branches are run. So what is
found is what the run would raise, with the run's words.

May import flambeau's public modules.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flambeau import devices
from flambeau.autograd.modes import set_grad_enabled
from flambeau.device import set_default_device
from flambeau.dtypes import float32, set_default_dtype
from flambeau.generator import Generator
from flambeau.interpretation.device import SmallWork
from flambeau.interpretation.findings import Finding as Finding
from flambeau.interpretation.runtime import Exhausted, Runtime
from flambeau.interpretation.unknown import Leave, Looked, Undecided
from flambeau.random import manual_seed
from flambeau.storage import RECORDERS, Storage, pending
from flambeau.utils.data import DataLoader

__all__ = ["Finding", "interpret"]


def interpret(paths: Sequence[Path], note: Callable[[Finding], None]) -> None:
    """Follows the shapes of each program; `note` is called for what is found. Programs with errors of syntax are left out.

    The process can compute nothing else afterwards: its devices know no values.
    """
    for name in ("cpu", "webgpu:0"):
        devices.adopt(name, SmallWork())
    recorder = _Shapes()
    pending.recorder = recorder
    RECORDERS.append(recorder)
    try:
        for path in paths:
            _as_at_the_start()
            runtime = Runtime(note)
            DataLoader.__iter__ = lambda loader, runtime=runtime: runtime.iterate(loader)  # type: ignore[method-assign,misc]
            sys.argv = [str(path)]
            # Of a file that can't be read, of a program that goes on for too long, or of the program's own that nothing caught.
            with contextlib.suppress(Exception, Exhausted, Leave, Looked, Undecided, SystemExit):
                runtime.run(path.resolve())
            pending.storages.clear()
    finally:
        RECORDERS.remove(recorder)
        pending.recorder = None


def _as_at_the_start() -> None:
    """Undoes what a program before may have set for the whole process."""
    set_default_dtype(float32)
    set_default_device(None)
    set_grad_enabled(True)
    manual_seed(0)


class _Shapes:
    """A recorder (`flambeau.storage.Recorder`) while there is which nothing is computed but what is asked for."""

    looked = False

    def read(self, tensor: Any) -> None: ...
    def write(self, storage: Storage) -> None: ...
    def get_grad(self, tensor: Any) -> None: ...
    def set_grad(self, tensor: Any, is_dropped: bool) -> None: ...
    def call_module(self, module: Any) -> None: ...
    def call_optimizer(self, optimizer: Any, state: Any) -> None: ...

    def take_random(self, generator: Generator, blocks: int) -> Callable[[], int]:
        first = generator.take(blocks)
        return lambda: first

    def look(self) -> None: ...
