"""The copying (`permute_copy`) and in-place (`squeeze_`) forms of views. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.autograd.modes import state
from flambeau.layout import contiguous_format
from flambeau.ops.registry import operator
from flambeau.ops.slicing import select, split, split_with_sizes, unbind
from flambeau.ops.strided import as_strided, diagonal, unfold
from flambeau.ops.views import alias, expand, permute, reshape, squeeze, t, transpose, unsqueeze
from flambeau.tensor import Tensor

__all__: list[str] = []


def _copying(name: str, function: Any) -> None:
    """The form of a view that copies: `permute_copy` and so on."""

    def copied(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        if isinstance(found, Tensor):
            return found.clone(memory_format=contiguous_format)
        return tuple([t.clone(memory_format=contiguous_format) for t in found])

    copied.__name__ = copied.__qualname__ = name + "_copy"
    copied.__doc__ = f"`{name}`, copied."
    operator(name + "_copy", method=False, out="exact")(copied)


for _name, _function in (
    ("alias", alias), ("as_strided", as_strided), ("detach", lambda x: x), ("diagonal", diagonal), ("expand", expand),
    ("permute", permute), ("select", select), ("split", split), ("split_with_sizes", split_with_sizes), ("squeeze", squeeze),
    ("t", t), ("transpose", transpose), ("unbind", unbind), ("unfold", unfold), ("unsqueeze", unsqueeze), ("view", reshape),
):  # fmt: skip
    _copying(_name, _function)


def _in_place_view(name: str, function: Any) -> None:
    """The in-place form of a change of shape: this tensor becomes the view."""

    def change(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        self._check_writable(state.enabled and self.requires_grad, may_overlap=True)
        changed = function(self, *args, **kwargs)
        self._shape, self._strides, self._offset = changed._shape, changed._strides, changed._offset
        self._node, self._node_version = changed._node, changed._node_version
        if changed._requires_grad and changed._grad_fn is not None:
            self._requires_grad, self._grad_fn, self._output_index = True, changed._grad_fn, 0
        self._counter.autograd_version += 1
        self._base_version = self._counter.autograd_version
        return self

    change.__name__ = change.__qualname__ = name + "_"
    change.__doc__ = f"`{name}`, of this tensor itself."
    operator(name + "_", namespace=None)(change)


for _name, _function in (
    ("squeeze", squeeze), ("unsqueeze", unsqueeze), ("transpose", transpose), ("swapaxes", transpose), ("swapdims", transpose),
    ("t", t), ("as_strided", as_strided),
):  # fmt: skip
    _in_place_view(_name, _function)
