"""NumPy's arrays, buffers and addresses: what is shared and what is copied, errors, lifetimes, and sharing that ends."""

from __future__ import annotations

import array
import copy
import ctypes
import gc
import pickle
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import flambeau
from flambeau.shared_storage import SharedStorage

LARGE = (600, 600)


def _outcome(library: Any, call: str) -> Any:
    readonly = np.arange(3.0)
    readonly.flags.writeable = False
    names = {"t": library, "np": np, "a": np.arange(6.0), "readonly": readonly, "b": bytearray(8), "array": array,
             "mixed": np.zeros(3, [("byte", "i1"), ("number", "f4")])}  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return eval(call, names)
        except Exception as error:
            return error


ARRAYS = ("a[::-1]", "np.arange(3, dtype='>f4')", "mixed['number']", "np.zeros((0, 3))", "np.array(3.0)", "a[1::2]", "[1, 2]",
          "np.float32(3)", "readonly", "None")  # fmt: skip
CALLS = """
t.from_numpy(np.broadcast_to(np.ones(3), (2, 3))).stride() | t.from_numpy(np.ones((2, 3)).T).stride()
t.from_numpy(a[2:6:2]).stride() | t.from_numpy(a[2:6:2]).untyped_storage().nbytes()
t.from_numpy(np.ones((2, 3)).T).untyped_storage().nbytes()
t.from_numpy(np.broadcast_to(np.ones(3), (2, 3))).untyped_storage().nbytes() | t.as_tensor(a).data_ptr() == a.ctypes.data
t.as_tensor(a, dtype=t.float32).data_ptr() == a.ctypes.data | t.as_tensor(a, dtype=t.float64).data_ptr() == a.ctypes.data
t.asarray(a).data_ptr() == a.ctypes.data | t.asarray(a, dtype=t.float32).data_ptr() == a.ctypes.data
t.asarray(a, dtype=t.float64).data_ptr() == a.ctypes.data | t.tensor(a).data_ptr() == a.ctypes.data
t.tensor(a, dtype=t.float32).data_ptr() == a.ctypes.data | t.tensor(a, dtype=t.float64).data_ptr() == a.ctypes.data
t.asarray(a, copy=False, dtype=t.float32) | t.asarray([1, 2], copy=False) | t.asarray(3, copy=False)
t.asarray(np.float32(3), copy=False) | t.asarray(t.ones(2), copy=False, dtype=t.float64) | t.asarray(b)
t.asarray(b, dtype=t.int32) | t.asarray(b'abcd') | t.asarray(memoryview(b)) | t.asarray(t.ones(2, requires_grad=True))
t.asarray(t.ones(2), requires_grad=True) | t.asarray(a, copy=True).data_ptr() == a.ctypes.data
t.asarray(a, copy=False).data_ptr() == a.ctypes.data
t.asarray(t.ones(2, requires_grad=True), requires_grad=False).requires_grad | t.asarray(t.utils.dlpack.to_dlpack(t.ones(2)))
t.frombuffer(b, dtype=t.int32) | t.frombuffer(bytes(8), dtype=t.int32) | t.frombuffer(bytearray(0), dtype=t.int32)
t.frombuffer(b, dtype=t.int32, count=0) | t.frombuffer(b, dtype=t.uint8, offset=8) | t.frombuffer(b, dtype=t.uint8, offset=-1)
t.frombuffer(b, dtype=t.int32, offset=1) | t.frombuffer(b, dtype=t.int32, offset=1, count=1)
t.frombuffer(b, dtype=t.int32, count=3) | t.frombuffer(b, dtype=t.int32, count=-2) | t.frombuffer(3, dtype=t.int32)
t.frombuffer(a[::2], dtype=t.float64) | t.frombuffer(np.ones((2, 2)), dtype=t.float64)
t.frombuffer(b, dtype=t.int32, requires_grad=True) | t.frombuffer(b, dtype=t.float32, requires_grad=True)
t.frombuffer(array.array('d', [1, 2]), dtype=t.float64) | t.ones(2, requires_grad=True).numpy()
(t.ones(2, requires_grad=True) * 2).numpy(force=True) | t.ones(2, dtype=t.bfloat16).numpy()
t.ones(2, dtype=t.bfloat16).numpy(force=True) | t.ones(3).expand(2, 3).numpy().strides | t.ones(2, 3).t().numpy().strides
t.arange(6)[1::2].numpy() | t.zeros(0, 3).numpy().shape | t.tensor(3).numpy().shape | np.asarray(t.ones(2), dtype=np.float64)
np.asarray(t.ones(2, requires_grad=True)) | t.empty(0).data_ptr() | t.from_numpy(np.ones(3)).resize_(2)
t.from_numpy(np.ones(3)).resize_(100) | (lambda x: (x.numpy(), x.resize_(100)))(t.ones(3))
t.frombuffer(bytearray(8), dtype=t.int32).resize_(10) | t.from_dlpack(np.ones(3)).resize_(9)
""".replace("\n", "|").split("|")
CALLS = [
    *(f"t.{make}({a})" for make in ("from_numpy", "as_tensor", "asarray", "tensor") for a in ARRAYS),
    *(call.strip() for call in CALLS if call.strip()),
]


@pytest.mark.parametrize("call", CALLS)
def test_as_in_pytorch(call: str) -> None:
    expected, found = _outcome(torch, call), _outcome(flambeau, call)
    if isinstance(expected, Exception):
        assert isinstance(found, type(expected)), (expected, found)
        assert "can require grad" in str(expected) or str(found)[:24] == str(expected)[:24]
    elif isinstance(expected, torch.Tensor):
        assert found.requires_grad == expected.requires_grad and str(found.dtype) == str(expected.dtype)
        np.testing.assert_array_equal(found.detach().numpy(), expected.detach().numpy())
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(4, 3), LARGE])
def test_the_same_memory(shape: tuple[int, int]) -> None:
    a = np.zeros(shape, np.float32)
    t = flambeau.from_numpy(a)
    assert t.data_ptr() == a.ctypes.data == t.numpy().ctypes.data == np.asarray(t).ctypes.data
    before = t + 1
    a[1, 2] = 5
    assert before[1, 2].item() == 1 and t[1, 2].item() == 5 and t.sum().item() == 5
    t[0].fill_(2)
    t.t()[2].add_(1)
    assert a[0].tolist() == [2.0, 2.0, 3.0, *[2.0] * (shape[1] - 3)] and a[1, 2] == 6
    t.mul_(0)
    assert not a.any()
    other = t.clone()
    kept = t.float()
    assert kept is t
    a[...] = 3
    assert other.sum().item() == 0


@pytest.mark.parametrize("shape", [(4, 3), LARGE])
def test_an_array_of_a_computed_tensor(shape: tuple[int, int]) -> None:
    t = flambeau.ones(shape) * 2
    twin, view = t.clone(), t[1:]
    later = t + 1
    a = t.numpy()
    a[...] = 7
    assert t.sum().item() == 7 * t.numel() and view[0, 0].item() == 7
    assert twin.sum().item() == 2 * t.numel() and later.sum().item() == 3 * t.numel()
    del t, view
    gc.collect()
    for _ in range(20):
        flambeau.full(shape, 9.0).add_(1).sum().item()
    assert (a == 7).all()


@pytest.mark.parametrize("make", [lambda: np.ones(3), lambda: np.ones(LARGE)[:, 1:]])
def test_sharing_ends_with_the_array(make: Any) -> None:
    a = make()
    t = flambeau.from_numpy(a)
    part = a[:1]
    del a
    t + 1
    assert isinstance(t._storage, SharedStorage)
    part[...] = 5
    del part
    waiting = t + 1
    assert not isinstance(t._storage, SharedStorage)
    t.zero_()
    assert waiting[0].max().item() == 6
    a = t.numpy()
    assert isinstance(t._storage, SharedStorage) and not a.any()
    del a
    t.add_(1)
    assert not isinstance(t._storage, SharedStorage)


def test_addresses_stay() -> None:
    t = flambeau.zeros(3)
    address = t.data_ptr()
    t.add_(1)
    assert t.data_ptr() == address == t.numpy().ctypes.data and t[1:].data_ptr() == address + 4
    numbers = (ctypes.c_float * 3).from_address(address)
    numbers[1] = 8.0
    t.mul_(2)
    assert t.tolist() == [2.0, 16.0, 2.0] and list(numbers) == t.tolist()


def test_memory_that_cannot_be_written(tmp_path: Path) -> None:
    from flambeau.ops import sharing

    sharing._warned.clear()
    readonly = np.arange(3.0)
    readonly.flags.writeable = False
    with pytest.warns(UserWarning, match="not writable"):
        t = flambeau.from_numpy(readonly)
    t[0] = 9
    assert readonly[0] == 9  # the memory is the array's own
    text = b"abcd"
    with pytest.warns(UserWarning, match="not writable"):
        t = flambeau.frombuffer(text, dtype=flambeau.uint8)
    t[0] = 0
    t.add_(1)
    assert text == b"abcd" and t.tolist() == [1, 99, 100, 101]
    np.save(tmp_path / "a.npy", np.ones(LARGE))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t = flambeau.from_numpy(mapped)
    del mapped
    waiting = t * 2
    t.add_(1)
    del waiting
    assert t[0, 0].item() == 2 and np.load(tmp_path / "a.npy")[0, 0] == 1


def test_mapped_files_are_written(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "numbers", np.float32, "w+", shape=LARGE)
    t = flambeau.from_numpy(mapped)
    del mapped
    t.add_(3)
    t[0, 0] = 4
    written = np.fromfile(tmp_path / "numbers", np.float32)
    assert written[0] == 4 and (written[1:] == 3).all()


def test_buffers() -> None:
    b = bytearray(16)
    t = flambeau.frombuffer(b, dtype=flambeau.int32, offset=4, count=2)
    b[4] = 7
    t[1] = 1
    assert t.tolist() == [7, 1] and b[8] == 1
    with pytest.raises(BufferError):
        b.extend(b"abc")
    numbers = array.array("d", [1, 2, 3])
    t = flambeau.frombuffer(numbers, dtype=flambeau.float64)
    numbers[0] = 5
    assert t.sum().item() == 10
    del numbers
    t.add_(1)
    assert t.tolist() == [6, 3, 4] and not isinstance(t._storage, SharedStorage)


def test_copies_have_memory_of_their_own() -> None:
    a = np.zeros(LARGE)
    t = flambeau.from_numpy(a)
    copies = [
        copy.deepcopy(t),
        pickle.loads(pickle.dumps(t)),
        flambeau.tensor(a),
        t.reshape(-1).clone(),
        flambeau.empty(LARGE).double().copy_(t),
    ]
    a[...] = 1
    assert all(c.sum().item() == 0 for c in copies)


def test_gradients_into_an_array() -> None:
    a = np.ones(LARGE, np.float32)
    parameter = flambeau.nn.Parameter(flambeau.from_numpy(a))
    optimizer = flambeau.optim.SGD([parameter], lr=0.5)
    (parameter * 2).sum().backward()
    optimizer.step()
    assert (a == 0).all()
    leaf = flambeau.from_numpy(a).requires_grad_()
    y = (leaf * leaf).sum()
    leaf.detach().fill_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


@pytest.mark.parametrize("shape", [(4, 3), LARGE])
def test_recorded_calls_read_and_write_the_memory(shape: tuple[int, int]) -> None:
    a, b = np.ones(shape, np.float32), np.zeros(shape, np.float32)
    x, y = flambeau.from_numpy(a), flambeau.from_numpy(b)

    @flambeau.compile
    def f(x: Any, y: Any) -> Any:
        old = y.clone()
        y.add_(x)
        y[0] = 9
        return x * 2, old, x.clone()

    for k in range(4):
        a[...] = k
        before = b.copy()
        twice, old, same = f(x, y)
        a[...] = 77
        np.testing.assert_array_equal(b[1:], before[1:] + k)
        assert (b[0] == 9).all() and (twice == 2 * k).all() and (same == k).all()
        np.testing.assert_array_equal(old.numpy(), before)
    assert f.replays > 0


@pytest.mark.parametrize("shape", [(4, 3), LARGE])
def test_recorded_gradients(shape: tuple[int, int]) -> None:
    a = np.ones(shape, np.float32)
    x, w = flambeau.from_numpy(a), flambeau.ones(shape, requires_grad=True)
    f = flambeau.compile(lambda x, w: (x * w).sum())
    for k in range(3):
        a[...] = k
        w.grad = None
        f(x, w).backward()
        assert (w.grad == k).all()


@pytest.mark.parametrize("shape", [(4, 3), LARGE])
def test_a_call_that_looks_is_as_good(shape: tuple[int, int]) -> None:
    a = np.ones(shape, np.float32)
    x = flambeau.from_numpy(a)

    @flambeau.compile
    def f(x: Any) -> Any:
        y = x + 1
        x.mul_(2)
        x.sum().item()
        return y, x * 3

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y, z = f(x)
    a[...] = 50
    assert (y == 2).all() and (z == 6).all()


@pytest.mark.parametrize("shape", [(4, 3), LARGE])
def test_vmap(shape: tuple[int, int]) -> None:
    a = np.ones(shape, np.float32)
    x = flambeau.from_numpy(a)
    one = flambeau.vmap(lambda row: row * 2 + x[0])(x)
    two = flambeau.vmap(lambda row: (row + x).sum())(flambeau.ones(2, shape[1]))
    a[...] = 50
    assert (one == 3).all() and (two == 2 * a.size).all()


def test_threads() -> None:
    a = np.zeros((2, *LARGE), np.float32)
    t = flambeau.from_numpy(a)
    errors = []

    def work(k: int) -> None:
        try:
            for i in range(30):
                t[k].add_(1)
                assert a[k, 0, 0] == i + 1 and t[k, -1, -1].item() == i + 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and (a == 30).all()


def test_loaders_copy() -> None:
    from flambeau.utils.data import DataLoader, TensorDataset

    a = np.arange(12.0).reshape(6, 2)
    batches = iter(DataLoader(TensorDataset(flambeau.from_numpy(a)), batch_size=3))
    (first,) = next(batches)
    a[...] = -1
    assert first.tolist() == [[0, 1], [2, 3], [4, 5]] and next(batches)[0].sum().item() == -6


def _storage_program(t: Any) -> Any:
    """What storages and tensors that share them show, after writes through either."""
    x = t.arange(6.0)
    strided = t.zeros(2).set_(x.untyped_storage(), 1, (2, 2), (2, 1))
    strided[0, 0] = 9
    y = t.zeros(4)
    y.untyped_storage()[3] = 64
    z = t.zeros(4)
    z.untyped_storage().copy_(y.untyped_storage())
    other = z.untyped_storage().clone()
    z.untyped_storage().fill_(0)
    alias = copy.copy(x)
    alias[5] = 50
    shown = [v.tolist() for v in (x, strided, y, z, t.zeros(0).set_(other), alias)]
    return (
        shown,
        t.is_storage(other),
        strided.untyped_storage() == x.untyped_storage(),
        strided.is_set_to(x),
        x.storage().tolist(),
    )


def test_storages_as_in_pytorch() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert _storage_program(flambeau) == _storage_program(torch)
