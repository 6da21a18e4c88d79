"""What the tape keeps, in the user's hands (`torch.autograd.graph`). May import `flambeau.tensor` and below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flambeau.autograd.tape import GradientFunction as Node
from flambeau.autograd.tape import saved_hooks
from flambeau.tensor import Tensor

__all__ = [
    "GradientEdge", "Node", "saved_tensors_hooks", "save_on_cpu", "disable_saved_tensors_hooks", "get_gradient_edge",
    "increment_version",
]  # fmt: skip


class saved_tensors_hooks:
    """Inside it, what operators save for backward goes through `pack_hook(tensor)`, which gives anything; that is kept, and
    `unpack_hook(anything)` gives the tensor back when backward needs it. Of nested ones the innermost counts.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor):
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        saved_hooks.push(self.pack_hook, self.unpack_hook)

    def __exit__(self, *_: Any) -> None:
        saved_hooks.pop()


class save_on_cpu(saved_tensors_hooks):
    """Inside it, what is saved for backward is kept in host memory, and goes back to its device when it is needed."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.cpu()), lambda kept: kept[1].to(kept[0]))


class disable_saved_tensors_hooks:
    """Inside it, entering `saved_tensors_hooks` raises RuntimeError with this message."""

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message

    def __enter__(self) -> None:
        self._before = saved_hooks.refusal
        saved_hooks.refusal = self.error_message

    def __exit__(self, *_: Any) -> None:
        saved_hooks.refusal = self._before


class GradientEdge(NamedTuple):
    """A place on the tape: a function, and which of its outputs."""

    node: Node
    output_nr: int


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The place on the tape where the tensor's gradient goes: (function, which of its outputs)."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    function, output = tensor._edge()
    assert function is not None
    return GradientEdge(function, output)


def increment_version(tensor: Any) -> None:
    """Tells autograd that the tensor (or each of several) was written, by means that it didn't see."""
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        t._counter.autograd_version += 1
