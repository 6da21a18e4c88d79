"""`autocast`: operators in lower precision where that is safe. May import `flambeau.autograd.modes`, `flambeau.ops`."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from flambeau.autograd.modes import state
from flambeau.dtypes import bfloat16, dtype, float16

__all__ = [
    "autocast", "autocast_decrement_nesting", "autocast_increment_nesting", "clear_autocast_cache", "custom_bwd", "custom_fwd",
    "get_autocast_cpu_dtype", "get_autocast_dtype", "is_autocast_available", "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled", "is_autocast_enabled", "set_autocast_cache_enabled", "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled", "set_autocast_dtype", "set_autocast_enabled",
]  # fmt: skip

_DEVICES = ("cpu", "cuda", "webgpu", "reference")


def is_autocast_available(device_type: str) -> bool:
    """Whether `autocast` knows this kind of device."""
    return device_type in _DEVICES


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether this thread is inside `autocast`."""
    return state.autocast is not None


class autocast:
    """A context manager and decorator in which products run in `dtype` (bfloat16 by default) and losses in float32.

    One setting serves all devices. Raises RuntimeError for an unknown kind of device; a dtype that isn't a half one is warned
    about, and nothing is cast.

    >>> with torch.autocast("cpu", dtype=torch.bfloat16):
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.bfloat16
    """

    def __init__(
        self, device_type: str, dtype: dtype | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if not is_autocast_available(device_type):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self.device, self.fast_dtype = device_type, dtype or get_autocast_dtype(device_type)
        if enabled and device_type == "cuda":
            warnings.warn("User provided device_type of 'cuda', but CUDA is not available. Disabling", stacklevel=2)
            enabled = False
        if enabled and self.fast_dtype not in (bfloat16, float16):
            warnings.warn(
                f"In {device_type.upper()} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{device_type.upper()} Autocast only supports dtype of torch.bfloat16, torch.float16 currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._before: list[Any] = []  # the dtypes of the regions around this one

    def __enter__(self) -> autocast:
        self._before.append(state.autocast)
        state.autocast = self.fast_dtype if self._enabled else None
        return self

    def __exit__(self, *_: Any) -> None:
        state.autocast = self._before.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapped


def custom_fwd(fwd: Any = None, *, device_type: str = "cpu", cast_inputs: dtype | None = None) -> Any:
    """A decorator for `forward` of an `autograd.Function`: with `cast_inputs`, floating tensors come in that dtype and nothing is
    cast inside; its backward runs as its forward did (`custom_bwd`)."""
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(*args: Any, **kwargs: Any) -> Any:
        args[0]._autocast = state.autocast if cast_inputs is None else None
        if cast_inputs is None or state.autocast is None:
            return fwd(*args, **kwargs)
        from flambeau.ops.autocast import cast_floating

        with autocast(device_type, enabled=False):
            cast = functools.partial(cast_floating, type=cast_inputs)
            return fwd(*map(cast, args), **{k: cast(v) for k, v in kwargs.items()})

    return forward


def custom_bwd(bwd: Any = None, *, device_type: str = "cpu") -> Any:
    """A decorator for `backward` of an `autograd.Function` whose `forward` has `custom_fwd`."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(*args: Any, **kwargs: Any) -> Any:
        before, state.autocast = state.autocast, args[0]._autocast
        try:
            return bwd(*args, **kwargs)
        finally:
            state.autocast = before

    return backward


# --- what `autocast` is made of, as functions ------------------------------------------------------------------------------
_dtypes: dict[str, dtype] = {}  # by kind of device, where they were set
_nesting = 0


def _check_device(device_type: str) -> str:
    if not isinstance(device_type, str):
        raise TypeError(f"argument 'device_type' must be str, not {type(device_type).__name__}")
    if not is_autocast_available(device_type):
        raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
    return device_type


def get_autocast_dtype(device_type: str) -> dtype:
    """The dtype that products run in on this kind of device."""
    return _dtypes.get(_check_device(device_type), float16 if device_type == "cuda" else bfloat16)


def set_autocast_dtype(device_type: str, dtype: dtype) -> None:
    """Sets the dtype that products run in, from now on."""
    _dtypes[_check_device(device_type)] = dtype
    if state.autocast is not None:
        state.autocast = dtype


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Begins or ends casting in this thread, with the device's dtype; without a device for "cuda", which isn't there."""
    if isinstance(device_type, bool):
        return
    state.autocast = get_autocast_dtype(device_type) if enabled else None


def is_autocast_cpu_enabled() -> bool:
    """Whether this thread is inside `autocast`."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """`set_autocast_enabled("cpu", enabled)`."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> dtype:
    """`get_autocast_dtype("cpu")`."""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: dtype) -> None:
    """`set_autocast_dtype("cpu", dtype)`."""
    set_autocast_dtype("cpu", dtype)


def is_autocast_cache_enabled() -> bool:
    """False: a weight that is cast twice is one value of the graph where that is computed."""
    return False


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Nothing: there is no cache."""


def clear_autocast_cache() -> None:
    """Nothing: there is no cache."""


def autocast_increment_nesting() -> int:
    """One more level of `autocast`; how many there are."""
    global _nesting
    _nesting += 1
    return _nesting


def autocast_decrement_nesting() -> int:
    """One level of `autocast` less; how many there are."""
    global _nesting
    _nesting -= 1
    return _nesting
