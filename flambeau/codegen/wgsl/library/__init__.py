"""WGSL functions that generated kernels call: `with_library(code)` puts in front of `code` those that it needs.

Functions are found by name, so a kernel's text says what it uses by calling it. NaN, infinities and zeros that compilers must
not calculate with go through `opaque_zero`, which `main` derives from the size of the dispatch: what a compiler knows of a
private variable's first value it does use, and it takes 0·NaN for 0, as WGSL allows. May import nothing of flambeau but its
own modules.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

from flambeau.codegen.wgsl.library import float32, float64, int64, random, words

__all__ = ["with_library"]

_DECLARATION = re.compile(r"^(?:fn|const|var<private>)\s+(\w+)", re.MULTILINE)
_OPAQUE = "  opaque_zero = select(0u, 1u, grid.x == 0u);\n"
_WORD = re.compile(r"\b[A-Za-z_]\w*\b")


def _split(source: str) -> dict[str, str]:
    starts = [m.start() for m in _DECLARATION.finditer(source)] + [len(source)]
    parts = {}
    for begin, end in pairwise(starts):
        text = source[begin:end].strip()
        parts[_DECLARATION.match(text)[1]] = text  # type: ignore[index]
    return parts


@cache
def _functions() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Name → (text, names that it uses), in an order where definitions may refer to each other freely."""
    texts: dict[str, str] = {}
    for module in (words, float32, int64, float64, random):
        texts.update(_split(module.SOURCE))
    return {name: (text, tuple(set(_WORD.findall(text)) & texts.keys() - {name})) for name, text in texts.items()}


def with_library(code: str) -> str:
    """`code` preceded by the library functions that it calls, directly or through others."""
    functions = _functions()
    needed: set[str] = set()
    stack = [name for name in set(_WORD.findall(code)) if name in functions]
    while stack:
        name = stack.pop()
        if name not in needed:
            needed.add(name)
            stack.extend(functions[name][1])
    if "opaque_zero" in needed:
        head, body = code.split("fn main(", 1)
        parameters, statements = body.split("{\n", 1)
        code = f"{head}fn main(@builtin(num_workgroups) grid: vec3<u32>, {parameters}{{\n{_OPAQUE}{statements}"
    return "".join(functions[name][0] + "\n" for name in functions if name in needed) + code
