"""Looking at a tensor's elements: as Python's numbers, NumPy's arrays, DLPack's capsules.

May import what `flambeau.tensor.reading` may, `flambeau.dlpack`, and NumPy where it is asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any, cast

from flambeau import devices
from flambeau.autograd.modes import state
from flambeau.device import device
from flambeau.host import nest, number_at, unpack
from flambeau.seen_storage import steps_of
from flambeau.shared_storage import share
from flambeau.storage import RECORDERS, Storage, pending, realize
from flambeau.tensor.reading import Reading

if TYPE_CHECKING:
    from flambeau.tensor.core import Tensor

__all__ = ["Values"]

_warned: list[bool] = []
"""Something, once `_warn_of_gradient` has warned."""


class Values(Reading):
    """What computes a tensor's elements and shows them."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the classes made of this one have
        requires_grad: Any

        def __getattr__(self, name: str) -> Any: ...

    def _computed(self) -> Any:
        """The node that the tensor reads, which has its buffer: the elements in row-major order."""
        if RECORDERS and pending.recorder is not None:
            pending.recorder.look()
        if self._strides is not None and self._storage.node.buffer is None:  # seen where it lies, once that is there
            realize([])
        node = self._value()
        if node.buffer is None:
            realize([node])
        return node

    def _bytes(self) -> memoryview:
        """The elements in row-major order, as bytes; computes them if need be."""
        node = self._computed()
        return devices.backend(node.device).download(node.buffer, node.size * node.dtype.itemsize)

    def _to_bytes(self) -> bytes:
        """The elements in row-major order, as bytes of their own."""
        return bytes(self._bytes())

    def item(self) -> Any:
        """The only element as a Python number; raises RuntimeError when there are more or none."""
        if self._shape and self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        storage = self._storage
        if self._strides is not None and storage.__class__ is Storage:
            found = self._element(storage)
            if found is not None:
                return found
        node = self._computed()
        backend = devices.backend(node.device)
        if backend.name == "meta":
            raise RuntimeError("Tensor.item() cannot be called on meta tensors")
        if backend.runs_plans and backend.is_host:
            found = number_at(cast("devices.HostBackend", backend).address(node.buffer), node.dtype)
            if found is not None:
                return found
        return unpack(backend.download(node.buffer, node.dtype.itemsize), node.dtype)[0]

    def _element(self, storage: Storage) -> Any:
        """The only element as a Python number, read where it lies; None where that can't be."""
        if RECORDERS and pending.recorder is not None:
            pending.recorder.look()
        if storage.node.buffer is None:
            realize([])
        buffer, backend = storage.node.buffer, devices.backend(storage.device)
        if buffer is None or not backend.is_host or not backend.runs_plans:
            return None
        address = cast("devices.HostBackend", backend).address(buffer)
        return number_at(address + self._offset * storage.dtype.itemsize, storage.dtype)

    def tolist(self) -> Any:
        """The elements as nested lists; a number for a zero-dimensional tensor."""
        if not self._shape:
            return self.item()
        return nest(unpack(self._bytes(), self._storage.dtype), self._shape)

    def numpy(self, *, force: bool = False) -> Any:
        """A NumPy array over the tensor's memory: a write to either is seen by both.

        Raises RuntimeError for a tensor that requires a gradient (but in `no_grad`), TypeError for one that isn't in the host's
        memory or whose dtype NumPy lacks. `force` detaches it and copies it to the CPU first, where that is needed.
        """
        if force.__class__ is not bool:
            raise TypeError(f"numpy(): argument 'force' must be bool, not {type(force).__name__}")
        if state.enabled and self.requires_grad:
            if not force:
                raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
            return self.detach().numpy(force=True)
        storage = self._storage
        backend = devices.backend(storage.device)
        if not backend.is_host:
            if not force:
                raise TypeError(
                    f"can't convert {storage.device} device type tensor to numpy. "
                    "Use Tensor.cpu() to copy the tensor to host memory first."
                )
            return self.cpu().numpy()
        if storage.dtype.name == "bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        for what, step, resolve in (("conjugate", "conj", "resolve_conj"), ("negative", "neg", "resolve_neg")):
            if step in steps_of(storage)[1]:
                if not force:
                    raise RuntimeError(
                        f"Can't call numpy() on Tensor that has {what} bit set. Use tensor.{resolve}().numpy() instead."
                    )
                return getattr(self, resolve)().numpy(force=True)
        from flambeau.graph.numpy import array_type

        return self._array(array_type(storage.dtype))

    def _array(self, element: Any) -> Any:
        """A NumPy array of dtype `element`, as wide as the tensor's, over the tensor's memory."""
        from flambeau.graph.numpy import np

        storage, shape = self._storage, tuple(self._shape)
        if prod(shape) == 0:
            return np.empty(shape, element)
        strides, offset = self.stride(), self.storage_offset()
        self._node, self._node_version = None, -1
        memory = np.asarray(share(storage).buffer)
        if memory.dtype != np.uint8:
            memory = memory.reshape(-1).view(np.uint8)
        return np.ndarray(shape, element, memory, offset * element.itemsize, [s * element.itemsize for s in strides])

    def __dlpack__(
        self, *, stream: Any = -1, max_version: tuple[int, int] | None = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        """A DLPack capsule of the tensor's memory, or with `copy` of a copy's; versioned where the caller knows version 1.

        Raises BufferError for a tensor that requires a gradient, or isn't in the host's memory.
        """
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        for what, step in (("conjugate", "conj"), ("negative", "neg")):
            if step in steps_of(self._storage)[1]:
                raise BufferError(f"Can't export tensors with the {what} bit set")
        if stream is not None and type(stream) is not int:
            raise TypeError("stream must be ``int`` or ``none``")
        if not devices.backend(self._storage.device).is_host:
            raise BufferError(f"Can't export tensors on {self._storage.device}: use tensor.cpu()")
        if stream not in (None, -1):
            raise AssertionError("stream should be None on cpu.")
        if dl_device is not None and tuple(dl_device) != (1, 0):
            raise BufferError(f"Can't export a tensor in the host's memory to device {tuple(dl_device)}")
        from flambeau import dlpack
        from flambeau.graph.numpy import array_type

        t = self.clone() if copy else self  # type: ignore[attr-defined]
        array = t._array(array_type(dlpack.STAND_INS.get(self.dtype, self.dtype)))
        return dlpack.capsule(array, self.dtype, max_version)

    def __dlpack_device__(self) -> tuple[Any, int]:
        """Where the elements lie, as DLPack numbers it: (1, 0) is the host's memory."""
        from flambeau.dlpack import DLDeviceType

        on = device(self._storage.device)
        is_host = devices.backend(self._storage.device).is_host
        return DLDeviceType.kDLCPU if is_host else DLDeviceType.kDLWebGPU, on.index or 0

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """`numpy()`, converted to `dtype` where that is another; a copy with `copy`, and never one where that is False."""
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"Unable to avoid copy: the tensor is of {self.dtype}, and {dtype} was asked for")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __bool__(self) -> bool:
        if self._shape and (n := self.numel()) != 1:
            raise RuntimeError(f"Boolean value of Tensor with {'more than one value' if n else 'no values'} is ambiguous")
        return bool(self.item())

    def _python_number(self) -> Any:
        if self.numel() != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.item()

    def _real_number(self, type: str) -> Any:
        found = self._python_number()
        if not isinstance(found, complex):
            return found
        if found.imag:
            raise RuntimeError(f"value cannot be converted to type {type} without overflow")
        return found.real

    def __float__(self) -> float:
        self._warn_of_gradient()
        return float(self._real_number("double"))

    def __int__(self) -> int:
        return int(self._real_number("int64_t"))

    def __complex__(self) -> complex:
        self._warn_of_gradient()
        return complex(self._python_number())

    def _warn_of_gradient(self) -> None:
        """Says, once in a process, that a number which is made of this has no gradient."""
        if state.enabled and self.requires_grad and not _warned:
            _warned.append(True)
            warnings.warn(
                "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
                "Consider using tensor.detach() first.",
                UserWarning,
                stacklevel=3,
            )

    def __index__(self) -> int:
        if self._storage.dtype.category >= 2 or self.numel() != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("len() of a 0-d tensor")
        return self._shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self._shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __reversed__(self) -> Any:
        """The first dimension reversed; a zero-dimensional tensor as it is."""
        return self.flip(0) if self._shape else self

    def __contains__(self, element: Any) -> bool:
        if isinstance(element, (Values, int, float, bool, complex)):
            return bool((self == element).any())  # type: ignore[attr-defined]
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")

    def __format__(self, spec: str) -> str:
        return self.item().__format__(spec) if not self._shape else object.__format__(self, spec)
