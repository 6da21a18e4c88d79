"""From indices to a batch. May import: utils.data.dataset, utils.data.collate."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from flambeau.utils.data.collate import collate_rows, default_collate
from flambeau.utils.data.dataset import IterableDataset, Subset, TensorDataset

__all__ = ["DatasetKind", "Exhausted", "make_fetcher"]


class DatasetKind:
    """How a loader gets at a dataset's samples: by index, or one after the other."""

    Map = 0
    Iterable = 1

    @staticmethod
    def of(dataset: Any) -> int:
        """The kind of a dataset by its class."""
        return DatasetKind.Iterable if isinstance(dataset, IterableDataset) else DatasetKind.Map

    @staticmethod
    def create_fetcher(kind: int, dataset: Any, auto_collation: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> Any:
        """An object whose `fetch(indices)` gives a batch (one sample, without `auto_collation`)."""
        return SimpleNamespace(fetch=make_fetcher(dataset, kind, auto_collation, collate_fn, drop_last))


class Exhausted(Exception):
    """An iterable dataset has no more samples for this worker."""


def make_fetcher(
    dataset: Any, kind: int, batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool
) -> Callable[[Any], Any]:
    """A function of the indices of a batch (of one sample, if not `batched`) that gives the batch."""
    if kind == DatasetKind.Iterable:
        return _iterable(dataset, batched, collate_fn, drop_last)
    if not batched:
        return lambda index: collate_fn(dataset[index])
    many = getattr(dataset, "__getitems__", None)
    rows = _rows_of(dataset) if collate_fn is default_collate else None

    def fetch(indices: Any) -> Any:
        if rows is not None:
            return rows(indices)
        return collate_fn(many(indices) if callable(many) else [dataset[index] for index in indices])

    return fetch


def _rows_of(dataset: Any) -> Callable[[Any], Any] | None:
    """For tensors (and subsets of them) a batch is rows of each, with no samples in between: the same values, sooner."""
    if type(dataset) is TensorDataset:
        return lambda indices: [collate_rows(tensor, indices) for tensor in dataset.tensors]
    if type(dataset) is Subset:
        inner = _rows_of(dataset.dataset)
        if inner is not None:
            return lambda indices: inner([dataset.indices[index] for index in indices])
    return None


def _iterable(dataset: Any, batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> Callable[[Any], Any]:
    samples = iter(dataset)

    def fetch(indices: Any) -> Any:
        if not batched:
            for sample in samples:
                return collate_fn(sample)
            raise Exhausted
        batch = list(itertools.islice(samples, len(indices)))
        if not batch or (drop_last and len(batch) < len(indices)):
            raise Exhausted
        return collate_fn(batch)

    return fetch
