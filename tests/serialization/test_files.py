"""Files beside PyTorch's: each reads what the other wrote; damaged and hostile files are refused."""

from __future__ import annotations

import functools
import io
import os
import pickle
import random
import subprocess
import sys
import tracemalloc
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch

import flambeau

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


def example(library):
    base = library.arange(24, dtype=library.float32).reshape(4, 6)
    return {
        "dtypes": {name: library.arange(5).to(getattr(library, name)) for name in DTYPES},
        "views": [base, base[1:3], base.t(), base[:, ::2], base[2]],
        "ordered": OrderedDict([("z", base[0] + 1), ("a", library.tensor(3.5))]),
        "empty": library.zeros(0, 3),
        "grad": library.ones(2).requires_grad_(),
        "parameter": library.nn.Parameter(library.ones(2, 2)),
        "frozen": library.nn.Parameter(library.ones(2), requires_grad=False),
        "plain": (1, -(2**40), 2.5, True, None, "text ä", b"bytes\xff", {1, 2}, complex(1, 2), bytearray(b"xy")),
        "size": base.shape,
        "dtype": library.float16,
        "counter": Counter({3: 2}),
        "deep": [[[{"x": [base[0, 0]]}]]],
    }


def same(ours, theirs):
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, flambeau.Tensor)
        assert (str(ours.dtype), tuple(ours.shape), ours.requires_grad) == (
            str(theirs.dtype),
            tuple(theirs.shape),
            theirs.requires_grad,
        )
        assert ours.stride() == theirs.stride()
        assert ours.to(flambeau.float64).tolist() == theirs.to(torch.float64).tolist()
        assert isinstance(ours, flambeau.nn.Parameter) == isinstance(theirs, torch.nn.Parameter)
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs) and list(ours) == list(theirs)
        for key in theirs:
            same(ours[key], theirs[key])
    elif isinstance(theirs, torch.Size):
        assert type(ours).__name__ == "Size" and tuple(ours) == tuple(theirs)
    elif isinstance(theirs, (list, tuple)):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            same(a, b)
    elif isinstance(theirs, torch.dtype):
        assert repr(ours) == repr(theirs)
    else:
        assert type(ours) is type(theirs) and ours == theirs


def test_pytorch_reads_ours(tmp_path):
    flambeau.save(example(flambeau), tmp_path / "x.pth")
    same(example(flambeau), torch.load(tmp_path / "x.pth", weights_only=True))
    same(example(flambeau), torch.load(tmp_path / "x.pth", mmap=True))


def test_we_read_pytorchs(tmp_path):
    torch.save(example(torch), tmp_path / "x.pth")
    same(flambeau.load(tmp_path / "x.pth"), example(torch))


def test_we_read_pytorchs_old_format(tmp_path):
    torch.save(example(torch), tmp_path / "x.pth", _use_new_zipfile_serialization=False)
    same(flambeau.load(tmp_path / "x.pth"), example(torch))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_protocols(tmp_path, protocol):
    torch.save(example(torch), tmp_path / "x.pth", pickle_protocol=protocol)
    same(flambeau.load(tmp_path / "x.pth"), example(torch))
    flambeau.save(example(flambeau), tmp_path / "y.pth", pickle_protocol=protocol)
    same(flambeau.load(tmp_path / "y.pth"), example(torch))


def test_open_files():
    file = io.BytesIO()
    flambeau.save(example(flambeau), file)
    same(example(flambeau), torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    file.seek(0)
    same(flambeau.load(file), example(torch))


def test_big_endian(tmp_path):
    torch.save(example(torch), tmp_path / "x.pth")
    with zipfile.ZipFile(tmp_path / "x.pth") as archive, zipfile.ZipFile(tmp_path / "y.pth", "w") as swapped:
        for entry in archive.namelist():
            data = archive.read(entry)
            if entry.endswith("byteorder"):
                data = b"big"
            swapped.writestr(entry, data)
    (value,) = flambeau.load(tmp_path / "y.pth")["plain"][:1]
    assert value == 1
    one = flambeau.load(tmp_path / "y.pth")["dtypes"]["int32"]
    assert one.tolist() == [0, 1 << 24, 2 << 24, 3 << 24, 4 << 24]


def test_shared_memory_stays_shared(tmp_path):
    x = flambeau.zeros(4, 3)
    flambeau.save({"whole": x, "row": x[1], "again": x}, tmp_path / "x.pth")
    found = flambeau.load(tmp_path / "x.pth")
    found["row"].fill_(7)
    assert found["whole"][1].tolist() == [7, 7, 7]
    assert found["again"] is found["whole"]
    theirs = torch.load(tmp_path / "x.pth")
    theirs["row"].fill_(7)
    assert theirs["whole"][1].tolist() == [7, 7, 7]


def test_loaded_tensors_are_leaves_that_can_train(tmp_path):
    flambeau.save(flambeau.ones(2, 2).t().requires_grad_(), tmp_path / "x.pth")
    x = flambeau.load(tmp_path / "x.pth")
    assert x.is_leaf and x.requires_grad
    (x * x).sum().backward()
    assert x.grad.tolist() == [[2, 2], [2, 2]]
    with flambeau.no_grad():
        x.add_(1)
    assert x.tolist() == [[2, 2], [2, 2]]


def test_state_dict_of_a_module_with_metadata(tmp_path):
    ours, theirs = flambeau.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    flambeau.save(ours.state_dict(), tmp_path / "x.pth")
    found = torch.load(tmp_path / "x.pth", weights_only=True)
    assert found._metadata == theirs.state_dict()._metadata
    assert theirs.load_state_dict(found).missing_keys == []
    torch.save(theirs.state_dict(), tmp_path / "y.pth")
    assert ours.load_state_dict(flambeau.load(tmp_path / "y.pth")).missing_keys == []


def test_training_state(tmp_path):
    def train(library):
        model = library.nn.Linear(3, 2)
        optimizer = library.optim.AdamW(model.parameters(), lr=0.1)
        scheduler = library.optim.lr_scheduler.MultiStepLR(optimizer, [2, 3])
        for _ in range(3):
            optimizer.zero_grad()
            model(library.ones(4, 3)).sum().backward()
            optimizer.step()
            scheduler.step()
        return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(), "epoch": 3}

    flambeau.save(train(flambeau), tmp_path / "x.pth")
    theirs = torch.load(tmp_path / "x.pth", weights_only=True)
    assert theirs["optimizer"]["state"][0]["step"] == 3 and theirs["scheduler"]["milestones"] == Counter([2, 3])
    steps = [s["step"] for s in theirs["optimizer"]["state"].values()]
    assert steps[0].data_ptr() != steps[1].data_ptr()
    torch.save(train(torch), tmp_path / "y.pth")
    ours = flambeau.load(tmp_path / "y.pth")
    model = flambeau.nn.Linear(3, 2)
    model.load_state_dict(ours["model"])
    optimizer = flambeau.optim.AdamW(model.parameters(), lr=0.1)
    optimizer.load_state_dict(ours["optimizer"])
    assert optimizer.param_groups[0]["lr"] == ours["optimizer"]["param_groups"][0]["lr"]


# What is refused


class Evil:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def archive_of(data, tmp_path):
    path = tmp_path / "evil.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("evil/data.pkl", data)
        archive.writestr("evil/version", "3\n")
    return path


@pytest.mark.parametrize(
    "obj, name",
    [
        (Evil(os.system, ("touch {path}",)), "posix.system"),
        (Evil(eval, ("open('{path}', 'w')",)), "eval"),
        (Evil(getattr, (1, "x")), "getattr"),
        (Evil(pickle.loads, (b"x",)), "loads"),
    ],
)
def test_nothing_runs(tmp_path, obj, name):
    marker = tmp_path / "ran"
    obj.call = (obj.call[0], tuple(a.format(path=marker) if isinstance(a, str) else a for a in obj.call[1]))
    for data in (pickle.dumps(obj), pickle.dumps({"a": [obj]}, protocol=4)):
        with pytest.raises(pickle.UnpicklingError, match=name):
            flambeau.load(archive_of(data, tmp_path))
    torch.save({"x": obj}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    with pytest.raises(pickle.UnpicklingError, match=name):
        flambeau.load(tmp_path / "old.pth")
    assert not marker.exists()


def test_a_pickle_cannot_change_what_it_names(tmp_path):
    for attack in (
        b"ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00xK\x01sb.",  # BUILD with a dict
        b"ctorch._utils\n_rebuild_tensor_v2\nN}X\x0c\x00\x00\x00__defaults__K\x01s\x86b.",  # BUILD with slots
        b"ctorch\nFloatStorage\n}X\x05\x00\x00\x00dtypeK\x01sb.",
        b"ctorch\nfloat32\n}X\x08\x00\x00\x00itemsizeK\x01sb.",
        b"ctorch\nfloat32\nN}X\x08\x00\x00\x00itemsizeK\x01s\x86b.",
    ):
        with pytest.raises(pickle.UnpicklingError):
            flambeau.load(archive_of(attack, tmp_path))
    assert flambeau.float32.itemsize == 4


def test_tensors_stay_within_their_storage(tmp_path):
    torch.save(torch.arange(4.0), tmp_path / "x.pth")
    with zipfile.ZipFile(tmp_path / "x.pth") as archive:
        parts = {entry: archive.read(entry) for entry in archive.namelist()}
    for entry in parts:
        if entry.endswith("data.pkl"):
            parts[entry] = parts[entry].replace(b"K\x04\x85", b"K\x09\x85")
    with zipfile.ZipFile(tmp_path / "y.pth", "w") as archive:
        for entry, data in parts.items():
            archive.writestr(entry, data)
    with pytest.raises(pickle.UnpicklingError, match="element 8 of a storage of 4"):
        flambeau.load(tmp_path / "y.pth")


class Point:
    def __init__(self, x):
        self.x = x


def test_trusted_classes(tmp_path):
    torch.save({"p": Point(3)}, tmp_path / "x.pth")
    with pytest.raises(pickle.UnpicklingError, match="Point"):
        flambeau.load(tmp_path / "x.pth")
    with flambeau.serialization.safe_globals([Point]):
        assert flambeau.load(tmp_path / "x.pth")["p"].x == 3
    with pytest.raises(pickle.UnpicklingError, match="Point"):
        flambeau.load(tmp_path / "x.pth")


class Classifier(flambeau.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = flambeau.nn.Sequential(flambeau.nn.Linear(3, 4), flambeau.nn.BatchNorm1d(4), flambeau.nn.ReLU())
        self.head = flambeau.nn.Linear(4, 3)
        self.tied = self.body[0].weight
        self.names, self.mean = ["a", "b", "c"], np.arange(3.0)

    def forward(self, x):
        return self.head(self.body(x)) @ self.tied.T


def test_whole_objects(tmp_path):
    """A module, an optimizer and a schedule of it, as programs save them that say `torch.save(model)`."""
    model = Classifier()
    optimizer = flambeau.optim.Adam(model.parameters())
    schedule = flambeau.optim.lr_scheduler.StepLR(optimizer, 2)
    x = flambeau.randn(5, 3)
    for _ in range(2):
        model(x).sum().backward()
        optimizer.step()
        schedule.step()
    flambeau.save({"model": model, "optimizer": optimizer, "schedule": schedule, "best": np.float64(0.5)}, tmp_path / "x.pt")
    with pytest.raises(pickle.UnpicklingError, match="weights_only=False"):
        flambeau.load(tmp_path / "x.pt")
    found = flambeau.load(tmp_path / "x.pt", weights_only=False)
    again = found["model"]
    assert type(again) is Classifier and again.tied is again.body[0].weight and again.names == model.names
    assert list(found["optimizer"].param_groups[0]["params"]) == list(again.parameters()) and found["best"] == 0.5
    assert found["schedule"].get_last_lr() == schedule.get_last_lr() and found["schedule"].optimizer is found["optimizer"]
    np.testing.assert_array_equal(again.eval()(x).detach().numpy(), model.eval()(x).detach().numpy())
    for m, o in ((model, optimizer), (again, found["optimizer"])):
        o.zero_grad()
        m(x).pow(2).sum().backward()
        o.step()
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_numbers_where_numpy_is_older(tmp_path, monkeypatch):
    """NumPy 1 has the modules that NumPy 2's pickles name under another name."""
    flambeau.save({"best": np.float64(0.5), "all": np.arange(3)}, tmp_path / "x.pt")
    for name in ("numpy._core.multiarray", "numpy._core.numeric"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "numpy.core.multiarray", np._core.multiarray)
    monkeypatch.setitem(sys.modules, "numpy.core.numeric", np._core.numeric)
    found = flambeau.load(tmp_path / "x.pt", weights_only=False)
    assert found["best"] == 0.5 and found["all"].tolist() == [0, 1, 2]


def test_whole_modules_of_pytorch(tmp_path):
    """Their classes are ours by the same names."""
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3, padding=1), torch.nn.BatchNorm2d(3), torch.nn.Flatten(), torch.nn.GELU()
    )
    x = np.random.RandomState(0).randn(2, 2, 4, 4).astype("float32")
    want = theirs(torch.from_numpy(x)).detach()
    torch.save(theirs.eval(), tmp_path / "x.pt")
    ours = flambeau.load(tmp_path / "x.pt", weights_only=False)
    assert type(ours[0]) is flambeau.nn.Conv2d
    got = ours.train()(flambeau.from_numpy(x))
    np.testing.assert_allclose(got.detach().numpy(), want.numpy(), rtol=1e-4, atol=1e-5)


def test_saving_what_cannot_be_pickled(tmp_path):
    for obj in (lambda: 1, {"x": [lambda: 1]}):
        with pytest.raises((pickle.PicklingError, AttributeError)):
            flambeau.save(obj, tmp_path / "x.pth")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_old_file(tmp_path):
    flambeau.save({"x": 1}, tmp_path / "x.pth")
    with pytest.raises((pickle.PicklingError, AttributeError)):
        flambeau.save({"x": lambda: 1}, tmp_path / "x.pth")
    assert flambeau.load(tmp_path / "x.pth") == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.pth"]


@pytest.mark.parametrize("old", [False, True])
def test_truncated_and_damaged_files(tmp_path, old):
    torch.save({"x": torch.arange(1000.0), "y": torch.ones(3)}, tmp_path / "x.pth", _use_new_zipfile_serialization=not old)
    whole = (tmp_path / "x.pth").read_bytes()
    for end in [*range(0, len(whole), 97), len(whole) - 1]:
        (tmp_path / "y.pth").write_bytes(whole[:end])
        with pytest.raises((RuntimeError, EOFError, pickle.UnpicklingError)) as caught:
            flambeau.load(tmp_path / "y.pth")
        assert "y.pth" in str(caught.value)
    if not old:  # every byte of a zip's data is under a checksum
        middle = whole.index(torch.arange(1000.0).numpy().tobytes()) + 1234
        (tmp_path / "y.pth").write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        with pytest.raises(RuntimeError, match="damaged"):
            flambeau.load(tmp_path / "y.pth")


def test_other_files(tmp_path):
    (tmp_path / "x.pth").write_text("hello, this is text")
    with pytest.raises(RuntimeError, match="neither"):
        flambeau.load(tmp_path / "x.pth")
    (tmp_path / "y.pth").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(RuntimeError, match="none that torch"):
        flambeau.load(tmp_path / "y.pth")
    with zipfile.ZipFile(tmp_path / "z.pth", "w") as archive:
        archive.writestr("readme", "x")
    with pytest.raises(RuntimeError, match=r"no data\.pkl"):
        flambeau.load(tmp_path / "z.pth")
    with pytest.raises(FileNotFoundError):
        flambeau.load(tmp_path / "none.pth")
    with pytest.raises(RuntimeError, match="does not exist"):
        flambeau.save({}, tmp_path / "none" / "x.pth")


def test_map_location(tmp_path):
    flambeau.save({"x": flambeau.ones(2, device="reference"), "y": flambeau.zeros(2)}, tmp_path / "x.pth")
    assert torch.load(tmp_path / "x.pth", weights_only=True)["x"].tolist() == [1, 1]

    def devices(**options):
        found = flambeau.load(tmp_path / "x.pth", **options)
        return found["x"].device.type, found["y"].device.type

    assert devices() == ("reference", "cpu")
    assert devices(map_location="cpu") == ("cpu", "cpu")
    assert devices(map_location=flambeau.device("reference")) == ("reference", "reference")
    assert devices(map_location={"cpu": "reference"}) == ("reference", "reference")
    assert devices(map_location=lambda storage, location: storage) == ("cpu", "cpu")
    assert devices(map_location=lambda storage, location: None) == ("reference", "cpu")


def test_a_missing_device_says_what_to_do(tmp_path):
    torch.save(torch.ones(2), tmp_path / "x.pth")
    data = (tmp_path / "x.pth").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(tmp_path / "y.pth", "w") as other:
        for entry in archive.namelist():
            content = archive.read(entry)
            if entry.endswith("data.pkl"):
                content = content.replace(b"\x03\x00\x00\x00cpu", b"\x06\x00\x00\x00cuda:0")
            other.writestr(entry, content)
    with pytest.raises(RuntimeError, match="map_location"):
        flambeau.load(tmp_path / "y.pth")
    assert flambeau.load(tmp_path / "y.pth", map_location="cpu").tolist() == [1, 1]


def test_a_small_file_takes_little_memory(tmp_path):
    for attack in (
        b"\x80\x02c__builtin__\nbytearray\n\x8a\x05\x00\x00\x00\x00\x7f\x85R.",  # bytearray(size)
        b"\x80\x05\x96\x00\x00\x00\x00\x7f\x00\x00\x00.",  # BYTEARRAY8 of that size
        b"\x80\x05\x8e\x00\x00\x00\x00\x7f\x00\x00\x00.",  # BINBYTES8
    ):
        with pytest.raises((pickle.UnpicklingError, RuntimeError)):
            flambeau.load(archive_of(attack, tmp_path))


def test_damaged_parts(tmp_path):
    """Parts of a zip that are whole, by their checksums, and not what they should be."""
    torch.save({"x": torch.arange(6.0)}, tmp_path / "x.pth")
    with zipfile.ZipFile(tmp_path / "x.pth") as archive:
        parts = {entry.partition("/")[2]: archive.read(entry) for entry in archive.namelist()}
    for entry, content in (
        ("byteorder", b"\xe9\xff"),
        ("byteorder", b"middle"),
        ("flambeau_locations", b"\xff"),
        ("flambeau_locations", b"0 nowhere:3"),
        ("data/0", b""),
        ("data.pkl", b""),
    ):
        with zipfile.ZipFile(tmp_path / "y.pth", "w") as archive:
            for name, data in {**parts, entry: content}.items():
                archive.writestr(f"x/{name}", data)
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            flambeau.load(tmp_path / "y.pth")


def test_a_part_that_unpacks_to_much_is_not_unpacked(tmp_path):
    torch.save({"x": torch.arange(6.0)}, tmp_path / "x.pth")
    with (
        zipfile.ZipFile(tmp_path / "x.pth") as archive,
        zipfile.ZipFile(tmp_path / "y.pth", "w", zipfile.ZIP_DEFLATED) as large,
    ):
        for entry in archive.namelist():
            large.writestr(entry, bytes(50_000_000) if entry.endswith("data/0") else archive.read(entry))
    tracemalloc.start()
    try:
        with pytest.raises(RuntimeError, match="50000000 bytes, but 6 elements"):
            flambeau.load(tmp_path / "y.pth")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_an_old_file_with_a_size_beyond_all_memory(tmp_path):
    torch.save(torch.arange(6.0), tmp_path / "x.pth", _use_new_zipfile_serialization=False)
    whole = (tmp_path / "x.pth").read_bytes()
    (tmp_path / "y.pth").write_bytes(whole[:-32] + b"\xff" * 7 + b"\x7f" + whole[-24:])
    with pytest.raises(RuntimeError, match="truncated or damaged"):
        flambeau.load(tmp_path / "y.pth")


@pytest.mark.parametrize("old", [False, True])
def test_damaged_pickles_are_errors(tmp_path, old):
    """Any byte of the pickle may be any other: an error, or a value, but nothing else happens."""
    torch.save({"x": torch.arange(6.0).reshape(2, 3), "y": [1, "two", torch.ones(1, dtype=torch.int8)]}, tmp_path / "x.pth",
               _use_new_zipfile_serialization=not old)  # fmt: skip
    rng = random.Random(0)
    if old:
        whole = (tmp_path / "x.pth").read_bytes()
    else:
        with zipfile.ZipFile(tmp_path / "x.pth") as archive:
            parts = {entry: archive.read(entry) for entry in archive.namelist()}
        pickled = next(entry for entry in parts if entry.endswith("data.pkl"))
        whole = parts[pickled]
    errors = 0
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(whole))] = rng.randrange(256)
        file = io.BytesIO()
        if old:
            file.write(damaged)
        else:
            with zipfile.ZipFile(file, "w") as archive:
                for entry, data in parts.items():
                    archive.writestr(entry, bytes(damaged) if entry == pickled else data)
        file.seek(0)
        try:
            flambeau.load(file)
        except (pickle.UnpicklingError, RuntimeError, EOFError):
            errors += 1
    assert errors > 100


ATTACKS = {
    "system": lambda path: (os.system, (f"touch {path}",)),
    "popen": lambda path: (subprocess.Popen, (["touch", str(path)],)),
    "exec": lambda path: (exec, (f"open({str(path)!r}, 'w')",)),
    "open": lambda path: (open, (str(path), "w")),
    "file": lambda path: (io.FileIO, (str(path), "w")),
    "map": lambda path: (list, (map(os.system, [f"touch {path}"]),)),
    "partial": lambda path: (functools.partial, (os.system, f"touch {path}")),
    "a function of a library": lambda path: (np.save, (str(path), np.ones(2))),
    "a function of ours": lambda path: (flambeau.save, ({}, str(path))),
    "a class's constructor": lambda path: (flambeau.nn.Linear, (2, 3)),
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_file_calls_nothing(tmp_path, attack, protocol):
    """Not with `weights_only=False` either: it adds classes, not calls."""

    class Attack:
        def __reduce__(self):
            return ATTACKS[attack](tmp_path / "made")

    flambeau.save({"x": flambeau.ones(2)}, tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    (data,) = [name for name in records if name.endswith("data.pkl")]
    records[data] = pickle.dumps({"x": Attack()}, protocol)
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        for name, content in records.items():
            archive.writestr(name, content)
    for weights_only in (True, False):
        with pytest.raises(pickle.UnpicklingError):
            flambeau.load(tmp_path / "x.pt", weights_only=weights_only)
    assert not (tmp_path / "made").exists()
