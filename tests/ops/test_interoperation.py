"""Tensors beside Python's and NumPy's numbers: operators, conversions, constructors, storages, DLPack."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import flambeau
from tests.helpers.oracle import compare

CALLS = """
t.tensor([np.float32(1), np.float64(2)]) | t.tensor([np.int32(1)]) | t.tensor(np.float64(1)) | t.tensor([1.5, np.int32(2)])
t.tensor([t.tensor([1]), t.tensor([2])]) | t.tensor([None]) | t.tensor(2**63) | t.tensor([1, 2], dtype=float)
t.zeros(2, dtype=bool) | t.ones(2).to(int) | t.ones(3).sum(dtype=float) | np.sin(t.ones(2)) | t.ones(2) * np.ones(2)
np.add(t.ones(2), 1) | np.isnan(t.ones(2)) | np.float64(2) * t.ones(2) | t.ones(2) + np.float64(1)
int(t.ones(2)) | float(t.ones(0))
~t.tensor([1.0]) | divmod(t.tensor(7), 3) | t.tensor([3], dtype=t.uint8) ** 300 | t.tensor([1], dtype=t.uint8) == 300
t.eq(1, t.ones(1)) | t.lt(1, t.ones(1)) | t.fmod(5, t.tensor([3])) | t.copysign(1, t.ones(1)) | t.mul(2, t.ones(1))
t.ones(2).float_power_(2) | t.ones(2).double().float_power_(2) | t.tensor([True, True]).cumsum_(0)
t.tensor([100, 100], dtype=t.int8).cumsum_(0)
t.ones(2).add_(2, t.ones(2)) | t.add(t.ones(2), 2, t.ones(2)) | t.ones(2).addcmul_(0.5, t.ones(2), t.ones(2))
t.ones(2, 3)[1].untyped_storage().nbytes() | t.ones(2, 3)[1].storage().tolist() | len(t.ones(4)[::2].storage())
t.typename(t.ones(2)) | list(reversed(t.arange(3))) | reversed(t.ones(2, 3).cumsum(0))
t.from_dlpack(np.arange(3)) | np.from_dlpack(t.arange(3.0)).tolist() | t.from_dlpack(t.ones(2))
t.utils.dlpack.from_dlpack(t.ones(2)) | t.linalg.inv_ex(t.zeros(0, 0))[0] | t.cov(t.ones(1, 2))
t.ones(2, 3).t().ravel().stride()
""".replace("\n", "|").split("|")
CALLS = [call.strip() for call in CALLS if call.strip()]


def _run(t: Any, call: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(call, {"t": t, "np": np})


@pytest.mark.parametrize("call", CALLS)
def test_against_pytorch(call: str) -> None:
    try:
        expected = _run(torch, call)
    except Exception as error:
        with pytest.raises(Exception) as found:
            _run(flambeau, call)
        kinds = (IndexError, NotImplementedError, TypeError, ValueError, RuntimeError)
        kind = next(k for k in kinds if isinstance(error, k))
        assert isinstance(found.value, kind)
        first = str(error).partition("(")[0]
        assert "invalid combination" in str(error) or str(found.value)[: len(first)][:12] == first[:12]
        return
    compare(_run(flambeau, call), expected)


def test_the_old_place_of_a_number_warns() -> None:
    with pytest.warns(UserWarning, match="deprecated"):
        flambeau.ones(2).add_(2, flambeau.ones(2))


def test_storages_are_equal_where_memory_is() -> None:
    x = flambeau.zeros(4)
    assert x.untyped_storage() == x[1:].untyped_storage() != x.clone().untyped_storage()
    assert x.untyped_storage().data_ptr() == x[1:].untyped_storage().data_ptr() == x.data_ptr()
    x.storage()[1] = 5
    assert x.tolist() == [0, 5, 0, 0]


def test_storages_of_files(tmp_path: Any) -> None:
    """Bytes of a file as a storage, its parts, and tensors of these."""
    path = tmp_path / "bytes"

    def program(library: Any) -> list[Any]:
        path.write_bytes(bytes(range(16)))
        storage = library.UntypedStorage.from_file(str(path), shared=False, nbytes=16)
        part = library.asarray(storage[4:12], dtype=library.uint8)
        found = [part.tolist(), part.view(library.int16).tolist(), library.asarray(storage).tolist(), storage[-1], len(storage)]
        found += [library.asarray(storage[:8], dtype=library.float32).tolist(), len(storage.untyped())]
        storage[0] = 9
        written = library.UntypedStorage.from_file(str(path), shared=True, nbytes=20)
        written[1] = 7
        found += [len(library.UntypedStorage.from_file(str(path))), written.tolist(), path.read_bytes()]
        for wrong in (
            lambda: library.UntypedStorage.from_file(str(path), False, 40),
            lambda: library.UntypedStorage.from_file(str(path) + "s", False, 4),
            lambda: storage[::2],
            lambda: storage[16],
            lambda: library.ones(2)._typed_storage()[:1],
        ):
            with pytest.raises((RuntimeError, IndexError)) as error:
                wrong()
            found.append((type(error.value), str(error.value)))
        return found

    assert program(flambeau) == program(torch)
