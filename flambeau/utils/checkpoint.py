"""Trading time for memory: what a checkpointed function computes inside isn't kept, but computed again in backward.

May import: autograd, tensor, ops, generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flambeau.autograd.function import Function
from flambeau.autograd.interface import backward as run_backward
from flambeau.autograd.modes import enable_grad, is_grad_enabled
from flambeau.generator import default_generator
from flambeau.ops import creation
from flambeau.tensor import Tensor

__all__ = ["checkpoint", "checkpoint_sequential"]


class _Checkpoint(Function):
    """Runs a function of tensors without a tape; backward runs it again with one."""

    @staticmethod
    def forward(ctx: Any, run: Callable[..., Any], preserve_random: bool, always: Tensor, *tensors: Tensor) -> Any:
        ctx.run = run
        ctx.save_for_backward(*tensors)
        before = default_generator.position
        result = run(*tensors)
        ctx.state = None
        if preserve_random and default_generator.position != before:
            ctx.state = before
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        inputs = [t.detach().requires_grad_(t.requires_grad) for t in ctx.saved_tensors]
        now = default_generator.clone_state()
        if ctx.state is not None:
            default_generator.set_state(_at(ctx.state).get_state())
        try:
            with enable_grad():
                result = ctx.run(*inputs)
        finally:
            if ctx.state is not None:
                default_generator.set_state(now.get_state())
        outputs = result if isinstance(result, tuple) else (result,)
        wanted = [
            (output, grad)
            for output, grad in zip(outputs, grads)
            if isinstance(output, Tensor) and output.requires_grad and grad is not None
        ]
        if wanted:
            run_backward([output for output, _ in wanted], [grad for _, grad in wanted])
        return None, None, None, *(t.grad for t in inputs)


def _at(position: tuple[int, int]) -> Any:
    """A generator that goes on from `position`."""
    generator = default_generator.clone_state()
    seed, block = position
    generator.manual_seed(seed)
    generator.take(block)
    return generator


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, whose inside is computed once more in backward and not kept until then.

    The result is a tensor or a tuple. Random numbers are the same both times unless `preserve_rng_state` is False.
    `use_reentrant` is PyTorch's choice of an implementation, and unused; gradients reach parameters by `backward`, not by
    `autograd.grad`.

    >>> layer = nn.Linear(3, 3)
    >>> x = torch.ones(2, 3, requires_grad=True)
    >>> torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=False).sum().backward()
    >>> x.grad.shape
    torch.Size([2, 3])
    """
    if not is_grad_enabled():
        return function(*args, **kwargs)
    places = [place for place, value in enumerate(args) if isinstance(value, Tensor)]
    fixed = [None if isinstance(value, Tensor) else value for value in args]  # tensors come in as arguments

    def run(*tensors: Tensor) -> Any:
        values = list(fixed)
        for place, tensor in zip(places, tensors):
            values[place] = tensor
        return function(*values, **kwargs)

    # Parameters inside want gradients also where no argument does: this one always does.
    always = creation.zeros(0, requires_grad=True)
    return _Checkpoint.apply(run, preserve_rng_state, always, *(args[place] for place in places))


def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any) -> Any:
    """A sequence of modules run in `segments` checkpointed parts; the last part is run plainly, as in PyTorch."""
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
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
        input = checkpoint(run(modules[start:end]), input, preserve_rng_state=preserve)
    return run(modules[end:])(input)
