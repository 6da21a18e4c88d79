"""What the tape keeps, in the user's hands (`torch.autograd.graph`). May import `flambeau.tensor` and below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from flambeau.autograd.tape import BackwardRun, RemovableHandle, running, saved_hooks
from flambeau.autograd.tape import GradientFunction as Node
from flambeau.tensor import Tensor

__all__ = [
    "GradientEdge", "Node", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks", "get_gradient_edge",
    "increment_version", "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
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


class _Handle:
    """Stands on the tape for a tensor that an `_AllowMutationOnSavedContext` has."""

    __slots__ = ("__weakref__",)


class _AllowMutationOnSavedContext(saved_tensors_hooks):
    """What was saved inside, as it was then. Nothing is copied: where memory is written, a value that was seen stays."""

    def __init__(self) -> None:
        self.original: WeakKeyDictionary[_Handle, Tensor] = WeakKeyDictionary()
        super().__init__(self._pack, self._unpack)

    def _pack(self, tensor: Tensor) -> _Handle:
        handle = _Handle()
        self.original[handle] = tensor._with_memory()
        return handle

    def _unpack(self, handle: _Handle) -> Tensor:
        if handle not in self.original:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the graph was originally "
                "recorded."
            )
        return self.original[handle]

    def clear(self) -> None:
        """Lets go of all tensors."""
        self.original.clear()


_mutation = local()
"""Whether this thread is inside `allow_mutation_on_saved_tensors`."""


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_AllowMutationOnSavedContext]:
    """Inside it, tensors that are saved for backward may be written over: the backward pass, which must run inside, too, has what
    they were. Raises RuntimeError inside another one.

    >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
    ...     x = torch.ones(2, requires_grad=True)
    ...     y = x.clone()
    ...     out = (y**2).sum()
    ...     _ = y.sin_()
    ...     out.backward()
    >>> x.grad
    tensor([2., 2.])
    """
    if getattr(_mutation, "is_allowed", False):
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    context = _AllowMutationOnSavedContext()
    _mutation.is_allowed = True
    try:
        with context:
            yield context
    finally:
        context.clear()
        _mutation.is_allowed = False


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


class _Handles:
    """The hooks of several tensors, removed together."""

    def __init__(self, handles: tuple[RemovableHandle, ...]) -> None:
        self.handles = handles

    def remove(self) -> None:
        """Takes the hooks away."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[..., Any], *, mode: str = "all") -> _Handles:
    """Has `fn` called once in each backward pass: with a list of the tensors' gradients when the last of them is there (None for
    tensors that the pass doesn't come to), or with the first of them as soon as it is (mode "any").

    >>> a, b = (torch.ones(1, requires_grad=True) for _ in range(2))
    >>> handle = torch.autograd.graph.register_multi_grad_hook([a, b], lambda gradients: print(*gradients))
    >>> (2 * a + 3 * b).backward()
    tensor([2.]) tensor([3.])
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "any":
        seen: WeakKeyDictionary[BackwardRun, bool] = WeakKeyDictionary()

        def first(gradient: Tensor) -> None:
            run = running.run
            assert run is not None
            if run not in seen:
                seen[run] = True
                fn(gradient)

        return _Handles(tuple(t.register_hook(first) for t in tensors if t.requires_grad))
    functions = [get_gradient_edge(t).node for t in tensors]
    collected: WeakKeyDictionary[BackwardRun, list[Tensor | None]] = WeakKeyDictionary()

    def hook_of(place: int) -> Callable[[Tensor], None]:
        def arrived(gradient: Tensor) -> None:
            run = running.run
            assert run is not None
            gradients = collected.setdefault(run, [None] * len(functions))
            gradients[place] = gradient
            if sum(g is not None for g in gradients) == sum(f in run.functions for f in functions):
                fn(collected.pop(run))

        return arrived

    return _Handles(tuple(t.register_hook(hook_of(i)) for i, t in enumerate(tensors)))
