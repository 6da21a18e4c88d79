"""Pruning of parameters by masks (`torch.nn.utils.prune`).

A pruned parameter `name` becomes `name_orig` times the buffer `name_mask`, computed before each call of the module: both are in
its state_dict, and gradients reach what is kept. May import: nn.modules.module, nn.parameter, ops, tensor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from flambeau.nn.modules.module import Module
from flambeau.nn.parameter import Parameter
from flambeau.ops.creation import ones_like, zeros_like
from flambeau.ops.joining import cat
from flambeau.ops.random import rand_like
from flambeau.tensor import Tensor

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer", "RandomStructured",
    "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned", "l1_unstructured", "ln_structured",
    "random_structured", "random_unstructured", "remove",
]  # fmt: skip


class BasePruningMethod(ABC):
    """A rule for what is pruned. A subclass says its `PRUNING_TYPE` and defines `compute_mask`.

    `PRUNING_TYPE` says what a further round looks at: with "unstructured" the elements that are still there, with "structured"
    the channels (of `dim`) that are, with "global" all.
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of importances `t`, with zeros also where `default_mask` has them."""

    def apply_mask(self, module: Module) -> Tensor:
        """The masked parameter."""
        name = getattr(self, "_tensor_name", None)
        if name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        original: Tensor = getattr(module, name + "_orig")
        return getattr(module, name + "_mask").to(dtype=original.dtype) * original

    @classmethod
    def apply(cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any) -> Any:
        """Prunes parameter `name` of a module by a new method of this class, after those that it was pruned by before.

        `importance_scores`, of the parameter's shape, stand for the parameter where elements are chosen.
        """
        before = _hook_of(module, name)
        method = cls(*args, **kwargs)
        method._tensor_name = name
        original: Any = getattr(module, name)  # as earlier rounds have left it
        if importance_scores is None:
            importance_scores = original
        elif importance_scores.shape != original.shape:
            raise AssertionError(f"importance_scores should have the same shape as parameter {name} of {module}")
        hook: BasePruningMethod = method
        if before is None:
            mask = method.compute_mask(importance_scores.detach(), ones_like(original))
            del module._parameters[name]
            module.register_parameter(name + "_orig", original)
        else:
            number, old = before
            hook = old if isinstance(old, PruningContainer) else PruningContainer(old)
            assert isinstance(hook, PruningContainer)
            hook.add_pruning_method(method)
            mask = hook.compute_mask(importance_scores.detach(), getattr(module, name + "_mask").to(dtype=original.dtype))
            del module._forward_pre_hooks[number]
        module.register_buffer(name + "_mask", mask.detach())
        setattr(module, name, hook.apply_mask(module))
        module.register_forward_pre_hook(hook)
        return hook

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A pruned copy of a tensor."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        mask = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, mask)

    def remove(self, module: Module) -> None:
        """Makes the masked parameter an ordinary one again, under its own name."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters[name + "_orig"]
        assert isinstance(original, Parameter)
        original.data = weight.data
        del module._parameters[name + "_orig"]
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Methods that pruned one parameter, in order."""

    PRUNING_TYPE = "container"

    def __init__(self, *args: Any) -> None:
        self._methods: tuple[BasePruningMethod, ...] = ()
        if len(args) == 1 and not isinstance(args[0], Iterable):
            self._tensor_name = args[0]._tensor_name
        methods = args[0] if len(args) == 1 and isinstance(args[0], Iterable) else args
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Adds a method for the same parameter."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        name = getattr(self, "_tensor_name", method._tensor_name)
        if name != method._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{name}' to PruningContainer {self}."
                f" Found '{method._tensor_name}'"
            )
        self._tensor_name = name
        self._methods += (method,)

    def __len__(self) -> int:
        return len(self._methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the method that was added last, of what the others have left."""
        method = self._methods[-1]
        if method.PRUNING_TYPE == "unstructured":
            kept: Any = default_mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()  # type: ignore[attr-defined]
            others = tuple(d for d in range(t.dim()) if d != dim)
            kept = (slice(None),) * dim + (default_mask.sum(others) != 0,)
        elif method.PRUNING_TYPE == "global":
            kept = (slice(None),) * t.dim()
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        mask = default_mask.clone()
        mask[kept] = method.compute_mask(t[kept], default_mask[kept]).to(dtype=mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing, and gives the parameter a mask."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class CustomFromMask(BasePruningMethod):
    """Prunes where a given mask is 0."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(f"mask of shape {tuple(self.mask.shape)} for a parameter of shape {tuple(default_mask.shape)}")
        return default_mask * self.mask.to(dtype=default_mask.dtype)


class _Least(BasePruningMethod):
    """Prunes the `amount` (a number of them, or a part in [0, 1]) of least score."""

    def __init__(self, amount: int | float) -> None:
        if not isinstance(amount, (int, float)):
            raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        if amount < 0 or (isinstance(amount, float) and amount > 1):
            raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")
        self.amount = amount

    def _count(self, total: int) -> int:
        """How many of `total`."""
        if isinstance(self.amount, float):
            return round(self.amount * total)
        if self.amount > total:
            raise ValueError(f"amount={self.amount} should be smaller than the number of parameters to prune={total}")
        return self.amount


class _LeastElements(_Least):
    PRUNING_TYPE = "unstructured"

    def _scores(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = self._count(t.nelement())
        mask = default_mask.clone()
        if count:
            least = self._scores(t).reshape(-1).topk(count, largest=False).indices
            mask.view(-1)[least] = 0
        return mask


class RandomUnstructured(_LeastElements):
    """Prunes `amount` elements by chance."""

    def _scores(self, t: Tensor) -> Tensor:
        return rand_like(t)


class L1Unstructured(_LeastElements):
    """Prunes the `amount` elements of least magnitude."""

    def _scores(self, t: Tensor) -> Tensor:
        return t.abs()


class _LeastChannels(_Least):
    PRUNING_TYPE = "structured"

    def __init__(self, amount: int | float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _scores(self, t: Tensor, others: tuple[int, ...]) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors."
                f" Found tensor of shape {t.shape} with {t.dim()} dims"
            )
        if not -t.dim() <= self.dim < t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        dim = self.dim % t.dim()
        count = self._count(t.shape[dim])
        if not count:
            return default_mask
        least = self._scores(t, tuple(d for d in range(t.dim()) if d != dim)).topk(count, largest=False).indices
        mask = zeros_like(t) + 1
        mask.index_fill_(dim, least, 0)
        return mask * default_mask.to(dtype=mask.dtype)


class RandomStructured(_LeastChannels):
    """Prunes `amount` channels of dimension `dim` by chance."""

    def _scores(self, t: Tensor, others: tuple[int, ...]) -> Tensor:
        return rand_like(t.sum(others))


class LnStructured(_LeastChannels):
    """Prunes the `amount` channels of dimension `dim` whose norm of order `n` is least."""

    def __init__(self, amount: int | float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _scores(self, t: Tensor, others: tuple[int, ...]) -> Tensor:
        return t.norm(p=self.n, dim=others)


def _hook_of(module: Module, name: str) -> tuple[int, BasePruningMethod] | None:
    """What prunes a parameter, and its number among the module's hooks."""
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return number, hook
    return None


def identity(module: Module, name: str) -> Module:
    """Gives parameter `name` a mask of ones."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: int | float) -> Module:
    """Prunes `amount` elements of parameter `name` by chance: so many, or a part in [0, 1] of those that are left."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: int | float, importance_scores: Tensor | None = None) -> Module:
    """Prunes the `amount` elements of parameter `name` of least magnitude, of its own or of `importance_scores`.

    >>> layer = torch.nn.Linear(4, 2)
    >>> _ = torch.nn.utils.prune.l1_unstructured(layer, "weight", amount=0.5)
    >>> int((layer.weight == 0).sum()), sorted(layer.state_dict())
    (4, ['bias', 'weight_mask', 'weight_orig'])
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: int | float, dim: int) -> Module:
    """Prunes `amount` channels of dimension `dim` of parameter `name` by chance."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: int | float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Prunes the `amount` channels of dimension `dim` of parameter `name` whose norm of order `n` is least."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prunes parameter `name` where `mask` is 0."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Any, pruning_method: type[BasePruningMethod], importance_scores: Any = None, **kwargs: Any
) -> None:
    """Prunes several parameters, (module, name) pairs, as if they were one tensor.

    `importance_scores` is a dict from such pairs to tensors; `kwargs` go to `pruning_method`, whose type must be "unstructured".
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    pairs = list(parameters)
    given = {} if importance_scores is None else importance_scores
    if not isinstance(given, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    scores = [given.get(pair, getattr(*pair)).detach().reshape(-1) for pair in pairs]
    masks = [getattr(m, name + "_mask", ones_like(getattr(m, name))).reshape(-1) for m, name in pairs]
    container = PruningContainer()
    method = pruning_method(**kwargs)
    container._tensor_name = method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`.'
            f" Found method {pruning_method} of type {method.PRUNING_TYPE}"
        )
    container.add_pruning_method(method)
    mask = container.compute_mask(cat(scores), cat(masks))
    for (module, name), part in zip(pairs, mask.split([s.numel() for s in scores])):
        custom_from_mask(module, name, part.view_as(getattr(module, name)))


def remove(module: Module, name: str) -> Module:
    """Makes the pruning of parameter `name` final: the parameter is what the mask left of it, and the mask is gone."""
    found = _hook_of(module, name)
    if found is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    number, hook = found
    hook.remove(module)
    del module._forward_pre_hooks[number]
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of the module, or of a module inside, is pruned."""
    return any(isinstance(hook, BasePruningMethod) for m in module.modules() for hook in m._forward_pre_hooks.values())
