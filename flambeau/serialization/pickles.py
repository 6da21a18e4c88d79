"""Reading and writing the pickles inside of PyTorch's files.

The reader resolves no name outside of `globals` and, where it is asked to, `objects`, so it can run nothing. The writer describes
data in PyTorch's own names, so that a file of nothing else can be read with `weights_only=True`, by PyTorch too; other objects it
writes as pickle does. May import: tensor, nn.parameter, dtypes, device, and the serialization modules globals, objects, storages.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from flambeau import dtypes
from flambeau.device import device
from flambeau.layout import layout, sparse_coo, strided
from flambeau.nn.parameter import Parameter
from flambeau.serialization import globals as allowed
from flambeau.serialization import objects
from flambeau.serialization.storages import STORAGE_NAMES
from flambeau.size import Size
from flambeau.tensor import Tensor

__all__ = ["read", "write"]


_PACKAGE = __name__.partition(".")[0]
_Unpickler: Any = pickle._Unpickler  # Any, because typeshed leaves out what the classes below build on
_Pickler: Any = pickle._Pickler


class _Reader(_Unpickler):
    """The interpreted unpickler, because its handling of attributes can be replaced: see `_set_state`.

    Objects are made by calling what `globals` allows; their attributes are out of a pickle's reach, else it could give a tensor
    a shape that its memory doesn't have.
    """

    def __init__(self, file: Any, load_storage: Callable[[Any], Any], encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._load_storage = load_storage

    def find_class(self, module: str, name: str) -> Any:
        found = allowed.find(module, name)
        if found is None:
            raise objects.Refused(
                f"the file asks for {module}.{name}, which flambeau.load doesn't allow: only tensors, numbers, strings and "
                "plain containers are read, and nothing in a file is run. If you trust the file, allow that name with "
                "flambeau.serialization.add_safe_globals([...]), or classes that your program has imported with "
                "load(..., weights_only=False)."
            )
        return found

    def persistent_load(self, identity: Any) -> Any:
        return self._load_storage(identity)

    def _set_state(self) -> None:
        """BUILD: attributes for instances of trusted classes, and the `_metadata` of a state_dict."""
        state = self.stack.pop()
        instance = self.stack[-1]
        if type(instance) is OrderedDict:
            if not isinstance(state, dict) or any(not isinstance(k, str) or not k.startswith("_") for k in state):
                raise TypeError("an OrderedDict with unknown attributes")
            instance.__dict__.update(state)
        elif allowed.is_trusted(type(instance)):
            self.stack.append(state)
            self.load_build()
        else:
            raise TypeError(f"attributes for a {type(instance).__name__}")

    def _bytearray(self) -> None:
        """BYTEARRAY8, without allotting what the file promises before it is there."""
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    dispatch = {**_Unpickler.dispatch, pickle.BUILD[0]: _set_state, pickle.BYTEARRAY8[0]: _bytearray}


class _ObjectReader(_Reader):
    """Reads objects of the program's own classes as well: what makes them is `objects`', and the file calls nothing itself."""

    def find_class(self, module: str, name: str) -> Any:
        found = allowed.find(module, name)
        return found if found is not None else objects.find(module, name)

    def _reduce(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = objects.call(self.stack[-1], arguments)

    def _newobj(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = objects.made(self.stack[-1], arguments, {})

    def _newobj_ex(self) -> None:
        options = self.stack.pop()
        arguments = self.stack.pop()
        self.stack[-1] = objects.made(self.stack[-1], arguments, options)

    def _instantiate(self, kind: Any, arguments: Any) -> None:
        self.append(objects.call(kind, arguments) if arguments else objects.made(kind, (), {}))

    def _set_state(self) -> None:
        """BUILD."""
        if objects.has_attributes(type(self.stack[-2])) and not isinstance(self.stack[-2], Tensor):
            self.load_build()
        else:
            super()._set_state()

    dispatch = {
        **_Reader.dispatch,
        pickle.REDUCE[0]: _reduce,
        pickle.NEWOBJ[0]: _newobj,
        pickle.NEWOBJ_EX[0]: _newobj_ex,
        pickle.BUILD[0]: _set_state,
    }


def read(file: Any, load_storage: Callable[[Any], Any], name: str, encoding: str = "utf-8", with_objects: bool = False) -> Any:
    """The next object pickled in `file`; `load_storage` is given each storage's description.

    `with_objects`: objects of other classes, too, as `flambeau.serialization.objects` makes them. Raises UnpicklingError, with
    the name of what isn't allowed or of what is wrong; `name` is the file's, for messages.
    """
    reader = _ObjectReader if with_objects else _Reader
    try:
        return reader(file, load_storage, encoding).load()
    except objects.Refused as error:
        raise pickle.UnpicklingError(f"{name}: {error}") from None
    except RuntimeError:
        raise
    except RecursionError:
        raise pickle.UnpicklingError(f"{name}: the pickle is nested too deeply") from None
    except Exception as error:
        raise pickle.UnpicklingError(
            f"{name}: the pickle is damaged or not one of PyTorch's ({type(error).__name__}: {error})"
        ) from error


class _Global:
    """A name of PyTorch's in a pickle that is being written."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self) -> None:
        raise AssertionError("a name that is written is never called")


_REBUILD = {
    name: _Global("torch._utils", name)
    for name in ("_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter", "_rebuild_sparse_tensor")
}
_LAYOUT = _Global("torch.serialization", "_get_layout")
_SIZE, _DEVICE = _Global("torch", "Size"), _Global("torch", "device")
_STORAGES = {d: _Global("torch", name) for d, name in STORAGE_NAMES.items()}
_UNTYPED = _Global("torch.storage", "UntypedStorage")
_DTYPES = {d: _Global("torch", d.name) for d in dtypes.ALL}


class _StorageReference:
    """Where a tensor's storage stands in the pickle."""

    __slots__ = ("identity",)

    def __init__(self, identity: tuple[Any, ...]) -> None:
        self.identity = identity


class _Writer(_Pickler):
    """Protocol 2, as PyTorch writes. The interpreted pickler, because the compiled one insists on importing what it names."""

    def __init__(self, file: Any, protocol: int, store: Callable[[Tensor], tuple[str, int]]) -> None:
        super().__init__(file, protocol=protocol)
        self._store = store

    def persistent_id(self, obj: Any) -> Any:
        return obj.identity if type(obj) is _StorageReference else None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        kind = type(obj)
        if kind is _Global:
            self._save_name(obj)
        elif isinstance(obj, Tensor):
            if not self._written_before(obj):
                self._save_tensor(obj)
        elif kind is dtypes.dtype:
            self._save_name(_DTYPES[obj])
        elif kind is Size:
            if not self._written_before(obj):
                self.save_reduce(_SIZE, (tuple(obj),), obj=obj)
        elif kind is layout:
            if not self._written_before(obj):
                self.save_reduce(_LAYOUT, (repr(obj),), obj=obj)
        elif kind is device:
            place = (obj.type,) if obj.index is None else (obj.type, obj.index)
            if not self._written_before(obj):
                self.save_reduce(_DEVICE, place, obj=obj)
        else:
            super().save(obj, save_persistent_id)

    def _written_before(self, obj: Any) -> bool:
        """Whether the object is in the pickle already; then this refers to it."""
        if id(obj) not in self.memo:
            return False
        self.write(self.get(self.memo[id(obj)][0]))
        return True

    def _save_name(self, name: _Global) -> None:
        if not self._written_before(name):
            self.write(pickle.GLOBAL + f"{name.module}\n{name.name}\n".encode())
            self.memoize(name)

    def _save_tensor(self, tensor: Tensor) -> None:
        if isinstance(tensor, Parameter):
            self.save_reduce(_REBUILD["_rebuild_parameter"], (tensor.data, tensor.requires_grad, OrderedDict()), obj=tensor)
            return
        if tensor.layout is not strided:
            self._save_sparse(tensor)
            return
        if tensor.grad_fn is not None and tensor.requires_grad:
            tensor, original = tensor.detach(), tensor
        else:
            original = tensor
        key, count = self._store(tensor)
        type, typed = tensor.dtype, tensor.dtype in _STORAGES
        storage = _StorageReference((
            "storage",
            _STORAGES[type] if typed else _UNTYPED,
            key,
            "cpu",
            count if typed else count * type.itemsize,
        ))  # fmt: skip
        view = (storage, tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()))
        flags: tuple[bool, dict[str, Any]] = (original.requires_grad, OrderedDict())
        if typed:
            self.save_reduce(_REBUILD["_rebuild_tensor_v2"], (*view, *flags), obj=original)
        else:
            self.save_reduce(_REBUILD["_rebuild_tensor_v3"], (*view, *flags, type), obj=original)

    def _save_sparse(self, tensor: Tensor) -> None:
        """What PyTorch writes of a sparse tensor: its layout, and its parts and shape."""
        storage: Any = tensor._storage
        parts: tuple[Any, ...] = (*storage.indices, storage.values, tensor.shape)
        if tensor.layout is sparse_coo:
            parts += (storage.is_coalesced,)
        self.save_reduce(_REBUILD["_rebuild_sparse_tensor"], (tensor.layout, parts), obj=tensor)


def write(obj: Any, protocol: int, store: Callable[[Tensor], tuple[str, int]]) -> bytes:
    """The pickle of `obj`; `store(tensor)` notes a tensor's storage and gives its key and number of elements.

    Raises PicklingError (or AttributeError, as pickle does) for what can't be pickled, such as a lambda.
    """
    file = io.BytesIO()
    _Writer(file, protocol, store).dump(obj)
    return file.getvalue()
