"""Optimizer: parameter groups, their state and hooks, and the frame that every update rule fits in.

May import: ops, autograd, tensor, utils.hooks, optim.run_time. No rule (but L-BFGS) reads a value on the host, so a recorded step
can be replayed while schedulers change the groups.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from flambeau.autograd.modes import enable_grad, state
from flambeau.nn.modules.module import type_name
from flambeau.optim.recorded import RecordedSteps
from flambeau.optim.rows import Rows
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor
from flambeau.utils.hooks import RemovableHandle

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook", "required"]

Hooks = OrderedDict[int, Callable[..., Any]]
Group = dict[str, Any]

_global_pre_hooks: Hooks = OrderedDict()
_global_post_hooks: Hooks = OrderedDict()


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
"""A default that every parameter group must give itself."""


def _add(hooks: Hooks, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(optimizer, args, kwargs) -> None or (args, kwargs)`, before the step of every optimizer."""
    return _add(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(optimizer, args, kwargs) -> None`, after the step of every optimizer."""
    return _add(_global_post_hooks, hook)


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if "_optimizer_step_pre_hooks" not in self.__dict__:  # an optimizer around another, which doesn't call our __init__
            return step(self, *args, **kwargs)
        for hook in (*_global_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
            result = hook(self, (self, *args), kwargs)
            if result is not None:
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}.")
                (_, *args), kwargs = result  # type: ignore[assignment]
        out = step(self, *args, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_global_post_hooks.values()):
            hook(self, (self, *args), kwargs)
        return out

    return hooked


class Optimizer:
    """Updates parameters from their gradients.

    `params` are tensors, (name, tensor) pairs, or dicts with "params" and options of their own; `defaults` are the options
    of groups that don't give them. A rule subclasses this and defines `_update`, or `step` altogether.
    """

    _optimizer_step_pre_hooks: Hooks
    _optimizer_step_post_hooks: Hooks
    _counts_steps = True
    """Whether the state of a parameter has "step", a number of updates that the rule reads as a tensor."""
    _computes_with_tensors = False
    """Whether the rule needs more than `Elements` offer: products of matrices, sums."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._reset_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {type_name(params)}"
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[Group] = []
        groups = list(params)
        if len(groups) == 0:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _patch_step_function(self) -> None:
        """Optimizers around others call this in place of `__init__`, to have hooks: every `step` has them from its class on."""

    def _reset_hooks(self) -> None:
        self._optimizer_step_pre_hooks = OrderedDict()
        self._optimizer_step_post_hooks = OrderedDict()
        self._optimizer_state_dict_pre_hooks: Hooks = OrderedDict()
        self._optimizer_state_dict_post_hooks: Hooks = OrderedDict()
        self._optimizer_load_state_dict_pre_hooks: Hooks = OrderedDict()
        self._optimizer_load_state_dict_post_hooks: Hooks = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_optimizer_step_pre_hooks" not in self.__dict__:
            self._reset_hooks()
        for group in self.param_groups:  # files of older versions lack newer options
            for name, value in self.defaults.items():
                group.setdefault(name, value)

    def __repr__(self) -> str:
        lines = [type(self).__name__ + " ("]
        for number, group in enumerate(self.param_groups):
            lines += [""] * (number > 0) + [f"Parameter Group {number}"]
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    # Groups

    def add_param_group(self, param_group: Group) -> None:
        """Adds a dict with "params" and options; those it lacks take their defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but "
                "the ordering of tensors in sets will change between runs. Please use a list instead."
            )
        params = [params] if isinstance(params, Tensor) else list(params)
        names = [param[0] for param in params if isinstance(param, tuple)]
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            params = [param[1] for param in params]
            param_group["param_names"] = names
        param_group["params"] = params
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type_name(param)}")
            if not self.defaults.get("differentiable") and not (param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        ids = {id(param) for param in params}
        if len(ids) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; "
                "in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {'with' if names else 'without'} names to the optimizer"
                )
            if not ids.isdisjoint(id(param) for param in group["params"]):
                raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients of all parameters, or zeroes them in place with `set_to_none=False`."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    if param.grad.grad_fn is not None:
                        param.grad = param.grad.detach()
                    else:
                        param.grad.requires_grad_(False)
                    param.grad.zero_()

    # The step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient; `closure`, if given, computes them anew and gives the loss."""
        loss = None
        before, state.enabled = state.enabled, bool(self.defaults.get("differentiable"))
        try:
            if closure is not None:
                with enable_grad():
                    loss = closure()
            if self.defaults.get("differentiable") or not self._recorded_steps().step(self):
                for number, group in enumerate(self.param_groups):
                    self._step_group(number, group)
        finally:
            state.enabled = before
        return loss

    def _recorded_steps(self) -> RecordedSteps:
        """The recordings of this optimizer's steps, which are no part of its state."""
        found = self.__dict__.get("_recorded")
        if found is None:
            found = self._recorded = RecordedSteps()
        return found

    def _step_group(self, number: int, group: Group) -> None:
        active = [(param, grad) for param in group["params"] if (grad := param.grad) is not None]
        if not active:
            return
        states = self._states(active, group)
        if self._counts_steps:
            self._count(states, len(active) != len(group["params"]), group)
        kept: dict[Any, tuple[RunTime, Any]] = {}
        for (param, grad), tensors in zip(active, states):
            count = tensors.get("step")
            key = (param._storage.dtype, param._storage.device, id(count))
            if key not in kept:
                at = RunTime(self, number, param)
                kept[key] = at, self._values(at, group, None if count is None else at.read(count))
            at, values = kept[key]
            if grad.is_sparse:
                self._step_rows(param, grad, tensors, group, at, values)
                continue
            direction = at.read(grad)
            state = State(at, tensors, param.dtype)
            updated = self._update(at.read(param), -direction if group.get("maximize") else direction, state, group, values)
            state.commit()
            at.write(param, updated)

    def _step_rows(self, param: Tensor, grad: Tensor, tensors: dict[str, Any], group: Group, at: RunTime, values: Any) -> None:
        """Updates a parameter, and its state, where its sparse gradient has values."""
        rows = Rows(grad)
        kept = {name: rows.of(t) for name, t in tensors.items()}
        state = State(at, kept, param.dtype)
        direction = at.read(rows.values)
        picked = rows.of(param)
        updated = self._update(at.read(picked), -direction if group.get("maximize") else direction, state, group, values)
        state.commit()
        for name, t in tensors.items():
            if kept[name] is not t:
                rows.write(t, kept[name])
        rows.write(param, at.make(updated, param.dtype))

    def _states(self, active: list[tuple[Tensor, Tensor]], group: Group) -> list[dict[str, Any]]:
        """The state of each parameter; those that are updated for the first time share a new step."""
        states = []
        counts: dict[Any, Tensor] = {}
        for param, grad in active:
            if grad.is_sparse:
                self._check_sparse(group)
            state = self.state.get(param)
            if not state:
                state = {}
                if self._counts_steps:
                    if param.device not in counts:
                        counts[param.device] = RunTime.zero(param)
                    state["step"] = counts[param.device]
                self._start(param, grad, group, state)
                if state:
                    self.state[param] = state
            states.append(state)
        return states

    def _check_sparse(self, group: Group) -> None:
        """Raises RuntimeError if this group's parameters can't be updated by sparse gradients."""
        raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")

    def _count(self, states: list[dict[str, Any]], some_sit_out: bool, group: Group) -> None:
        """Adds 1 to the steps.

        Parameters that have always been updated together share one step tensor, so it and all that follows from it are
        computed once; one that sits out this step gets a copy of its own first.
        """
        counts = {id(state["step"]): state["step"] for state in states}
        if some_sit_out:
            for param in group["params"]:
                state = self.state.get(param)
                if param.grad is None and state and id(state["step"]) in counts:
                    state["step"] = state["step"].clone()
        for count in counts.values():
            count.add_(1)

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        """Fills the state of a parameter that is updated for the first time."""

    def _values(self, at: RunTime, group: Group, step: Any) -> Any:
        """What the update of all parameters of one dtype, device and step needs: zero-dimensional values."""
        raise NotImplementedError

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: Any) -> Any:
        """The new value of one parameter; the new values of its state are put into `state`."""
        raise NotImplementedError

    # Hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(optimizer, args, kwargs) -> None or (args, kwargs)`, before each step."""
        return _add(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(optimizer, args, kwargs) -> None`, after each step."""
        return _add(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(optimizer) -> None`, before the state is collected."""
        return _add(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(optimizer, state_dict) -> None or state_dict`, after the state was collected."""
        return _add(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(optimizer, state_dict) -> None or state_dict`, before a state (a shallow copy) is loaded."""
        return _add(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(optimizer) -> None`, after a state was loaded."""
        return _add(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # State

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number of the parameter: its state}, "param_groups": [options, with "params" as numbers]}."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for param in group["params"]:
                numbers.setdefault(id(param), len(numbers))
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(param)] for param in group["params"]]
            groups.append(packed)
        seen: set[int] = set()
        state = {}
        for param, values in self.state.items():
            key = numbers[id(param)] if isinstance(param, Tensor) else param
            state[key] = _with_own_step(values, seen) if isinstance(values, dict) else values
        state_dict: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            result = hook(self, state_dict)
            if result is not None:
                state_dict = result
        return state_dict

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a state from `state_dict`, cast to the parameters' dtypes and devices.

        Raises ValueError when the groups don't match in number or size.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            result = hook(self, state_dict)
            if result is not None:
                state_dict = result
        saved_groups = deepcopy(state_dict["param_groups"])
        if len(self.param_groups) != len(saved_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(group["params"]) != len(saved["params"]) for group, saved in zip(self.param_groups, saved_groups)):
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's group")
        params = {
            number: param
            for group, saved in zip(self.param_groups, saved_groups)
            for number, param in zip(saved["params"], group["params"])
        }
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in params:
                state[params[key]] = _fitted(params[key], value)
            else:
                state[key] = value
        for group, saved in zip(self.param_groups, saved_groups):
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
            _share_steps(group["params"], state)
        self.__setstate__({"state": state, "param_groups": saved_groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)


Optimizer.step = _with_hooks(Optimizer.step)  # type: ignore[method-assign]


def _with_own_step(values: dict[str, Any], seen: set[int]) -> dict[str, Any]:
    """The state of one parameter, whose step is a tensor that no other parameter's state has."""
    step = values.get("step")
    if not isinstance(step, Tensor) or id(step) not in seen:
        seen.add(id(step))
        return values
    return {**values, "step": step.clone()}


def _share_steps(params: list[Tensor], state: Any) -> None:
    """Lets parameters with equal steps on one device share the tensor again."""
    found: dict[Any, Tensor] = {}
    for param in params:
        step = state[param].get("step") if param in state else None
        if step is not None:
            tensor = RunTime.count(step, param)
            state[param]["step"] = found.setdefault((float(tensor), param.device), tensor)


def _fitted(param: Tensor, value: Any, key: Any = None) -> Any:
    """A loaded value brought to the dtype and device of `param`; a step keeps its dtype."""
    if isinstance(value, Tensor):
        if key != "step" and param.dtype.category >= 2:
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {k: _fitted(param, v, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return type(value)(_fitted(param, v) for v in value)  # type: ignore[call-arg]
    return value
