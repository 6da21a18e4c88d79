"""Patterns of `einops`.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from flambeau.shapes import patterns as pattern_rules
from flambeau.typing.rules.kinds import Names, Shape, Text


def einops_rearrange(spec: Text, shape: Shape, axes: Names) -> Shape:
    return pattern_rules.rearrange(spec, shape, axes)


def einops_repeat(spec: Text, shape: Shape, axes: Names) -> Shape:
    return pattern_rules.repeat(spec, shape, axes)


def einops_reduce(spec: Text, shape: Shape, axes: Names) -> Shape:
    return pattern_rules.reduce(spec, shape, axes)
