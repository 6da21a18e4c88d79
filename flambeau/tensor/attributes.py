"""What a tensor is: its shape, dtype, device, and where in a storage it lies.

May import `flambeau.devices`, `flambeau.storage`, `flambeau.seen_storage`, `flambeau.shared_storage`, `flambeau.shapes`,
`flambeau.size`.
"""

from __future__ import annotations

from math import prod
from typing import Any

from flambeau import devices
from flambeau.device import device
from flambeau.dtypes import dtype
from flambeau.layout import layout, sparse_coo, sparse_csr
from flambeau.seen_storage import SeenStorage
from flambeau.shapes.dims import wrap_dim
from flambeau.shared_storage import share
from flambeau.size import Size, contiguous_strides
from flambeau.storage import Storage

__all__ = ["Attributes"]


class Attributes:
    """A view of a storage, and what can be said of it without its elements."""

    __slots__ = ("_storage", "_shape", "_strides", "_offset")

    _storage: Storage
    _shape: tuple[int, ...]
    _strides: tuple[int, ...] | None  # None: row-major over the whole storage
    _offset: int

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        shape = self._shape
        return shape if shape.__class__ is Size else tuple.__new__(Size, shape)  # type: ignore[return-value]

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of dimension `dim`."""
        if dim is None:
            return self.shape
        return self._shape[wrap_dim(dim, len(self._shape))]

    @property
    def dtype(self) -> dtype:
        """The type of the elements."""
        return self._storage.dtype

    @property
    def layout(self) -> layout:
        """How the elements are stored: `torch.strided`, or how a sparse tensor's are."""
        return self._storage.layout

    @property
    def device(self) -> device:
        """Where the elements live."""
        return device(self._storage.device)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._shape)

    def dim(self) -> int:
        """The number of dimensions."""
        return len(self._shape)

    def ndimension(self) -> int:
        """`dim()`."""
        return self.dim()

    def numel(self) -> int:
        """The number of elements."""
        return prod(self._shape)

    def nelement(self) -> int:
        """`numel()`."""
        return self.numel()

    def stride(self, dim: int | None = None) -> Any:
        """How many elements apart neighbours of a dimension lie in memory: all dimensions, or one."""
        strides = contiguous_strides(self._shape) if self._strides is None else self._strides
        if dim is None:
            return strides
        return strides[wrap_dim(dim, len(strides))]

    def storage_offset(self) -> int:
        """Where in its storage the tensor begins, in elements."""
        return 0 if self._strides is None else self._offset

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._storage.dtype.itemsize

    @property
    def itemsize(self) -> int:
        return self._storage.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.numel() * self._storage.dtype.itemsize

    def data_ptr(self) -> int:
        """The address of the first element; 0 of an empty or meta tensor. The memory stays there as long as the tensor lives.

        On a GPU a number that two tensors share when they begin at the same place of the same memory.
        """
        return self._address() + self.storage_offset() * self.itemsize if self.numel() and not self.is_meta else 0

    def _address(self) -> int:
        """Where the storage begins; on a GPU a number of it."""
        backend = devices.backend(self._storage.device)
        if not backend.is_host:
            storage = self._storage
            return id(storage.whole if isinstance(storage, SeenStorage) else storage)
        host = devices.host_backend(self._storage.device)
        return host.address(share(self._storage, is_address=True).buffer) if self._storage.size else 0

    def is_floating_point(self) -> bool:
        """Whether the elements are floating-point numbers."""
        return self._storage.dtype.category == 2

    def is_complex(self) -> bool:
        """Whether the elements are complex numbers."""
        return self._storage.dtype.category == 3

    def is_signed(self) -> bool:
        """Whether the dtype has negative numbers."""
        return self._storage.dtype.is_signed

    @property
    def is_cpu(self) -> bool:
        return self._storage.device == "cpu"

    @property
    def is_meta(self) -> bool:
        """Whether the tensor has a shape and no elements."""
        return self._storage.device == "meta"

    @property
    def is_sparse(self) -> bool:
        """Whether the tensor holds the coordinates and the values of some elements, the others being zero."""
        return self._storage.layout is sparse_coo

    @property
    def is_sparse_csr(self) -> bool:
        """Whether the tensor holds columns and values of some elements, row after row."""
        return self._storage.layout is sparse_csr

    is_cuda = is_quantized = is_mps = is_xpu = is_nested = property(lambda self: False)
    is_ipu = is_maia = is_mkldnn = is_mtia = is_vulkan = is_xla = property(lambda self: False)
