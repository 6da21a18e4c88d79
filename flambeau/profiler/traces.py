"""Traces as files in a directory, where TensorBoard looks for them. May import nothing of flambeau."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import time
from collections.abc import Callable
from typing import Any

__all__ = ["tensorboard_trace_handler"]


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None, use_gzip: bool = False) -> Callable[[Any], None]:
    """A function for `profile(on_trace_ready=…)`: each trace becomes a file of `dir_name`, which is made where there is none.

    The file is named `worker_name` (by default host and process) and the time in nanoseconds. Raises RuntimeError where the
    directory can't be made.
    """

    def write(profiled: Any) -> None:
        try:
            os.makedirs(dir_name, exist_ok=True)
        except OSError as error:
            raise RuntimeError(f"Can't create directory: {dir_name}") from error
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        path = os.path.join(dir_name, f"{worker}.{time.time_ns()}.pt.trace.json")
        profiled.export_chrome_trace(path)
        if use_gzip:
            with open(path, "rb") as plain, gzip.open(f"{path}.gz", "wb") as packed:
                shutil.copyfileobj(plain, packed)
            os.remove(path)

    return write
