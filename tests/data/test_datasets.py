"""Datasets, samplers and collation beside PyTorch's."""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
import torch
from torch.utils import data as theirs

import flambeau
from flambeau.utils import data as ours

Point = namedtuple("Point", "x y")


def raised(call):
    with pytest.raises(Exception) as caught:
        call()
    return type(caught.value), str(caught.value)


def plain(value):
    """A batch as plain values and the types of its parts, so that both libraries' can be compared."""
    if isinstance(value, (flambeau.Tensor, torch.Tensor)):
        return str(value.dtype), tuple(value.shape), value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(v) for v in value]
    return value


SAMPLES = {
    "tensors": lambda lib: [lib.tensor([1.0, 2.0]), lib.tensor([3.0, 4.0])],
    "transposed": lambda lib: [lib.arange(6).reshape(2, 3).t(), lib.arange(6).reshape(3, 2)],
    "expanded": lambda lib: [lib.ones(1).expand(3), lib.zeros(3)],
    "scalars": lambda lib: [lib.tensor(True), lib.tensor(False)],
    "integers": lambda lib: [1, 2, 3],
    "floats": lambda lib: [1.0, 2.5],
    "booleans": lambda lib: [True, False],
    "strings": lambda lib: ["a", "b"],
    "bytes": lambda lib: [b"a", b"b"],
    "arrays": lambda lib: [np.arange(3), np.arange(3) + 1],
    "numpy scalars": lambda lib: [np.float32(1), np.float32(2)],
    "tuples": lambda lib: [(lib.tensor([1]), 2, "x"), (lib.tensor([3]), 4, "y")],
    "lists": lambda lib: [[1, 2.0], [3, 4.0]],
    "dicts": lambda lib: [{"a": 1, "b": [1.0]}, {"a": 2, "b": [3.0]}],
    "ordered": lambda lib: [OrderedDict(a=1), OrderedDict(a=2)],
    "named": lambda lib: [Point(1, lib.ones(2)), Point(2, lib.zeros(2))],
}


@pytest.mark.parametrize("case", SAMPLES)
def test_default_collate(case):
    make = SAMPLES[case]
    assert plain(ours.default_collate(make(flambeau))) == plain(theirs.default_collate(make(torch)))


@pytest.mark.parametrize("case", SAMPLES)
def test_default_convert(case):
    make = SAMPLES[case]
    assert plain(ours.default_convert(make(flambeau))) == plain(theirs.default_convert(make(torch)))


@pytest.mark.parametrize(
    "make",
    [
        lambda lib: [object(), object()],
        lambda lib: [None],
        lambda lib: [[1, 2], [1]],
        lambda lib: [np.array(["a"]), np.array(["b"])],
    ],
)
def test_what_cannot_be_collated(make):
    mine = raised(lambda: ours.default_collate(make(flambeau)))
    assert mine == raised(lambda: theirs.default_collate(make(torch)))


def test_collating_classes_of_ones_own():
    """As PyTorch's documentation shows it: by the map that the default batches are made with, and more in it."""
    from torch.utils.data._utils import collate as reference

    from flambeau.utils.data._utils import collate as mine

    class Word:
        def __init__(self, text):
            self.text = text

    def batches(module):
        def join(batch, *, collate_fn_map=None):
            return " ".join(word.text for word in batch)

        return module.collate([(1, Word("a")), (2, Word("b"))], collate_fn_map={**module.default_collate_fn_map, Word: join})

    assert plain(batches(mine)) == plain(batches(reference)) and batches(mine)[1] == "a b"


def test_collated_tensors_of_unequal_shape():
    with pytest.raises(RuntimeError, match="equal size"):
        ours.default_collate([flambeau.ones(2), flambeau.ones(3)])


def test_collation_keeps_gradients_and_copies():
    x = flambeau.ones(2, requires_grad=True)
    batch = ours.default_collate([x, x * 2])
    batch.sum().backward()
    assert x.grad.tolist() == [3, 3]
    y = flambeau.zeros(2)
    batch = ours.default_collate([y, y])
    batch.fill_(5)
    assert y.tolist() == [0, 0]


def test_tensor_dataset_batches_are_rows():
    base = flambeau.arange(48).reshape(8, 6)
    for tensor in (base, base.t(), base[::2], base[2:, 1:4], base[:, 0], base.float().requires_grad_(), base.flip(0)):
        dataset = ours.TensorDataset(tensor)
        rows = [3, 0, 2, -1]
        (batch,) = next(iter(ours.DataLoader(dataset, batch_sampler=[rows])))
        assert batch.tolist() == [tensor[row].tolist() for row in rows]
        assert batch.requires_grad == tensor.requires_grad
    with pytest.raises(IndexError):
        next(iter(ours.DataLoader(dataset, batch_sampler=[[8]])))


def test_writes_are_seen_by_batches():
    x = flambeau.zeros(4, 2)
    loader = ours.DataLoader(ours.TensorDataset(x), batch_size=2)
    next(iter(loader))
    x[1].add_(3)
    assert next(iter(loader))[0].tolist() == [[0, 0], [3, 3]]


class Squares(ours.Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        if not -5 <= index < 5:
            raise IndexError(index)
        return index * index


def test_dataset_arithmetic():
    both = Squares() + Squares()
    assert isinstance(both, ours.ConcatDataset) and len(both) == 10
    assert [both[i] for i in (0, 4, 5, 9, -1)] == [0, 16, 0, 16, 16]
    subset = ours.Subset(both, [9, 1])
    assert (len(subset), subset[0], subset.__getitems__([1, 0])) == (2, 16, [1, 16])
    stacked = ours.StackDataset(a=Squares(), b=range(5))
    assert stacked[2] == {"a": 4, "b": 2} and stacked.__getitems__([1, 3]) == [{"a": 1, "b": 1}, {"a": 9, "b": 3}]
    assert ours.StackDataset(Squares(), range(5)).__getitems__([4]) == [(16, 4)]


@pytest.mark.parametrize(
    "call",
    [
        lambda d, lib: d.TensorDataset(lib.ones(2), lib.ones(3)),
        lambda d, lib: d.StackDataset(),
        lambda d, lib: d.StackDataset([1], [1, 2]),
        lambda d, lib: d.StackDataset([1], a=[1]),
        lambda d, lib: d.ConcatDataset([]),
        lambda d, lib: d.ConcatDataset([[1, 2]])[-3],
        lambda d, lib: d.Dataset()[0],
        lambda d, lib: d.random_split([1, 2, 3], [1, 1]),
        lambda d, lib: d.random_split([1, 2, 3], [-0.5, 1.5]),
        lambda d, lib: d.RandomSampler([1], replacement=3),
        lambda d, lib: d.RandomSampler([], num_samples=0),
        lambda d, lib: d.BatchSampler([1], 0, False),
        lambda d, lib: d.BatchSampler([1], 2, 1),
        lambda d, lib: d.WeightedRandomSampler([1.0], -1),
        lambda d, lib: d.WeightedRandomSampler([1.0], 1, replacement=0),
        lambda d, lib: d.WeightedRandomSampler([[1.0]], 1),
    ],
)
def test_bad_arguments(call):
    assert raised(lambda: call(ours, flambeau)) == raised(lambda: call(theirs, torch))


@pytest.mark.parametrize("lengths", [[3, 7], [0.3, 0.7], [0.3, 0.3, 0.4], [1 / 3, 1 / 3, 1 / 3], [0.05, 0.95], [10, 0]])
def test_random_split(lengths):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = ours.random_split(range(10), lengths, flambeau.Generator().manual_seed(1))
        again = ours.random_split(range(10), lengths, flambeau.Generator().manual_seed(1))
        expected = theirs.random_split(range(10), lengths)
    assert [len(part) for part in parts] == [len(part) for part in expected]
    assert sorted(i for part in parts for i in part.indices) == list(range(10))
    assert [part.indices for part in parts] == [part.indices for part in again]


def test_samplers():
    assert list(ours.SequentialSampler(range(4))) == [0, 1, 2, 3]
    shuffled = ours.RandomSampler(range(100), generator=flambeau.Generator().manual_seed(3))
    first, second = list(shuffled), list(shuffled)
    assert sorted(first) == list(range(100)) and first != second and len(shuffled) == 100
    assert list(ours.RandomSampler(range(100), generator=flambeau.Generator().manual_seed(3))) == first
    more = list(ours.RandomSampler(range(4), num_samples=10))
    assert len(more) == 10 and sorted(more[:4]) == [0, 1, 2, 3]
    drawn = list(ours.RandomSampler(range(4), replacement=True, num_samples=2000))
    assert len(drawn) == 2000 and set(drawn) == {0, 1, 2, 3}
    assert sorted(ours.SubsetRandomSampler([7, 8, 9])) == [7, 8, 9]
    weighted = list(ours.WeightedRandomSampler([0.0, 1.0, 3.0], 2000))
    assert weighted.count(0) == 0 and 0.2 < weighted.count(1) / 2000 < 0.3
    assert sorted(ours.WeightedRandomSampler([1.0, 1.0, 1.0], 3, replacement=False)) == [0, 1, 2]
    assert list(ours.BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(ours.BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert (len(ours.BatchSampler(range(5), 2, False)), len(ours.BatchSampler(range(5), 2, True))) == (3, 2)


def test_shuffling_follows_the_seed():
    orders = []
    for _ in range(2):
        flambeau.manual_seed(5)
        loader = ours.DataLoader(range(50), batch_size=10, shuffle=True)
        orders.append([batch.tolist() for batch in loader] + [batch.tolist() for batch in loader])
    assert orders[0] == orders[1] and orders[0][:5] != orders[0][5:]
