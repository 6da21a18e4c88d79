"""Modules as functions: many models in one, and models without their own state. May import `flambeau.nn` and below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flambeau.nn.modules.batchnorm import _BatchNorm
from flambeau.nn.modules.module import Module
from flambeau.nn.utils import stateless
from flambeau.ops.joining import stack
from flambeau.tensor import Tensor

__all__ = ["functional_call", "functionalize", "replace_all_batch_norm_modules_", "stack_module_state"]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)` with the given tensors in the place of its parameters and buffers, as
    `nn.utils.stateless.functional_call`.

    >>> layer = nn.Linear(2, 1)
    >>> torch.func.functional_call(layer, {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}, (torch.ones(2),))
    tensor([2.])
    """
    return stateless.functional_call(module, parameter_and_buffer_dicts, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of models of one kind, by name, each with a dimension of the models in front.

    Parameters are leaves of their own. Raises RuntimeError for no models, or models that differ in kind or in mode.
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters: dict[str, Tensor] = {}
    for name, parameter in models[0].named_parameters():
        parts = [dict(m.named_parameters())[name] for m in models]
        if any(p.requires_grad != parameter.requires_grad for p in parts):
            raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
        parameters[name] = stack([p.detach() for p in parts]).requires_grad_(parameter.requires_grad)
    buffers = {name: stack([dict(m.named_buffers())[name] for m in models]) for name, _ in models[0].named_buffers()}
    return parameters, buffers


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """`func` itself: what it writes in place is recorded without writes in any case."""
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): remove={remove!r} is neither 'mutations' nor 'mutations_and_views'"
        )
    return func


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """The module, whose batch norms now keep no running moments: written in place, those would be one for all examples of a
    `vmap`."""
    for module in root.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
