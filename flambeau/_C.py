"""What programs reach for in `torch._C`: switches of `__torch_function__`, classes, and the names of the dispatcher's keys.

Keys are values that programs put into sets and hand on: there is no dispatcher, so what would act on them is refused
(`missing.py`). May import `flambeau.storage`, `flambeau.tensor`, `flambeau.missing`, and
`flambeau.nn` in functions.
"""

from __future__ import annotations

from enum import Flag, auto
from typing import Any

from flambeau.generator import Generator
from flambeau.missing import names
from flambeau.size import Size
from flambeau.storage import pending
from flambeau.tensor import Tensor as TensorBase
from flambeau.tensor.overriding import DisableTorchFunction, DisableTorchFunctionSubclass
from flambeau.tensor.overriding import disabled_torch_function as _disabled_torch_function_impl  # noqa: F401

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "DispatchKey",
    "DispatchKeySet",
    "Generator",
    "Size",
    "TensorBase",
]

_TensorBase = TensorBase
_TensorMeta = type(TensorBase)

globals().update(names("_C"))


def _are_functorch_transforms_active() -> bool:
    """Whether this is inside `vmap`, where no value can be looked at."""
    return bool(pending.examples)


class _nn:
    """What modules that move themselves ask of `torch._C._nn`."""

    @staticmethod
    def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
        """(device, dtype, non_blocking, memory_format) of the arguments of `Module.to`."""
        from flambeau.nn.modules.module_tree import parse_to

        return parse_to(*args, **kwargs)


class DispatchKey(Flag):
    """Keys of PyTorch's dispatcher that programs name; also sets of them (`DispatchKeySet`)."""

    CPU = auto()
    CUDA = auto()
    Meta = auto()
    Python = auto()
    Functionalize = auto()
    ADInplaceOrView = auto()
    Autograd = auto()
    AutogradCPU = auto()
    AutogradCUDA = auto()
    AutocastCPU = auto()
    AutocastCUDA = auto()
    AutocastXPU = auto()
    CompositeExplicitAutograd = auto()
    CompositeImplicitAutograd = auto()


DispatchKeySet = DispatchKey
