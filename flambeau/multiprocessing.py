"""`torch.multiprocessing`: Python's `multiprocessing`, and `spawn`. May import `flambeau.process_memory`.

A program that has imported this module sends tensors in shared memory: arguments of a process, and what goes through a queue or
a pipe, are seen by both processes (`flambeau.process_memory`). The sender must live until the other has received it. Forked
processes share what `share_memory_` was called for.
"""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing import *  # noqa: F403
from typing import Any

import flambeau.process_memory  # noqa: F401

__all__ = [
    *multiprocessing.__all__, "ProcessContext", "ProcessException", "ProcessExitedException", "ProcessRaisedException",
    "get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy", "spawn", "start_processes",
]  # fmt: skip


class ProcessException(Exception):
    """A process of `spawn` failed: its number among them, and its id."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process of `spawn` raised an exception, whose traceback the message holds."""


class ProcessExitedException(ProcessException):
    """A process of `spawn` ended by a signal or with an exit code."""

    def __init__(self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def _run(fn: Any, index: int, args: tuple[Any, ...], errors: Any) -> None:
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass  # the parent gets it, too
    except Exception:
        import traceback

        errors.put(traceback.format_exc())
        sys.exit(1)


class ProcessContext:
    """The processes that `spawn(..., join=False)` has started."""

    def __init__(self, processes: list[Any], errors: list[Any]) -> None:
        self.processes, self._errors = processes, errors

    def pids(self) -> list[int]:
        """Their process ids."""
        return [int(process.pid) for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Waits until one has ended (or for `timeout` seconds) and tells whether all have. If one failed the others are ended,
        after `grace_period` seconds, and ProcessRaisedException or ProcessExitedException is raised."""
        from multiprocessing.connection import wait

        wait([p.sentinel for p in self.processes if p.is_alive()] or [self.processes[0].sentinel], timeout=timeout)
        failed = next((i for i, p in enumerate(self.processes) if p.exitcode not in (None, 0)), None)
        if failed is None:
            return all(p.exitcode == 0 for p in self.processes)
        for process in self.processes:
            process.join(timeout=grace_period or 0)
        for process in self.processes:
            if process.is_alive():
                process.terminate()
            process.join()
        process = self.processes[failed]
        if not self._errors[failed].empty():
            message = f"\n\n-- Process {failed} terminated with the following error:\n{self._errors[failed].get()}"
            raise ProcessRaisedException(message, failed, process.pid)
        if process.exitcode < 0:
            import signal

            name = signal.Signals(-process.exitcode).name
            message = f"process {failed} terminated with signal {name}"
            raise ProcessExitedException(message, failed, process.pid, process.exitcode, name)
        message = f"process {failed} terminated with exit code {process.exitcode}"
        raise ProcessExitedException(message, failed, process.pid, process.exitcode)


def start_processes(
    fn: Any, args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False, start_method: str = "spawn"
) -> ProcessContext | None:
    """Runs `fn(i, *args)` in `nprocs` processes, i from 0. With `join` it waits for them, else it gives their ProcessContext."""
    context = multiprocessing.get_context(start_method)
    processes, errors = [], []
    for i in range(nprocs):
        error = context.SimpleQueue()
        process = context.Process(target=_run, args=(fn, i, args, error), daemon=daemon)  # type: ignore[attr-defined]
        process.start()
        processes.append(process)
        errors.append(error)
    started = ProcessContext(processes, errors)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Any, args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False, start_method: str = "spawn"
) -> ProcessContext | None:
    """`start_processes`, by the start method "spawn", the one that PyTorch has here."""
    return start_processes(fn, args, nprocs, join, daemon, "spawn")


def get_all_sharing_strategies() -> set[str]:
    """How tensors go to other processes: their memory's file descriptor does."""
    return {"file_descriptor"}


def get_sharing_strategy() -> str:
    """The one there is."""
    return "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Chooses the one there is; AssertionError for any other but "file_system", which is the same here."""
    assert new_strategy in ("file_descriptor", "file_system"), new_strategy
