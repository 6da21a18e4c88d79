"""`device`: where a tensor lives, as PyTorch's `torch.device`. Imports nothing of flambeau."""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["device", "default_device", "set_default_device", "as_device_name"]

_TYPES = ("cpu", "reference", "webgpu", "meta")
_FOREIGN = (
    "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia", "xla", "lazy", "vulkan", "mps",
    "hpu", "mtia", "privateuseone",
)  # fmt: skip
"""PyTorch's other types: a program may name and compare such a device, and is told when it wants something put there."""


class device:
    """A device type and an index: `device("webgpu:0")`, `device("cpu")`. Also a context manager that sets the default."""

    __slots__ = ("type", "index", "_previous")

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, device):
            index = type.index if index is None else index
            type = str(type.type)
        if not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
        name, colon, number = type.partition(":")
        if name not in _TYPES and name not in _FOREIGN:
            raise RuntimeError(f"Expected one of {', '.join(_TYPES + _FOREIGN)} device type at start of device string: {type}")
        if colon:
            if index is not None:
                raise RuntimeError(f"type (string) must not include an index because index was passed explicitly: {type}")
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        self.type: str = name
        self.index: int | None = index
        self._previous: list[str] = []

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (")" if self.index is None else f", index={self.index})")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> Any:
        return device, (str(self),)

    def __enter__(self) -> device:
        self._previous.append(_default.name)
        _default.name = as_device_name(self)
        return self

    def __exit__(self, *_: Any) -> None:
        _default.name = self._previous.pop()


class _Default(threading.local):
    name = "cpu"


_default = _Default()


def as_device_name(value: Any) -> str:
    """The graph's name of a device given as a string, a `device` or None (the default): "cpu", "reference", "meta", "webgpu:0".

    Raises what a PyTorch raises that was built without a device: AssertionError for "cuda", "xpu" and "mtia", RuntimeError for
    others.
    """
    if value is None:
        return _default.name
    if isinstance(value, int) and not isinstance(value, bool):
        return f"webgpu:{value}"
    d = value if isinstance(value, device) else device(value)
    if d.type == "webgpu":
        return f"webgpu:{d.index or 0}"
    if d.type in ("cuda", "xpu", "mtia"):
        raise AssertionError(f"Torch not compiled with {d.type.upper()} enabled: the devices here are {', '.join(_TYPES)}")
    if d.type in _FOREIGN:
        raise RuntimeError(f"PyTorch is not linked with support for {d.type} devices: the devices here are {', '.join(_TYPES)}")
    if d.index:
        raise RuntimeError(f"{d.type} device index must be 0 or none, got {d.index}")
    return d.type


def default_device() -> device:
    """Where new tensors are made (`get_default_device`)."""
    return device(_default.name)


def set_default_device(device: Any) -> None:
    """Sets where new tensors of this thread are made; None means "cpu"."""
    _default.name = "cpu" if device is None else as_device_name(device)
