"""Which tensors optimizers may treat together, as PyTorch's module of this name says. May import `flambeau.tensor`."""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.device import device
from flambeau.dtypes import dtype
from flambeau.tensor import Tensor

__all__: list[str] = []

_Lists = list[list[Tensor | None]]


def _group_tensors_by_device_and_dtype(
    tensorlistlist: Sequence[Sequence[Tensor | None]], with_indices: bool = False
) -> dict[tuple[device, dtype], tuple[_Lists, list[int]]]:
    """Lists of equal lengths, divided by the device and dtype of the first list's tensors; and, if asked for, the positions
    that a group's members had."""
    first_list, *others = tensorlistlist
    if any(len(tensors) not in (0, len(first_list)) for tensors in others):
        raise RuntimeError(
            f"lists of {[len(t) for t in tensorlistlist]} tensors don't go together: they are equally long or empty"
        )
    groups: dict[tuple[device, dtype], tuple[_Lists, list[int]]] = {}
    for position, first in enumerate(first_list):
        if first is None:
            raise RuntimeError(
                "Tensors of the first list of nested Tensor lists are supposed to be defined but the "
                f"{position}-th Tensor is not."
            )
        group, positions = groups.setdefault((first.device, first.dtype), ([[] for _ in tensorlistlist], []))
        for grouped, tensors in zip(group, tensorlistlist, strict=True):
            if tensors:  # a state that no tensor has is an empty list
                grouped.append(tensors[position])
        if with_indices:
            positions.append(position)
    return groups


def _get_foreach_kernels_supported_devices() -> list[str]:
    return ["cuda", "xpu", "mtia", "privateuseone"]


def _get_fused_kernels_supported_devices() -> list[str]:
    return ["mps", "cuda", "xpu", "hpu", "cpu", "mtia", "privateuseone"]


def _device_has_foreach_support(device: device) -> bool:
    return device.type in (*_get_foreach_kernels_supported_devices(), "cpu")


def _has_foreach_support(tensors: Sequence[Tensor | None], device: device) -> bool:
    return _device_has_foreach_support(device) and all(t is None or isinstance(t, Tensor) for t in tensors)
