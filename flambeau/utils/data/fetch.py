"""From indices to a batch. May import: utils.data.dataset, utils.data.collate."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from flambeau.utils.data.collate import collate_rows, default_collate
from flambeau.utils.data.dataset import IterableDataset, Subset, TensorDataset

__all__ = ["Exhausted", "make_fetcher"]


class Exhausted(Exception):
    """An iterable dataset has no more samples for this worker."""


def make_fetcher(dataset: Any, batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> Callable[[Any], Any]:
    """A function of the indices of a batch (of one sample, if not `batched`) that gives the batch."""
    if isinstance(dataset, IterableDataset):
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
