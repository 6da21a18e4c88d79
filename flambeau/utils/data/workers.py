"""Workers that prepare batches ahead: threads, or processes where a multiprocessing context is given.

May import: tensor, ops, storage, generator, trees, utils.data.fetch.

Threads are the default because they share memory with the training loop and start at once; reading, decoding and NumPy
release the interpreter. A thread's batch is computed in that thread. Each has a shallow copy of the dataset, and a state of the
default generator of its own; what else is global (Python's and NumPy's random numbers) threads share.
"""

from __future__ import annotations

import copy
import pickle
import queue
import random
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flambeau.generator import default_generator, manual_seed
from flambeau.ops import creation
from flambeau.storage import realize
from flambeau.tensor import Tensor
from flambeau.trees import map_leaves
from flambeau.utils.data.fetch import Exhausted, make_fetcher

__all__ = ["EndOfDataset", "WorkerInfo", "Workers", "checked", "get_worker_info"]


@dataclass(frozen=True)
class WorkerInfo:
    """What `get_worker_info` tells inside of a worker."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    worker_method: str


class _Current(threading.local):
    info: WorkerInfo | None = None


_current = _Current()


def get_worker_info() -> WorkerInfo | None:
    """Inside of a DataLoader's worker: its number, how many there are, its seed and dataset. None elsewhere."""
    return _current.info


class _Error:
    """An exception on its way from a worker to the loop that waits for its batch."""

    def __init__(self, error: BaseException, where: str) -> None:
        self.type = type(error)
        self.text = "".join(traceback.format_exception(error))
        self.where = where

    def reraise(self) -> None:
        message = f"Caught {self.type.__name__} {self.where}.\nOriginal {self.text}"
        try:
            error = self.type(_Text(message) if issubclass(self.type, KeyError) else message)
        except Exception:  # its constructor wants something else
            error = RuntimeError(message)
        raise error


class _Text(str):
    """Shows itself in a KeyError, which shows its argument's repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class EndOfDataset:
    """In the place of a batch: the worker's iterable dataset is at its end."""


def _work(
    tasks: Any, results: Any, info: WorkerInfo, fetcher_arguments: tuple[Any, ...], init: Callable[[int], None] | None, where: str
) -> None:
    """A worker's life: takes (epoch, number, indices) from `tasks`, puts (epoch, number, worker, batch) into `results`."""
    _current.info = info
    error: _Error | None = None
    fetch: Callable[[Any], Any] | None = None
    if info.worker_method == "multiprocessing":
        random.seed(info.seed)
        manual_seed(info.seed)
    else:
        default_generator.manual_seed_of_thread(info.seed)
    try:
        if init is not None:
            init(info.id)
    except Exception as e:
        error = _Error(e, where)
    epoch = -1
    while (task := tasks.get()) is not None:
        task_epoch, number, indices = task
        if task_epoch != epoch:
            epoch, fetch = task_epoch, None
        batch: Any
        if error is not None:
            batch = error
        else:
            try:
                if fetch is None:  # of an iterable dataset, this begins the iteration
                    fetch = make_fetcher(info.dataset, *fetcher_arguments)
                batch = fetch(indices)
                realize([])
            except Exhausted:
                batch = EndOfDataset()
            except Exception as e:
                batch = _Error(e, where)
        results.put((task_epoch, number, info.id, _packed(batch) if info.worker_method == "multiprocessing" else batch))


def _packed(batch: Any) -> bytes:
    """A batch as bytes: copies even where a program sends tensors in shared memory, without what they are parts of."""

    def own(value: Any) -> Any:
        return value.clone() if isinstance(value, Tensor) and value._storage.size != value.numel() else value

    return pickle.dumps(map_leaves(own, batch))


class Workers:
    """A number of workers and the queues to and from them."""

    def __init__(
        self,
        dataset: Any,
        count: int,
        seed: int,
        fetcher_arguments: tuple[Any, ...],
        init: Callable[[int], None] | None,
        context: Any,
        timeout: float,
    ) -> None:
        _load_what_workers_need()
        self.count = count
        self._timeout = timeout
        self._by_process = context is not None
        make_queue = context.Queue if self._by_process else queue.SimpleQueue
        self._results: Any = make_queue()
        self._tasks: list[Any] = [make_queue() for _ in range(count)]
        method, kind = ("multiprocessing", "process") if self._by_process else ("thread", "thread")
        self._running: list[Any] = []
        self._finalizer = weakref.finalize(self, _stop, self._tasks, self._running if self._by_process else [])
        for number, tasks in enumerate(self._tasks):
            own = dataset if self._by_process else _own_copy(dataset)
            info = WorkerInfo(number, count, seed + number, own, method)
            arguments = (tasks, self._results, info, fetcher_arguments, init, f"in DataLoader worker {kind} {number}")
            make = context.Process if self._by_process else threading.Thread
            running = make(target=_work, args=arguments, daemon=True)
            self._running.append(running)  # before it starts: an exception of a signal's handler may come at any time
            running.start()

    def put(self, worker: int, epoch: int, number: int, indices: Any) -> None:
        """Gives a task to one worker."""
        self._tasks[worker].put((epoch, number, indices))

    def get(self) -> tuple[int, int, int, Any]:
        """The next result of any worker: (epoch, number, worker, batch).

        RuntimeError when none comes within the timeout, or a worker process has died.
        """
        deadline = time.monotonic() + self._timeout if self._timeout > 0 else None
        while True:
            wait = 1.0 if deadline is None else max(0.0, min(1.0, deadline - time.monotonic()))
            try:
                epoch, number, worker, batch = self._results.get(timeout=wait)
                return epoch, number, worker, pickle.loads(batch) if self._by_process else batch
            except queue.Empty:
                pass
            if deadline is not None and time.monotonic() >= deadline:
                raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds") from None
            dead = [worker for worker in self._running if not worker.is_alive()]
            if dead and self._by_process:
                pids = ", ".join(str(worker.pid) for worker in dead)
                raise RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly")

    def stop(self) -> None:
        """Lets the workers finish; processes are waited for."""
        self._finalizer()


def _own_copy(dataset: Any) -> Any:
    """A worker thread's dataset: with attributes of its own, as a process would have, over the same data.

    So `worker_init_fn`, and the dataset itself, may set them differently in each worker.
    """
    try:
        return copy.copy(dataset)
    except Exception:  # it can't be copied: the threads share it
        return dataset


def _load_what_workers_need() -> None:
    """Starts the device and computes something, so that no worker imports modules while another one is forked.

    A child that is forked in the middle of an import in another thread waits for that import for ever.
    """
    (creation.tensor([1.0]) + 1).tolist()


def _stop(tasks: list[Any], processes: list[Any]) -> None:
    for task_queue in tasks:
        task_queue.put(None)
    for process in processes:
        if process.pid is None:  # it wasn't started
            continue
        process.join(timeout=5)
        if process.is_alive():
            process.terminate()
            process.join(timeout=5)
    for task_queue in tasks if processes else []:
        task_queue.cancel_join_thread()
        task_queue.close()


def checked(batch: Any) -> Any:
    """A batch; raises the worker's exception in its place."""
    if isinstance(batch, _Error):
        batch.reraise()
    return batch
