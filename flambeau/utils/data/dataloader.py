"""`torch.utils.data.dataloader`: the loader by the module that PyTorch has it in."""

from collections.abc import Callable
from typing import Any, TypeAlias

from flambeau.utils.data.collate import default_collate, default_convert
from flambeau.utils.data.dataset import Dataset, IterableDataset
from flambeau.utils.data.fetch import DatasetKind as _DatasetKind  # noqa: F401
from flambeau.utils.data.loader import DataLoader
from flambeau.utils.data.loader import _LoaderIterator as _BaseDataLoaderIter  # noqa: F401
from flambeau.utils.data.loader import _PlainIterator as _SingleProcessDataLoaderIter  # noqa: F401
from flambeau.utils.data.loader import _WorkerIterator as _MultiProcessingDataLoaderIter  # noqa: F401
from flambeau.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from flambeau.utils.data.workers import get_worker_info

_collate_fn_t: TypeAlias = Callable[[list[Any]], Any]

__all__ = [
    "BatchSampler", "DataLoader", "Dataset", "IterableDataset", "RandomSampler", "Sampler", "SequentialSampler",
    "default_collate", "default_convert", "get_worker_info",
]  # fmt: skip
