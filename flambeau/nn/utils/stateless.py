"""Calling a module with other tensors than its own. May import: nn.modules.module, tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flambeau.nn.modules.module import Module
from flambeau.tensor import Tensor

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)` with the given tensors, by dotted name, in the place of its parameters and buffers.

    `parameters_and_buffers` is a dictionary, or a tuple of dictionaries with no name in two of them.
    A tensor that stands under several names is replaced under all of them if `tie_weights`. `strict` requires a tensor for each
    name. Raises RuntimeError for names that don't exist (or miss), ValueError for two tensors for one that is tied.
    """
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    if not isinstance(parameters_and_buffers, Mapping):
        parts = parameters_and_buffers
        if not isinstance(parts, Sequence) or not all(isinstance(part, Mapping) for part in parts):
            raise ValueError(f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(parts)}")
        repeated = {key for part in parts for key in part if sum(key in other for other in parts) > 1}
        if repeated:
            raise ValueError(f"{sorted(repeated)} appeared in multiple dictionaries; behavior of functional call is ambiguous")
        parameters_and_buffers = {key: tensor for part in parts for key, tensor in part.items()}
    places: dict[str, tuple[dict[str, Any], str]] = {}
    for path, part in module.named_modules(remove_duplicate=False):
        for registered in (part._parameters, part._buffers):
            for name in registered:
                places[f"{path}.{name}" if path else name] = (registered, name)
    unexpected = [key for key in parameters_and_buffers if key not in places]
    missing = [key for key, (where, name) in places.items() if key not in parameters_and_buffers and where[name] is not None]
    if strict and (unexpected or missing):
        message = [f"Unexpected key(s): {', '.join(unexpected)}."] if unexpected else []
        message += [f"Missing key(s): {', '.join(missing)}."] if missing else []
        raise RuntimeError("Error(s) in reparametrizing for {}:\n\t{}".format(module._get_name(), "\n\t".join(message)))
    if unexpected:
        raise AttributeError(f"{module._get_name()} has no attribute `{unexpected[0]}`")
    replacements = {key: parameters_and_buffers[key] for key in parameters_and_buffers}
    if tie_weights:
        tied: dict[int, Tensor] = {}
        for key, tensor in parameters_and_buffers.items():
            where, name = places[key]
            if tied.setdefault(id(where[name]), tensor) is not tensor:
                raise ValueError(f"functional_call got two values for {key}, which is tied to another name")
        replacements |= {key: tied[id(where[name])] for key, (where, name) in places.items() if id(where[name]) in tied}
    before = {key: places[key][0][places[key][1]] for key in replacements}
    try:
        for key, tensor in replacements.items():
            where, name = places[key]
            where[name] = tensor
        return module(*args, **(kwargs or {}))
    finally:
        for key, tensor in before.items():
            where, name = places[key]
            where[name] = tensor
