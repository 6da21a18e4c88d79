"""`save` and `load`: PyTorch's zip files (and the older form, reading only), and safetensors by their suffix.

May import: tensor, device, serialization.*.
"""

from __future__ import annotations

import io
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from flambeau.device import as_device_name
from flambeau.serialization import pickles, safetensors
from flambeau.serialization.storages import LoadedStorage, StorageType, storage_bytes
from flambeau.tensor import Tensor

__all__ = ["load", "save", "replacing"]

_ALIGNMENT = 64
_LOCATIONS = "flambeau_locations"
"""A record that PyTorch ignores: for each storage that wasn't on the CPU, its key and its device."""


def _display(f: Any) -> str:
    return os.fspath(f) if isinstance(f, (str, os.PathLike)) else getattr(f, "name", None) or "the file"


# Writing


@contextmanager
def replacing(path: Any) -> Iterator[Any]:
    """A temporary file beside `path` that takes its place at the end, or disappears after an error."""
    path = os.fspath(path)
    directory = os.path.dirname(path) or "."
    if not os.path.isdir(directory):
        raise RuntimeError(f"Parent directory {directory} does not exist.")
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a directory")
    temporary = os.path.join(directory, f".{os.path.basename(path)}.{os.urandom(8).hex()}.tmp")
    try:  # which knows the name before there is a file: exceptions of signals' handlers come at any time
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Writes tensors and containers of them (state_dicts, for one) to `f`, a path or a file open for writing.

    Tensors that share memory do so after loading too. Other objects (whole modules, arrays) are written as pickle does; then
    `load` reads the file with `weights_only=False` only. A path ending in ".safetensors" gets that format, for a dict of names
    and tensors. A file appears only once it is whole. `pickle_module` is PyTorch's argument, and unused. Raises PicklingError
    or AttributeError for what pickle can't write.

    >>> import io
    >>> file = io.BytesIO()
    >>> torch.save(nn.Linear(2, 1).state_dict(), file)
    >>> file.seek(0)
    0
    >>> {name: tuple(tensor.shape) for name, tensor in torch.load(file).items()}
    {'weight': (1, 2), 'bias': (1,)}
    """
    if not isinstance(f, (str, os.PathLike)):
        _check_writable(f)
        data = io.BytesIO()
        _write_zip(obj, data, "archive", pickle_protocol)
        f.write(data.getvalue())
        return
    if os.fspath(f).endswith(".safetensors"):
        safetensors.save_file(obj, f)
        return
    stem = os.path.splitext(os.path.basename(os.fspath(f)))[0] or "archive"
    with replacing(f) as file:
        _write_zip(obj, file, stem, pickle_protocol)


def _check_writable(f: Any) -> None:
    if not hasattr(f, "write"):
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, got {type(f).__name__}"
        )


def _write_zip(obj: Any, file: Any, archive: str, protocol: int) -> None:
    keys: dict[int, str] = {}
    tensors: list[Tensor] = []

    def store(tensor: Tensor) -> tuple[str, int]:
        storage = tensor._storage
        if id(storage) not in keys:
            keys[id(storage)] = str(len(tensors))
            tensors.append(tensor)  # keeps the storage, and so its id, alive
        return keys[id(storage)], storage.size

    data = pickles.write(obj, protocol, store)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive_file:

        def put(name: str, content: Any) -> None:
            info = zipfile.ZipInfo(f"{archive}/{name}")
            header = file.tell() + 30 + len(info.filename.encode()) + 4
            padding = -header % _ALIGNMENT
            info.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
            archive_file.writestr(info, content)

        put("data.pkl", data)
        put(".format_version", "1")
        put(".storage_alignment", str(_ALIGNMENT))
        put("byteorder", sys.byteorder)
        for key, tensor in enumerate(tensors):
            put(f"data/{key}", storage_bytes(tensor))
        elsewhere = [f"{k} {t._storage.device}" for k, t in enumerate(tensors) if t._storage.device != "cpu"]
        if elsewhere:
            put(_LOCATIONS, "\n".join(elsewhere))
        put("version", "3\n")
        put(".data/serialization_id", "0" * 40)


# Reading


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Reads what `save`, PyTorch's `torch.save` or safetensors wrote from `f`, a path or a file open for reading.

    `map_location` says where tensors go: a device, a dict of saved locations and devices, or a function of (storage, location);
    without it they go where they were. Nothing in the file is run: names outside of a short list are refused (see
    `add_safe_globals`), or, with `weights_only=False`, of the classes that the program has imported:
    whole modules and optimizers, NumPy's arrays. Their objects are made without calling anything of the file's choosing.
    `mmap` and `pickle_module` are PyTorch's arguments, and unused.

    Raises UnpicklingError for a name that isn't allowed, RuntimeError for a truncated or damaged file.
    """
    name = _display(f)
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return _load(file, name, map_location, weights_only is False, pickle_load_args)
    if not hasattr(f, "read"):
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with a 'read' attribute, got {type(f).__name__}"
        )
    if not hasattr(f, "seek") or not f.seekable():
        f = io.BytesIO(f.read())
    return _load(f, name, map_location, weights_only is False, pickle_load_args)


def _load(file: Any, name: str, map_location: Any, with_objects: bool, options: dict[str, Any]) -> Any:
    encoding = options.pop("encoding", "utf-8")
    if options:
        raise TypeError(f"load() got an unexpected keyword argument '{next(iter(options))}'")
    begin = file.tell()
    head = file.read(9)
    file.seek(begin)
    if not head:
        raise EOFError(f"{name} is empty")
    if head[:4] == b"PK\x03\x04" or head[:4] == b"PK\x05\x06":
        return _load_zip(file, name, map_location, encoding, with_objects)
    if name.endswith(".safetensors") or head[8:9] == b"{":
        return safetensors.read(file, name, map_location if map_location is not None else "cpu")
    if head[:1] == b"\x80":
        return _load_legacy(file, name, map_location, encoding, with_objects)
    raise RuntimeError(f"{name} is neither a file that torch.save wrote nor safetensors: it begins with {head!r}")


def _place(map_location: Any) -> Callable[[LoadedStorage, str], str]:
    """A function of a storage and where it was to the device where it goes."""

    def checked(where: Any) -> str:
        try:
            return as_device_name(where)
        except (RuntimeError, AssertionError) as error:
            raise RuntimeError(
                f"a tensor should go to {str(where)!r}, which isn't here ({error}): use load(…, map_location='cpu') "
                "to put all tensors on the CPU"
            ) from None

    def place(storage: LoadedStorage, location: str) -> str:
        if map_location is None:
            return checked(location)
        if isinstance(map_location, dict):
            target = map_location.get(location)
            return checked(location if target is None else target)
        if callable(map_location) and not isinstance(map_location, type):
            storage.device = "cpu"
            result = map_location(storage, location)
            return checked(location if result is None else result.device)
        return checked(map_location)

    return place


def _described(identity: Any) -> tuple[StorageType, str, str, int]:
    """A storage's description in a pickle, checked: its type, key, location and number of elements."""
    if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
        raise TypeError(f"unknown kind of reference {identity!r}")
    _, kind, key, location, count = identity[:5]
    if not isinstance(kind, StorageType) or not isinstance(key, str) or not isinstance(count, int) or count < 0:
        raise TypeError(f"unknown kind of storage {identity!r}")
    return kind, key, str(location), count


def _swapped(data: bytes, itemsize: int) -> bytes:
    """The bytes of each element in reverse."""
    out = bytearray(len(data))
    for i in range(itemsize):
        out[i::itemsize] = data[itemsize - 1 - i :: itemsize]
    return bytes(out)


def _load_zip(file: Any, name: str, map_location: Any, encoding: str, with_objects: bool) -> Any:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise RuntimeError(f"{name}: the file is truncated or damaged ({error})") from None
    with archive:
        pickled = [entry for entry in archive.namelist() if entry.endswith("/data.pkl") and entry.count("/") == 1]
        if len(pickled) != 1:
            if any(entry.endswith("/constants.pkl") for entry in archive.namelist()):
                raise RuntimeError(f"{name} is a TorchScript archive: only state_dicts and other data can be loaded")
            raise RuntimeError(f"{name} is a zip file, but none that torch.save wrote: it has no data.pkl")
        prefix = pickled[0][: -len("data.pkl")]

        def damaged(entry: str, why: object) -> RuntimeError:
            return RuntimeError(f"{name}: the part {entry} is truncated or damaged ({why})")

        def record(entry: str, size: Callable[[int], None] | None = None) -> bytes:
            """A part's bytes. `size` is told how many there are before they are read, and may refuse them."""
            try:
                found = archive.getinfo(prefix + entry)
            except KeyError:
                raise RuntimeError(f"{name}: the file lacks its part {entry}") from None
            if size is not None:
                size(found.file_size)
            try:
                return archive.read(found)
            except (zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError, OverflowError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
                raise damaged(entry, error) from None
            except MemoryError:
                raise damaged(entry, f"it is said to have {found.file_size} bytes, more than there is memory") from None

        def text(entry: str) -> str:
            data = record(entry)
            try:
                return data.decode()
            except UnicodeDecodeError as error:
                raise damaged(entry, error) from None

        names = set(archive.namelist())
        order = text("byteorder").strip() if prefix + "byteorder" in names else "little"
        if order not in ("little", "big"):
            raise RuntimeError(f"{name}: unknown byte order {order!r}")
        locations: dict[str, str] = {}
        if prefix + _LOCATIONS in names:
            for line in text(_LOCATIONS).splitlines():
                key, _, where = line.partition(" ")
                locations[key] = where
        place = _place(map_location)
        loaded: dict[str, LoadedStorage] = {}

        def load_storage(identity: Any) -> LoadedStorage:
            kind, key, location, count = _described(identity)
            if key not in loaded:
                itemsize = 1 if kind.dtype is None else kind.dtype.itemsize

                def fits(size: int) -> None:
                    if size != count * itemsize:
                        raise RuntimeError(
                            f"{name}: the storage {key} has {size} bytes, but {count} elements of {itemsize} bytes were expected"
                        )

                data = record(f"data/{key}", fits)
                if order != sys.byteorder and itemsize > 1:
                    data = _swapped(data, itemsize)
                storage = LoadedStorage(data, kind.dtype, "cpu")
                storage.device = place(storage, locations.get(key, location))
                loaded[key] = storage
            return loaded[key]

        return pickles.read(io.BytesIO(record("data.pkl")), load_storage, name, encoding, with_objects)


_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001


def _load_legacy(file: Any, name: str, map_location: Any, encoding: str, with_objects: bool) -> Any:
    """PyTorch's form before 1.6: pickles (a magic number, a version, the system, the object, the keys), then the storages.

    The object comes before its storages' bytes, so it is read twice: first to learn which storages there are.
    """

    def none(identity: Any) -> Any:
        raise TypeError("a storage where none is expected")

    magic = pickles.read(file, none, name, encoding)
    if magic != _LEGACY_MAGIC:
        raise RuntimeError(f"{name} is a pickle, but none that torch.save wrote")
    if pickles.read(file, none, name, encoding) != _LEGACY_PROTOCOL:
        raise RuntimeError(f"{name}: unknown version of PyTorch's old format")
    system = pickles.read(file, none, name, encoding)
    swap = isinstance(system, dict) and system.get("little_endian", True) != (sys.byteorder == "little")
    begin = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(begin)
    found: dict[str, tuple[StorageType, str]] = {}

    def note(identity: Any) -> LoadedStorage:
        kind, key, location, count = _described(identity)
        if len(identity) > 5 and identity[5] is not None:
            raise TypeError("a storage that views another one")
        nbytes = count * (1 if kind.dtype is None else kind.dtype.itemsize)
        if nbytes > size:
            raise RuntimeError(f"{name}: the file is truncated or damaged: the storage {key} is larger than the file")
        found[key] = kind, location
        return LoadedStorage(bytes(nbytes), kind.dtype, "cpu")

    pickles.read(file, note, name, encoding, with_objects)
    keys = pickles.read(file, none, name, encoding)
    if not isinstance(keys, list) or set(keys) != set(found):
        raise RuntimeError(f"{name}: the storages that the file lists aren't those of its tensors")
    place = _place(map_location)
    loaded: dict[str, LoadedStorage] = {}
    for key in keys:
        kind, location = found[key]
        itemsize = 1 if kind.dtype is None else kind.dtype.itemsize
        count = int.from_bytes(file.read(8), "little", signed=True)
        data = file.read(count * itemsize) if 0 <= count * itemsize <= size else b""
        if count < 0 or len(data) != count * itemsize:
            raise RuntimeError(f"{name}: the file is truncated or damaged at the storage {key}")
        loaded[key] = LoadedStorage(_swapped(data, itemsize) if swap and itemsize > 1 else data, kind.dtype, "cpu")
        loaded[key].device = place(loaded[key], location)
    end = file.tell()
    file.seek(begin)
    obj = pickles.read(file, lambda identity: loaded[_described(identity)[1]], name, encoding, with_objects)
    file.seek(end)
    return obj
