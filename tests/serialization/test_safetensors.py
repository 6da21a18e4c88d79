"""safetensors beside the package of that name."""

from __future__ import annotations

import json

import pytest
import safetensors.torch as theirs
import torch

import flambeau
from flambeau.serialization import safetensors as ours

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


def example(library):
    tensors = {name: library.arange(5).to(getattr(library, name)) for name in DTYPES}
    return {**tensors, "scalar": library.tensor(2.5), "empty": library.zeros(0, 4), "ä": library.arange(6.0).reshape(2, 3)}


def same(a, b):
    assert a.keys() == b.keys()
    for key in b:
        assert (str(a[key].dtype), tuple(a[key].shape)) == (str(b[key].dtype), tuple(b[key].shape))
        assert a[key].to(flambeau.float64).tolist() == b[key].to(torch.float64).tolist()


def test_they_read_ours(tmp_path):
    ours.save_file(example(flambeau), tmp_path / "x.safetensors", {"made": "here"})
    same(example(flambeau), theirs.load_file(tmp_path / "x.safetensors"))
    assert ours.save(example(flambeau)) == theirs.save(example(torch))


def test_we_read_theirs(tmp_path):
    theirs.save_file(example(torch), tmp_path / "x.safetensors", {"made": "there"})
    same(ours.load_file(tmp_path / "x.safetensors"), example(torch))
    same(ours.load(theirs.save(example(torch))), example(torch))
    same(flambeau.load(tmp_path / "x.safetensors"), example(torch))
    with ours.safe_open(tmp_path / "x.safetensors", framework="pt") as file:
        assert file.metadata() == {"made": "there"}
        assert file.keys() == sorted(example(torch))
        assert file.get_tensor("scalar").item() == 2.5
        with pytest.raises(RuntimeError, match="nothing"):
            file.get_tensor("nothing")


def test_save_by_suffix(tmp_path):
    flambeau.save({"x": flambeau.arange(6.0).reshape(2, 3).t()}, tmp_path / "x.safetensors")
    assert theirs.load_file(tmp_path / "x.safetensors")["x"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_what_cannot_be_saved(tmp_path):
    for bad in ([1], {"x": 1}, {1: flambeau.ones(2)}):
        with pytest.raises(ValueError):
            ours.save_file(bad, tmp_path / "x.safetensors")
    assert list(tmp_path.iterdir()) == []


def file_with(tmp_path, header, data=b"\0" * 8):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    (tmp_path / "bad.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    return tmp_path / "bad.safetensors"


def entry(**changes):
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}


@pytest.mark.parametrize(
    "header",
    [
        {"x": entry(dtype="F7")},
        {"x": entry(shape=[3])},
        {"x": entry(shape=[-2])},
        {"x": entry(shape="2")},
        {"x": entry(dtype=["F32"])},
        {"x": entry(shape=[2**63, 0])},
        {"x": entry(shape=[3] * 1_000_000)},
        {"x": entry(data_offsets=[0, 4], shape=[1])},
        {"x": entry(data_offsets=[4, 12])},
        {"x": entry(data_offsets=[0, 16], shape=[4])},
        {"x": entry(), "y": entry()},
        {"x": {}},
        [1],
        b"not json",
        b'{"x": 1, "x": 2}',
    ],
)
def test_damaged_headers(tmp_path, header):
    with pytest.raises(RuntimeError, match="not safetensors"):
        flambeau.load(file_with(tmp_path, header))


def test_truncated_files(tmp_path):
    whole = ours.save(example(flambeau))
    for end in range(1, len(whole), 13):
        path = tmp_path / "x.safetensors"
        path.write_bytes(whole[:end])
        with pytest.raises(RuntimeError, match="not safetensors"):
            flambeau.load(path)
