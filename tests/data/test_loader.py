"""DataLoader: the same batches without workers, with threads and with processes; errors and endings."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import warnings

import pytest
import torch
from torch.utils import data as theirs

import flambeau
from flambeau.utils import data as ours

WORKERS = {
    "none": {},
    "threads": {"num_workers": 2},
    "forked": {"num_workers": 2, "multiprocessing_context": "fork"},
}
if not hasattr(os, "fork"):
    del WORKERS["forked"]


class Samples(ours.Dataset):
    """Computes with tensors in `__getitem__`, also in workers."""

    def __len__(self):
        return 23

    def __getitem__(self, index):
        return (flambeau.arange(3) + index).float() * 2, index


class Stream(ours.IterableDataset):
    """Numbers below n, shared out to the workers."""

    def __init__(self, n, cut=None):
        self.n, self.cut = n, cut

    def __iter__(self):
        info = ours.get_worker_info()
        number, count = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(number, self.n if number == 0 or self.cut is None else self.cut, count))

    def __len__(self):
        return self.n


@pytest.fixture(autouse=True)
def used_before():
    """Workers are forked from a process whose device threads are at work."""
    assert float((flambeau.ones(64, 64) @ flambeau.ones(64, 64)).sum()) == 64**3


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize(
    "options", [{"batch_size": 4}, {"batch_size": 5, "drop_last": True}, {"batch_size": None}, {"batch_sampler": [[3, 1], [2]]}]
)
def test_batches_in_order(workers, options):
    loader = ours.DataLoader(Samples(), **options, **WORKERS[workers])
    indices = [batch[1].tolist() if hasattr(batch[1], "tolist") else batch[1] for batch in loader]
    assert indices == [
        batch[1] if isinstance(batch[1], int) else batch[1].tolist() for batch in theirs.DataLoader(_Plain(), **options)
    ]
    assert len(loader) == len(indices)
    for x, index in loader:
        expected = flambeau.as_tensor(index).reshape(-1, 1) + flambeau.arange(3)
        assert (x.reshape(-1, 3) == expected * 2).all()


class _Plain(theirs.Dataset):
    def __len__(self):
        return 23

    def __getitem__(self, index):
        return torch.zeros(3), index


@pytest.mark.parametrize("workers", WORKERS)
def test_iterable_datasets(workers):
    loader = ours.DataLoader(Stream(11), batch_size=2, **WORKERS[workers])
    for _ in range(2):
        assert sorted(i for batch in loader for i in batch.tolist()) == list(range(11))
    assert len(loader) == 6
    uneven = ours.DataLoader(Stream(20, cut=3), batch_size=2, **WORKERS[workers])
    expected = range(20) if workers == "none" else sorted([*range(0, 20, 2), 1])
    assert sorted(i for batch in uneven for i in batch.tolist()) == list(expected)
    singles = ours.DataLoader(Stream(5), batch_size=None, **WORKERS[workers])
    assert sorted(singles) == [0, 1, 2, 3, 4]
    dropped = ours.DataLoader(Stream(7), batch_size=2, drop_last=True, **WORKERS[workers])
    assert all(len(batch) == 2 for batch in dropped)


class Broken(Samples):
    def __getitem__(self, index):
        if index == 13:
            raise KeyError("thirteen")
        return index


@pytest.mark.parametrize("workers", WORKERS)
def test_errors_come_out_where_their_batch_is_due(workers):
    iterator = iter(ours.DataLoader(Broken(), batch_size=5, **WORKERS[workers]))
    assert next(iterator).tolist() == [0, 1, 2, 3, 4]
    assert next(iterator).tolist() == [5, 6, 7, 8, 9]
    with pytest.raises(KeyError, match="thirteen"):
        next(iterator)
    if workers != "none":
        assert next(iterator).tolist() == [15, 16, 17, 18, 19]


class Difficult(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


def test_an_error_that_cannot_be_made_again():
    class Bad(Samples):
        def __getitem__(self, index):
            raise Difficult(1, 2)

    with pytest.raises(RuntimeError, match="Caught Difficult in DataLoader worker thread 0"):
        next(iter(ours.DataLoader(Bad(), num_workers=1)))


def test_worker_info_and_init():
    seen = []

    class Info(Samples):
        def __getitem__(self, index):
            info = ours.get_worker_info()
            return info.id, info.num_workers, info.seed

    loader = ours.DataLoader(Info(), batch_size=None, num_workers=3, worker_init_fn=seen.append)
    found = list(loader)
    assert [item[0] for item in found[:6]] == [0, 1, 2, 0, 1, 2] and all(item[1] == 3 for item in found)
    assert found[1][2] == found[0][2] + 1
    assert sorted(seen) == [0, 1, 2] and ours.get_worker_info() is None


def broken_init(worker):
    raise ValueError("no start")


@pytest.mark.parametrize("workers", [w for w in WORKERS if w != "none"])
def test_a_failing_init(workers):
    with pytest.raises(ValueError, match="no start"):
        next(iter(ours.DataLoader(Samples(), worker_init_fn=broken_init, **WORKERS[workers])))


@pytest.mark.parametrize("workers", [w for w in WORKERS if w != "none"])
def test_persistent_workers(workers):
    loader = ours.DataLoader(Samples(), batch_size=4, persistent_workers=True, **WORKERS[workers])
    assert [batch[1].tolist() for batch in loader][-1] == [20, 21, 22]
    iterator = iter(loader)
    next(iterator)  # a pass that isn't finished
    assert [i for batch in loader for i in batch[1].tolist()] == list(range(23))
    assert [i for batch in loader for i in batch[1].tolist()] == list(range(23))
    stream = ours.DataLoader(Stream(9), batch_size=2, persistent_workers=True, **WORKERS[workers])
    for _ in range(3):
        assert sorted(i for batch in stream for i in batch.tolist()) == list(range(9))


class Slow(Samples):
    def __getitem__(self, index):
        time.sleep(0.3 if index == 0 else 0)
        return index


def test_order_of_arrival():
    arrived = [int(i) for i in ours.DataLoader(Slow(), num_workers=2, in_order=False)]
    assert arrived[0] != 0 and sorted(arrived) == list(range(23))
    assert [int(i) for i in ours.DataLoader(Slow(), num_workers=2)] == list(range(23))


@pytest.mark.parametrize("workers", [w for w in WORKERS if w != "none"])
def test_timeout(workers):
    with pytest.raises(RuntimeError, match="timed out after"):
        next(iter(ours.DataLoader(Slow(), timeout=0.05, **WORKERS[workers])))


class Dies(Samples):
    def __getitem__(self, index):
        os._exit(3)


@pytest.mark.skipif("forked" not in WORKERS, reason="no fork here")
def test_a_dead_process_is_noticed():
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(iter(ours.DataLoader(Dies(), **WORKERS["forked"])))


@pytest.mark.skipif("forked" not in WORKERS, reason="no fork here")
def test_forked_workers_get_random_numbers_of_their_own():
    class Random(Samples):
        def __getitem__(self, index):
            return flambeau.rand(2)

    def draw():
        flambeau.manual_seed(1)
        return [batch.tolist() for batch in ours.DataLoader(Random(), batch_size=None, **WORKERS["forked"])]

    first = draw()
    assert first[0] != first[1] and first == draw()


def test_threads_end():
    before = threading.active_count()
    for _ in ours.DataLoader(Samples(), num_workers=4):
        pass
    iterator = iter(ours.DataLoader(Samples(), num_workers=4))
    next(iterator)
    del iterator  # left half-way
    assert _settles_at(before)


def _settles_at(count):
    """Whether soon no more threads than that are there."""
    deadline = time.monotonic() + 10
    while threading.active_count() > count and time.monotonic() < deadline:
        time.sleep(0.01)
    return threading.active_count() <= count


def test_threads_end_where_a_start_was_interrupted(monkeypatch):
    before = threading.active_count()
    start, started = threading.Thread.start, []

    def interrupted(thread):
        start(thread)
        started.append(thread)
        if len(started) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        iter(ours.DataLoader(Samples(), num_workers=4))
    assert len(started) == 3 and _settles_at(before)


def test_a_program_ends_with_workers_at_work():
    program = (
        "import flambeau\nfrom flambeau.utils.data import DataLoader\n"
        "iterators = [iter(DataLoader(range(1000), num_workers=2)), "
        "iter(DataLoader(range(1000), num_workers=2, multiprocessing_context='fork'))]\n"
        "print([int(next(i)) for i in iterators])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[0, 0]\n"), done.stderr


BAD = [
    {"num_workers": -1},
    {"timeout": -1},
    {"prefetch_factor": 2},
    {"num_workers": 1, "prefetch_factor": -1},
    {"persistent_workers": True},
    {"sampler": [1], "shuffle": True},
    {"batch_sampler": [[1]], "batch_size": 3},
    {"batch_size": None, "drop_last": True},
    {"batch_size": 0},
    {"multiprocessing_context": "fork"},
    {"num_workers": 1, "multiprocessing_context": "spoon"},
    {"num_workers": 1, "multiprocessing_context": 3},
]


def raised(call):
    with pytest.raises(Exception) as caught:
        call()
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize("options", BAD)
def test_bad_arguments(options):
    mine = raised(lambda: ours.DataLoader(range(3), **options))
    assert mine == raised(lambda: theirs.DataLoader(range(3), **options))


def test_fixed_attributes():
    loader = ours.DataLoader(range(3))
    with pytest.raises(ValueError, match="should not be set after DataLoader is initialized"):
        loader.batch_size = 3
    loader.num_workers = 2
    assert [int(i) for i in loader] == [0, 1, 2]


class _Part(ours.IterableDataset):
    """The whole of a range, unless `worker_init_fn` makes it a part: as PyTorch's documentation has it."""

    first, last = 0, 10

    def __iter__(self):
        return iter(range(self.first, self.last))


def _take_a_part(worker):
    info = ours.get_worker_info()
    info.dataset.first, info.dataset.last = 5 * worker, 5 * (worker + 1)


@pytest.mark.parametrize("context", [None, "fork"])
def test_each_worker_has_its_own_dataset(context):
    dataset = _Part()
    loader = ours.DataLoader(dataset, batch_size=5, num_workers=2, worker_init_fn=_take_a_part, multiprocessing_context=context)
    assert sorted(b.tolist() for b in loader) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert (dataset.first, dataset.last) == (0, 10)


class _Random(ours.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return flambeau.rand(()).item()


@pytest.mark.parametrize("context", [None, "fork"])
def test_random_numbers_of_workers_follow_from_the_seed(context):
    drawn = []
    for _ in range(2):
        flambeau.manual_seed(3)
        loader = ours.DataLoader(_Random(), batch_size=2, num_workers=2, multiprocessing_context=context)
        drawn.append([b.tolist() for b in loader])
        drawn[-1].append(flambeau.rand(2).tolist())
    assert drawn[0] == drawn[1]
    assert len({n for batch in drawn[0] for n in batch}) == 10


def test_iterators_over_a_loader_of_ones_own():
    """Libraries (fastai) iterate over objects that have a loader's attributes."""
    from torch.utils.data import dataloader as theirs

    from flambeau.utils.data import dataloader as mine

    class Counted:
        num_workers, collate_fn, drop_last, pin_memory, timeout, generator = 0, staticmethod(lambda x: x), False, False, 0, None
        _auto_collation, _IterableDataset_len_called, prefetch_factor, worker_init_fn, in_order = False, None, 2, None, True
        persistent_workers, multiprocessing_context, pin_memory_device = False, None, ""

        def __init__(self, module):
            self.dataset, self._dataset_kind, self._index_sampler = self, module._DatasetKind.Iterable, range(100)

        def _get_shared_seed(self):
            return None

        def __iter__(self):
            return iter("abc")

    for module in (mine, theirs):
        assert list(module._SingleProcessDataLoaderIter(Counted(module))) == ["a", "b", "c"]


@pytest.mark.parametrize("options", [{}, {"pin_memory": True}, {"pin_memory": True, "pin_memory_device": "cuda"},
                                     {"pin_memory_device": "cuda"}, {"pin_memory": True, "num_workers": 1}])  # fmt: skip
def test_memory_is_not_pinned(options):
    """PyTorch's warnings, at every pass, where there is no accelerator."""

    def warned(module):
        loader = module.DataLoader([1.0, 2.0], **options)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                list(loader)
        return [str(w.message) for w in caught if "pin" in str(w.message)]

    assert warned(ours) == warned(theirs)
