"""What programs reach for in `torch._C`: switches of `__torch_function__`, and classes. May import `flambeau.tensor`."""

from flambeau.generator import Generator
from flambeau.size import Size
from flambeau.tensor import Tensor as TensorBase
from flambeau.tensor.overriding import DisableTorchFunction, DisableTorchFunctionSubclass
from flambeau.tensor.overriding import disabled_torch_function as _disabled_torch_function_impl  # noqa: F401

_TensorBase = TensorBase

__all__ = ["DisableTorchFunction", "DisableTorchFunctionSubclass", "Generator", "Size", "TensorBase"]
