"""A kernel's structure as text, equal for equal kernels in every process: what caches on disk are keyed by.

May import `flambeau.kernels.ir` and `flambeau.dtypes`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from flambeau.dtypes import dtype
from flambeau.kernels.ir import Expr

__all__ = ["fingerprint"]


def fingerprint(kernel: Any) -> str:
    """The text of a kernel, or of a tuple of what it was cut into. A shared expression is written once: the text is as
    long as the graph, not as the tree."""
    lines: list[str] = []
    numbers: dict[Expr, int] = {}

    def number(e: Expr) -> int:
        stack = [(e, False)]
        while stack:
            x, is_ready = stack.pop()
            if x in numbers:
                continue
            if is_ready:
                operands = " ".join(str(numbers[a]) for a in x.args)
                lines.append(f"{x.op} {x.dtype.name} {x.param!r} {operands}")
                numbers[x] = len(numbers)
            else:
                stack.append((x, True))
                stack.extend((a, False) for a in x.args)
        return numbers[e]

    def text(item: Any) -> str:
        if isinstance(item, Expr):
            return f"%{number(item)}"
        if isinstance(item, dtype):
            return item.name
        if isinstance(item, tuple):
            return "(" + ",".join(map(text, item)) + ")"
        if dataclasses.is_dataclass(item):
            fields = (text(getattr(item, f.name)) for f in dataclasses.fields(item))
            return f"{type(item).__name__}({','.join(fields)})"
        return repr(item)

    head = text(kernel)
    return "\n".join([head, *lines])
