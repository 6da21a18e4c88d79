"""Trading time for memory: what a checkpointed function computes inside isn't kept, but computed again in backward.

May import: autograd, tensor, generator.
"""

from __future__ import annotations

import contextlib
import enum
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from flambeau.autograd.function import Function
from flambeau.autograd.graph import saved_tensors_hooks
from flambeau.autograd.interface import backward as run_backward
from flambeau.autograd.modes import enable_grad, is_grad_enabled, state
from flambeau.generator import default_generator
from flambeau.tensor import Tensor

__all__ = [
    "checkpoint", "checkpoint_sequential", "CheckpointError", "CheckpointPolicy", "create_selective_checkpoint_contexts",
    "noop_context_fn", "set_checkpoint_debug_enabled", "set_checkpoint_early_stop", "check_backward_validity",
    "detach_variable", "get_device_states", "set_device_states",
]  # fmt: skip


class CheckpointError(RuntimeError):
    """A function that was computed again saved something else than the first time."""


class CheckpointPolicy(enum.Enum):
    """What a policy of `create_selective_checkpoint_contexts` says of an operator's result."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def create_selective_checkpoint_contexts(policy_fn_or_list: Any, allow_cache_entry_mutation: bool = False) -> tuple[Any, Any]:
    """Two contexts that do nothing: everything is computed again, which gives the same gradients as any choice among operators.

    Raises TypeError for a policy that is neither a function nor a list of operators.
    """
    if not callable(policy_fn_or_list) and not isinstance(policy_fn_or_list, list):
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    return noop_context_fn()


class _Settings(threading.local):
    early_stop = True
    debug: bool | None = None


_settings = _Settings()


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Inside, `early_stop` of `checkpoint` is this."""
    before, _settings.early_stop = _settings.early_stop, enable
    try:
        yield
    finally:
        _settings.early_stop = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Inside, `debug` of `checkpoint` is this, unless it is None."""
    before, _settings.debug = _settings.debug, enabled
    try:
        yield
    finally:
        _settings.debug = before


@contextlib.contextmanager
def _random_from(position: tuple[int, int] | None) -> Iterator[None]:
    """Inside, random numbers are drawn from a position of the default generator, which is then where it was before."""
    if position is None:
        yield
        return
    now = default_generator.get_state()
    seed, block = position
    default_generator.manual_seed(seed)
    default_generator.take(block)
    try:
        yield
    finally:
        default_generator.set_state(now)


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors of a tuple without their history, requiring gradients as they did; what is no tensor as it is."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type:  {type(inputs).__name__}")
    return tuple(t.detach().requires_grad_(t.requires_grad) if isinstance(t, Tensor) else t for t in inputs)


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warns where no input requires a gradient, so that a checkpoint with `use_reentrant` has none."""
    if not any(isinstance(t, Tensor) and t.requires_grad for t in inputs):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """Numbers and states of the arguments' devices that have random states of their own: none, for all share one generator."""
    return [], []


def set_device_states(devices: Sequence[int], states: Sequence[Tensor], *, device_type: str | None = None) -> None:
    """Sets what `get_device_states` found."""
    if len(devices) or len(states):
        raise RuntimeError(f"flambeau's devices have no random states of their own, got those of {list(devices)}")


class _Reentrant(Function):
    """Runs a function of tensors without a tape; backward runs it again with one, and a backward of its own."""

    @staticmethod
    def forward(ctx: Any, run: Callable[..., Any], preserve_random: bool, *tensors: Tensor) -> Any:
        ctx.run = run
        ctx.save_for_backward(*tensors)
        before = default_generator.position
        result = run(*tensors)
        ctx.random = before if preserve_random and default_generator.position != before else None
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        inputs = detach_variable(ctx.saved_tensors)
        with _random_from(ctx.random), enable_grad():
            result = ctx.run(*inputs)
        outputs = result if isinstance(result, tuple) else (result,)
        wanted = [
            (output, grad)
            for output, grad in zip(outputs, grads)
            if isinstance(output, Tensor) and output.requires_grad and grad is not None
        ]
        if not wanted:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        run_backward([output for output, _ in wanted], [grad for _, grad in wanted])
        return None, None, *(t.grad for t in inputs)


class _Enough(Exception):
    """Everything that was saved the first time has been computed again."""


class _Region:
    """One checkpointed call: what it saved is known by number, and computed again when one of them is asked for."""

    def __init__(self, run: Callable[[], Any], early_stop: bool, preserve_random: bool) -> None:
        self.run, self.early_stop = run, early_stop
        self.random: tuple[int, int] | None = default_generator.position if preserve_random else None
        self.forms: list[tuple[Any, Any]] = []  # the shape and dtype of each
        self.again: dict[int, Tensor] = {}

    def pack(self, tensor: Tensor) -> int:
        self.forms.append((tuple(tensor.shape), tensor.dtype))
        return len(self.forms) - 1

    def unpack(self, number: int) -> Tensor:
        if number not in self.again:
            self._compute_again()
        return self.again.pop(number)

    def _compute_again(self) -> None:
        found: list[Tensor] = []

        def keep(tensor: Tensor) -> int:
            number = len(found)
            if number < len(self.forms) and (tuple(tensor.shape), tensor.dtype) != self.forms[number]:
                shape, dtype = self.forms[number]
                raise CheckpointError(
                    "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the "
                    f"forward pass: tensor at position {number}: saved {list(shape)} of {dtype}, recomputed {list(tensor.shape)} "
                    f"of {tensor.dtype}"
                )
            found.append(tensor)
            if self.early_stop and len(found) == len(self.forms):
                raise _Enough
            return number

        hooks = saved_tensors_hooks(keep, found.__getitem__)
        with _random_from(self.random), enable_grad(), contextlib.suppress(_Enough), hooks:
            self.run()
        if len(found) < len(self.forms):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.forms)}\n"
                f"Number of tensors saved during recomputation: {len(found)}"
            )
        self.again = dict(enumerate(found[: len(self.forms)]))


def _warn_of_default() -> None:
    warnings.warn(
        "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. use_reentrant=False is recommended.",
        stacklevel=3,
    )


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, whose inside is computed once more in backward and not kept until then.

    Random numbers are the same both times unless `preserve_rng_state` is False. With `use_reentrant` False, gradients of any kind
    work, and `early_stop` ends the second time as soon as enough is known; with True the function's second time has a backward
    of its own: only `backward` reaches parameters, and only if some argument requires grad. `context_fn` gives the contexts for
    the first and the second time. Without `use_reentrant` there is a warning, and it is True.

    >>> layer = nn.Linear(3, 3)
    >>> x = torch.ones(2, 3, requires_grad=True)
    >>> torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=False).sum().backward()
    >>> x.grad.shape
    torch.Size([2, 3])
    """
    if use_reentrant is None:
        _warn_of_default()
        use_reentrant = True
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of 'default' and 'none', but got {determinism_check!r}")
    if not use_reentrant:
        first, second = context_fn()
        if not is_grad_enabled():
            with first:
                return function(*args, **kwargs)

        cast = state.autocast

        def again() -> Any:
            before, state.autocast = state.autocast, cast
            try:
                with second:
                    return function(*args, **kwargs)
            finally:
                state.autocast = before

        region = _Region(again, early_stop and _settings.early_stop, preserve_rng_state)
        before = default_generator.position
        with saved_tensors_hooks(region.pack, region.unpack), first:
            result = function(*args, **kwargs)
        if default_generator.position == before:
            region.random = None
        return result
    if context_fn is not noop_context_fn or (debug if _settings.debug is None else _settings.debug):
        raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if not is_grad_enabled():
        return function(*args)
    places = [place for place, value in enumerate(args) if isinstance(value, Tensor)]
    if not any(args[place].requires_grad for place in places):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
    fixed = [None if isinstance(value, Tensor) else value for value in args]  # tensors come in as arguments

    def run(*tensors: Tensor) -> Any:
        values = list(fixed)
        for place, tensor in zip(places, tensors):
            values[place] = tensor
        return function(*values)

    return _Reentrant.apply(run, preserve_rng_state, *(args[place] for place in places))


def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any) -> Any:
    """A sequence of modules run in `segments` checkpointed parts; the last part is run plainly, as in PyTorch."""
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if use_reentrant is None:
        _warn_of_default()
        use_reentrant = True
    modules = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(modules) // segments

    def run(part: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
        def forward(x: Any) -> Any:
            for module in part:
                x = module(x)
            return x

        return forward

    end = 0
    for start in range(0, size * (segments - 1), max(size, 1)):
        end = start + size
        input = checkpoint(run(modules[start:end]), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return run(modules[end:])(input)
