"""The shape rules that signatures name, in terms of `flambeau.shapes`: what the mypy plugin evaluates.

Each function has a twin of the same name and parameters in `flambeau/_pyrefly/_rules.pyi`. Annotations say what a parameter is:
`Shape` a shape, `Shapes` those of a list of tensors, `Dim` an integer, `Axes` an integer, a tuple or None, `Flag` a boolean,
`Text` a string, `Size` a size, `Names` named sizes. Sizes may be symbolic. A rule raises what `flambeau.shapes` raises.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from flambeau.typing.rules import (
    arithmetic,
    joining,
    layers,
    losses,
    making,
    movement,
    patterns,
    products,
    reductions,
    selecting,
    windows,
)

_TOPICS = (arithmetic, reductions, movement, joining, selecting, products, patterns, windows, layers, losses, making)

#: All rules by name.
RULES: dict[str, Callable[..., Any]] = {
    name: function
    for topic in _TOPICS
    for name, function in vars(topic).items()
    if isinstance(function, FunctionType) and function.__module__ == topic.__name__ and not name.startswith("_")
}
