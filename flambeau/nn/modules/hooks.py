"""Hooks of modules: those common to all modules, and the boundary that full backward hooks watch.

May import: tensor, autograd, utils.hooks.
"""

from __future__ import annotations

import functools
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from flambeau.autograd.function import Function
from flambeau.autograd.modes import is_grad_enabled
from flambeau.tensor import Tensor
from flambeau.utils.hooks import RemovableHandle

__all__ = [
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

Hooks = OrderedDict[int, Callable[..., Any]]

buffer_registration: Hooks = OrderedDict()
module_registration: Hooks = OrderedDict()
parameter_registration: Hooks = OrderedDict()
backward_pre: Hooks = OrderedDict()
backward: Hooks = OrderedDict()
forward_pre: Hooks = OrderedDict()
forward: Hooks = OrderedDict()
forward_always_called: OrderedDict[int, bool] = OrderedDict()
forward_with_kwargs: OrderedDict[int, bool] = OrderedDict()
is_full_backward: bool | None = None


def add(hooks: Hooks, hook: Callable[..., Any], flags: Sequence[tuple[Any, bool]] = (), prepend: bool = False) -> RemovableHandle:
    """Puts `hook` in `hooks`, and its id in each of the `flags` dictionaries whose flag is set."""
    handle = RemovableHandle(hooks, extra_dict=[where for where, _ in flags])
    hooks[handle.id] = hook
    for where, flag in flags:
        if flag:
            where[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(module, name, buffer) -> None or buffer`, called whenever any module registers a buffer."""
    return add(buffer_registration, hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(module, name, submodule) -> None or submodule`, called whenever any module registers a module."""
    return add(module_registration, hook)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(module, name, parameter) -> None or parameter`, called whenever any module registers a parameter."""
    return add(parameter_registration, hook)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(module, args) -> None or new args`, called before the `forward` of every module."""
    return add(forward_pre, hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """`hook(module, args, output) -> None or new output`, called after the `forward` of every module."""
    return add(forward, hook, [(forward_with_kwargs, with_kwargs), (forward_always_called, always_call)])


def _set_kind(full: bool) -> None:
    global is_full_backward
    if is_full_backward is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only one of them."
        )
    is_full_backward = full


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Deprecated in PyTorch: `hook(module, grad_input, grad_output)` on the last operation of every module."""
    _set_kind(full=False)
    return add(backward, hook)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(module, grad_output) -> None or new grad_output`, called before the backward of every module."""
    return add(backward_pre, hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(module, grad_input, grad_output) -> None or new grad_input`, called when every module's input has gradients."""
    _set_kind(full=True)
    return add(backward, hook)


class WrappedHook:
    """A hook with, if asked for, its module as first argument; holds the module weakly, so no cycle arises."""

    def __init__(self, hook: Callable[..., Any], module: Any = None) -> None:
        self.hook = hook
        functools.update_wrapper(self, hook)
        self.with_module = module is not None
        if module is not None:
            self.module = weakref.ref(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"hook": self.hook, "with_module": self.with_module}
        if self.with_module:
            state["module"] = self.module()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.hook, self.with_module = state["hook"], state["with_module"]
        if self.with_module:
            if state["module"] is None:
                raise RuntimeError("You are trying to revive the hook of a dead Module!")
            self.module = weakref.ref(state["module"])


class _Boundary(Function):
    """Identity of some tensors; its backward hands all their gradients to `watch`, which may replace them."""

    @staticmethod
    def forward(ctx: Any, watch: Callable[[tuple[Any, ...]], tuple[Any, ...]], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.watch = watch
        same = tuple(t.view_as(t) for t in tensors)
        ctx.mark_non_differentiable(*(new for new, old in zip(same, tensors) if not old.requires_grad))
        return same

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        return None, *ctx.watch(grads)


class BackwardHook:
    """Calls a module's full backward hooks once the gradients of both its outputs and its inputs are known.

    The inputs and the outputs of the module pass through a `_Boundary` each. Arguments that aren't tensors show as None.
    """

    def __init__(self, module: Any, hooks: Sequence[Callable[..., Any]], pre_hooks: Sequence[Callable[..., Any]]) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs: tuple[Any, ...] | None = None
        self.input_count = self.output_count = -1
        self.input_tensors: list[int] | None = None
        self.output_tensors: list[int] | None = None

    @staticmethod
    def _spread(where: Sequence[int], values: Sequence[Any], count: int) -> tuple[Any, ...]:
        spread = [None] * count
        for index, value in zip(where, values, strict=True):
            spread[index] = value
        return tuple(spread)

    def _watch(self, watch: Callable[..., tuple[Any, ...]], values: Any) -> tuple[Any, list[int] | None]:
        where = [index for index, value in enumerate(values) if isinstance(value, Tensor)]
        if not (is_grad_enabled() and any(values[index].requires_grad for index in where)):
            return values, None
        watched = _Boundary.apply(watch, *(values[index] for index in where))
        new = list(values)
        for index, value in zip(where, watched, strict=True):
            new[index] = value
        return (tuple(new) if type(values) is tuple else type(values)(*new)), where

    def setup_input_hook(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.input_count = len(args)
        args, self.input_tensors = self._watch(self._input_gradients, args)
        return args

    def setup_output_hook(self, result: Any) -> Any:
        outputs = result if isinstance(result, tuple) else (result,)
        self.output_count = len(outputs)
        outputs, self.output_tensors = self._watch(self._output_gradients, outputs)
        return outputs if isinstance(result, tuple) else outputs[0]

    def _input_gradients(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.grad_outputs is None:
            return grads  # a gradient reached the input without passing the output, as in a double backward
        assert self.input_tensors is not None
        grad_inputs = self._spread(self.input_tensors, grads, self.input_count)
        for hook in self.hooks:
            new = hook(self.module, grad_inputs, self.grad_outputs)
            if new is None:
                continue
            if isinstance(new, Tensor):
                new = (new,)
            if len(new) != len(grad_inputs):
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(new)}, but expected {len(grad_inputs)}"
                )
            grad_inputs = new
        self.grad_outputs = None
        return tuple(grad_inputs[index] for index in self.input_tensors)

    def _output_gradients(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        assert self.output_tensors is not None
        self.grad_outputs = self._spread(self.output_tensors, grads, self.output_count)
        for hook in self.pre_hooks:
            new = hook(self.module, self.grad_outputs)
            if new is None:
                continue
            if isinstance(new, Tensor):
                new = (new,)
            if len(new) != self.output_count:
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(new)}, but expected {self.output_count}"
                )
            self.grad_outputs = tuple(new)
        grad_outputs = self.grad_outputs
        if self.input_tensors is None:
            self._without_input_gradients()
        return tuple(grad_outputs[index] for index in self.output_tensors)

    def _without_input_gradients(self) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed "
            "with respect to module outputs since no inputs require gradients. See "
            "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook "
            "for more details.",
            stacklevel=5,
        )
        for hook in self.hooks:
            new = hook(self.module, (None,) * self.input_count, self.grad_outputs)
            if new is not None and not (isinstance(new, tuple) and all(element is None for element in new)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires "
                    "gradient should always return None or None for all gradients."
                )
        self.grad_outputs = None
