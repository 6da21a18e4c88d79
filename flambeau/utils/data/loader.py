"""DataLoader. May import: generator, utils.data.*."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from typing import Any

from flambeau.utils.data.collate import default_collate, default_convert
from flambeau.utils.data.dataset import IterableDataset
from flambeau.utils.data.fetch import DatasetKind, Exhausted, make_fetcher
from flambeau.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, fresh_seed
from flambeau.utils.data.workers import EndOfDataset, Workers, checked

__all__ = ["DataLoader"]


class _Endless(Sampler[Any]):
    """Stands for the indices of an iterable dataset, which has none."""

    def __iter__(self) -> Iterator[Any]:
        return cycle((None,))


_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader:
    """Batches of a dataset, by iteration.

    `num_workers` batches are prepared ahead by that many threads; give a `multiprocessing_context` ("fork", "spawn" or
    "forkserver") to have processes instead, as in PyTorch. Each thread has a shallow copy of the dataset and random numbers of
    its own. Batches come in the sampler's order unless `in_order` is False.
    `pin_memory` and `pin_memory_device` are PyTorch's arguments, unused but for its warnings where there is no accelerator.

    >>> data = torch.utils.data.TensorDataset(torch.arange(5.0), torch.arange(5))
    >>> loader = torch.utils.data.DataLoader(data, batch_size=2)
    >>> [labels.tolist() for _, labels in loader]
    [[0, 1], [2, 3], [4]]
    """

    _initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self._dataset_kind = DatasetKind.of(dataset)
        iterable = self._dataset_kind == DatasetKind.Iterable
        if iterable:
            for name, given in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
                if given is not None:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={given}"
                    )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            sampler = (
                _Endless() if iterable else RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
            )
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        self.collate_fn = collate_fn or (default_collate if self._auto_collation else default_convert)
        self.persistent_workers = persistent_workers
        self._kept: _WorkerIterator | None = None
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> Any:
        """How worker processes start; None means threads."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None:
            import multiprocessing.context  # not everywhere, and only where processes are asked for

            if self.num_workers <= 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading "
                    f"(num_workers > 0), but got num_workers={self.num_workers}"
                )
            if isinstance(context, str):
                methods = multiprocessing.get_all_start_methods()
                if context not in methods:
                    raise ValueError(
                        f"multiprocessing_context option should specify a valid start method in {methods!r}, "
                        f"but got multiprocessing_context={context!r}"
                    )
                context = multiprocessing.get_context(context)
            if not isinstance(context, multiprocessing.context.BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string specifying the start "
                    f"method, but got multiprocessing_context={context}"
                )
        self._context = context

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            return _PlainIterator(self)
        if not self.persistent_workers:
            return _WorkerIterator(self)
        if self._kept is None:
            self._kept = _WorkerIterator(self)
        else:
            self._kept.restart()
        return self._kept

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        count = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _fetcher_arguments(loader: DataLoader) -> tuple[Any, ...]:
    """What fetching depends on. Iterators take any object with these attributes: libraries have loaders of their own."""
    return loader._dataset_kind, loader._auto_collation, loader.collate_fn, loader.drop_last


class _LoaderIterator:
    """One pass over the data."""

    def __init__(self, loader: DataLoader) -> None:
        self._loader = loader
        if loader.pin_memory and loader.pin_memory_device:
            warnings.warn(
                "pin_memory_device is deprecated, the current accelerator will be used as the device,"
                f"ignore pin_memory_device='{loader.pin_memory_device}'.",
                stacklevel=4,
            )
        if loader.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
                stacklevel=4,
            )

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._loader)


class _PlainIterator(_LoaderIterator):
    """One pass over the data without workers."""

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        self._fetch = make_fetcher(loader.dataset, *_fetcher_arguments(loader))
        self._indices = iter(loader._index_sampler)

    def __next__(self) -> Any:
        try:
            return self._fetch(next(self._indices))
        except Exhausted:
            raise StopIteration from None


class _WorkerIterator(_LoaderIterator):
    """One pass over the data with workers: tasks go to them in turn, `prefetch_factor` each ahead of the loop."""

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        self._workers = Workers(
            loader.dataset,
            loader.num_workers,
            fresh_seed(loader.generator),
            _fetcher_arguments(loader),
            loader.worker_init_fn,
            loader.multiprocessing_context,
            loader.timeout,
        )
        self._epoch = -1
        self.restart()

    def restart(self) -> None:
        """Begins a new pass with the same workers; results of the last one are dropped when they come."""
        self._epoch += 1
        self._indices = iter(self._loader._index_sampler)
        self._active = [True] * self._workers.count
        self._next_worker = 0
        self._sent = self._wanted = 0
        self._waiting: dict[int, int] = {}
        """Tasks without a result: their numbers, and their workers."""
        self._ready: dict[int, Any] = {}
        for _ in range(max(1, self._loader.prefetch_factor or 0) * self._workers.count):
            self._send()

    def _send(self) -> None:
        """Gives the next indices to the next worker that has samples left."""
        if not any(self._active):
            return
        try:
            indices = next(self._indices)
        except StopIteration:
            return
        while not self._active[self._next_worker]:
            self._next_worker = (self._next_worker + 1) % self._workers.count
        self._workers.put(self._next_worker, self._epoch, self._sent, indices)
        self._waiting[self._sent] = self._next_worker
        self._sent += 1
        self._next_worker = (self._next_worker + 1) % self._workers.count

    def __next__(self) -> Any:
        while self._ready or self._waiting:
            number = self._take()
            if number is None:
                epoch, done, worker, batch = self._workers.get()
                if epoch != self._epoch:
                    continue
                del self._waiting[done]
                if isinstance(batch, EndOfDataset):
                    self._active[worker] = False
                    self._send()
                else:
                    self._ready[done] = batch
                continue
            batch = self._ready.pop(number)
            self._send()
            return checked(batch)
        if not self._loader.persistent_workers:
            self._workers.stop()
        raise StopIteration

    def _take(self) -> int | None:
        """The number of the batch that may be given out now, if it is here."""
        if not self._loader.in_order:
            return next(iter(self._ready), None)
        while self._wanted < self._sent and self._wanted not in self._waiting and self._wanted not in self._ready:
            self._wanted += 1  # it was an end, or has been given out
        return self._wanted if self._wanted in self._ready else None
