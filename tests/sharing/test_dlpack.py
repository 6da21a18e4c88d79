"""DLPack in both directions: memory is shared, lives as long as anyone needs it, and errors are PyTorch's."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import numpy as np
import pytest
import torch

import flambeau

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64"]


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2), (500, 400)])
def test_pytorch_and_flambeau_share(name: str, shape: tuple[int, ...]) -> None:
    mine = flambeau.zeros(shape, dtype=getattr(flambeau, name))
    theirs = torch.from_dlpack(mine)
    assert str(theirs.dtype) == str(mine.dtype) and theirs.shape == shape
    theirs.fill_(1)
    assert mine.numel() == 0 or (theirs.data_ptr() == mine.data_ptr() and (mine == 1).all())
    mine.zero_()
    assert not theirs.any()

    theirs = (
        torch.zeros(shape, dtype=getattr(torch, name)).mT if len(shape) == 2 else torch.zeros(shape, dtype=getattr(torch, name))
    )
    mine = flambeau.from_dlpack(theirs)
    assert str(theirs.dtype) == str(mine.dtype) and (mine.shape, mine.stride()) == (theirs.shape, theirs.stride())
    theirs.fill_(1)
    assert mine.numel() == 0 or (theirs.data_ptr() == mine.data_ptr() and (mine == 1).all())
    mine.zero_()
    assert not theirs.any()


def test_numpy_shares() -> None:
    t = flambeau.arange(6.0).reshape(2, 3)
    a = np.from_dlpack(t.t())
    a[0, 1] = 9
    assert t[1, 0].item() == 9 and a.strides == (4, 12)
    b = np.arange(4)
    u = flambeau.from_dlpack(b[1::2])
    u[0] = 7
    assert b.tolist() == [0, 7, 2, 3] and u.stride() == (2,)
    assert flambeau.from_dlpack(t).data_ptr() == t.data_ptr() and flambeau.from_dlpack(t) is not t


def test_memory_outlives_its_maker() -> None:
    """Neither side's memory is freed, or given to anything else, while the other may use it."""
    for size in (10, 300_000):
        theirs = torch.from_dlpack(flambeau.full((size,), 3.0) * 2)
        mine = flambeau.from_dlpack(torch.full((size,), 5.0))
        view = mine[1:]
        del mine
        for _ in range(5):
            gc.collect()
            kept = [flambeau.full((size,), 9.0) + k for k in range(3)] + [torch.full((size,), 8.0)]
            [k.sum().item() for k in kept]
        assert (theirs == 6).all() and (view == 5).all()


class _Producer:
    """An array of another library, of an age that knows only some arguments; counts how often its memory was given back."""

    def __init__(self, array: Any, known: tuple[str, ...]) -> None:
        self.array, self.known = array, known

    def __dlpack__(self, **arguments: Any) -> Any:
        if set(arguments) - set(self.known):
            raise TypeError("unexpected keyword argument")
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


@pytest.mark.parametrize("known", [(), ("max_version",), ("max_version", "copy")])
def test_older_producers(known: tuple[str, ...]) -> None:
    a = torch.arange(3.0)
    assert flambeau.from_dlpack(_Producer(a, known)).data_ptr() == a.data_ptr()
    assert flambeau.from_dlpack(_Producer(a, known), copy=True).data_ptr() != a.data_ptr()
    assert flambeau.as_tensor(_Producer(a, known)).tolist() == [0, 1, 2]


def test_capsules_are_read_once_and_freed() -> None:
    capsule = flambeau.ones(2).__dlpack__(max_version=(1, 0))
    assert "dltensor_versioned" in repr(capsule) and "dltensor" in repr(flambeau.utils.dlpack.to_dlpack(flambeau.ones(2)))
    t = flambeau.from_dlpack(capsule)
    with pytest.raises(RuntimeError, match="invalid capsule"):
        flambeau.from_dlpack(capsule)
    assert t.tolist() == [1, 1]
    del capsule
    gc.collect()
    assert t.tolist() == [1, 1]
    from flambeau import devices

    stats: Any = devices.backend("cpu")
    before = stats.memory_stats()["live_bytes"]
    for _ in range(50):
        flambeau.from_dlpack(flambeau.ones(100_000).add_(1).__dlpack__())
        flambeau.ones(100_000).add_(1).__dlpack__()
    gc.collect()
    assert stats.memory_stats()["live_bytes"] < before + 10_000_000


CALLS = """
np.from_dlpack(t.ones(2, requires_grad=True)) | t.ones(2).__dlpack__(stream=1)
t.ones(2).__dlpack__(stream="a") | t.from_dlpack(3)
t.from_dlpack(np.ones(2), copy=False).tolist() | t.from_dlpack(np.ones(2), device="cpu").tolist() | t.ones(2).__dlpack_device__()
t.from_dlpack(t.ones(2).__dlpack__()).tolist() | t.from_dlpack(t.ones(2).__dlpack__(), copy=True)
np.from_dlpack(t.ones(2)).flags.writeable
np.from_dlpack(t.ones(2, dtype=t.complex64).conj()) | t.from_dlpack(np.array(3.0)).tolist() | list(t.utils.dlpack.DLDeviceType)[0]
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("call", [call.strip() for call in CALLS if call.strip()])
def test_as_in_pytorch(call: str) -> None:
    def run(t: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return eval(call, {"t": t, "np": np})
            except Exception as error:
                return error

    expected, found = run(torch), run(flambeau)
    if isinstance(expected, Exception):
        assert type(found) is type(expected) and str(found)[:24] == str(expected)[:24]
    else:
        assert found == expected
