"""DLPack, the protocol by which libraries hand arrays to each other without a copy: reading and making its capsules.

A capsule holds a pointer to a `DLManagedTensor`: where the elements lie, their type, shape and strides, and a function that
its reader calls when it needs them no more. May import `flambeau.dtypes`, `flambeau.size` and, for memory,
`flambeau.devices.foreign`.
"""

from __future__ import annotations

import ctypes
import enum
from dataclasses import dataclass
from typing import Any

from flambeau import dtypes
from flambeau.devices.foreign import ForeignMemory
from flambeau.dtypes import dtype
from flambeau.size import contiguous_strides

__all__ = ["STAND_INS", "DLDeviceType", "Received", "capsule", "receive"]


class DLDeviceType(enum.IntEnum):
    """The kinds of memory that DLPack numbers."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLWebGPU = 15
    kDLHexagon = 16
    kDLMAIA = 17


_INT, _UINT, _FLOAT, _BFLOAT, _COMPLEX, _BOOL = 0, 1, 2, 4, 5, 6
_READ_ONLY = 1

STAND_INS = {dtypes.bfloat16: dtypes.int16}
"""For a dtype that NumPy lacks the one of its width by which NumPy makes the capsule, whose type is written over then."""


def _code(type: dtype) -> tuple[int, int]:
    name = type.name
    if name == "bfloat16":
        return _BFLOAT, 16
    kinds = {"bool": _BOOL, "uint": _UINT, "int": _INT, "float": _FLOAT, "complex": _COMPLEX}
    return kinds[name.rstrip("0123456789")], 8 * type.itemsize


_TYPES = {_code(type): type for type in dtypes.ALL}


class _Version(ctypes.Structure):
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32)]


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Managed(ctypes.Structure):
    _fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter)]


class _ManagedVersioned(ctypes.Structure):
    _fields_ = [
        ("version", _Version),
        ("context", ctypes.c_void_p),
        ("deleter", _Deleter),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    ]


_KINDS: tuple[tuple[bytes, bytes, Any], ...] = (
    (b"dltensor_versioned", b"used_dltensor_versioned", _ManagedVersioned),
    (b"dltensor", b"used_dltensor", _Managed),
)
"""A capsule's name, its name once it was read, and what its pointer points to."""


_Function = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_is_valid = _Function(("PyCapsule_IsValid", ctypes.pythonapi))
_set_name = _Function(("PyCapsule_SetName", ctypes.pythonapi))
_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))


def _managed(capsule: Any, *, is_taken: bool) -> Any:
    """What a capsule holds; `is_taken`: the capsule may not be read again."""
    for name, used, kind in _KINDS:
        if _is_valid(capsule, name):
            managed = kind.from_address(_pointer_of(capsule, name))
            if is_taken:
                _set_name(capsule, used)
            return managed
    raise RuntimeError(
        "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you might have "
        "already constructed a tensor from it once."
    )


class _Manager:
    """Lets the producer of a capsule know when its memory is needed no more."""

    __slots__ = ("_managed",)

    def __init__(self, managed: Any) -> None:
        self._managed = managed

    def __del__(self) -> None:
        if self._managed.deleter:
            self._managed.deleter(ctypes.addressof(self._managed))


@dataclass(frozen=True)
class Received:
    """An array that came in a capsule: its memory from the first element on, and what it is of."""

    memory: ForeignMemory
    type: dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def receive(capsule: Any) -> Received:
    """Takes an array out of a capsule, which can't be read again then.

    Raises RuntimeError for what isn't a capsule of DLPack's or was read, BufferError for elements of another kind or in another
    memory than the host's, ValueError for negative strides.
    """
    managed = _managed(capsule, is_taken=False)
    if isinstance(managed, _ManagedVersioned) and managed.version.major > 1:
        raise BufferError(f"Unsupported DLPack version {managed.version.major}.{managed.version.minor}: at most 1.x is")
    t = managed.tensor
    if t.device_type not in (DLDeviceType.kDLCPU, DLDeviceType.kDLCUDAHost, DLDeviceType.kDLROCMHost):
        raise BufferError(f"from_dlpack: only memory of the host can be shared, not of device ({t.device_type}, {t.device_id})")
    type = _TYPES.get((t.code, t.bits)) if t.lanes == 1 else None
    if type is None:
        raise BufferError(f"from_dlpack: unsupported elements: type code {t.code}, {t.bits} bits, {t.lanes} lanes")
    shape = tuple(t.shape[: t.ndim]) if t.ndim else ()
    strides = tuple(t.strides[: t.ndim]) if t.strides and t.ndim else contiguous_strides(shape)
    if any(s < 0 for s in strides):
        raise ValueError("from_dlpack: tensors with negative strides are not supported: copy the array first")
    extent = 0 if 0 in shape else 1 + sum((n - 1) * s for n, s in zip(shape, strides))
    is_writable = not (isinstance(managed, _ManagedVersioned) and managed.flags & _READ_ONLY)
    manager = _Manager(_managed(capsule, is_taken=True))
    memory = ForeignMemory((t.data or 0) + t.byte_offset, extent * type.itemsize, manager, None, 0, is_writable)
    return Received(memory, type, shape, strides)


def capsule(array: Any, type: dtype, max_version: tuple[int, int] | None) -> Any:
    """A capsule of a NumPy array's memory, as elements of `type`; versioned where the reader knows version 1."""
    if max_version is None or max_version[0] < 1:
        made = array.__dlpack__()
    else:
        try:
            made = array.__dlpack__(max_version=tuple(max_version))
        except TypeError:  # NumPy 1
            made = array.__dlpack__()
    if type in STAND_INS:
        _managed(made, is_taken=False).tensor.code = _code(type)[0]
    return made
