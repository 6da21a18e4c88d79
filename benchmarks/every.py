"""Every operator beside PyTorch's, at a small and at a medium size, forward and with gradients, the slowest first.

A row is an expression in `t` (either library), `F` (its `nn.functional`) and operands by name; they are in `expressions.txt`.
`python -m benchmarks every --case TEXT` takes those that have TEXT. Times are medians of few rounds: this finds what is far
behind, and says which operators of the registry no row calls; `operators` measures.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import flambeau
from benchmarks.tensors import to_flambeau
from benchmarks.timing import geometric_mean, measure, table

__all__ = ["every"]


def _lines() -> tuple[list[str], list[str]]:
    """The expressions, and the names of the operators that need none."""
    text = Path(__file__).with_name("expressions.txt").read_text(encoding="utf-8")
    timed, others = text.split("# not timed\n")
    return timed.splitlines()[1:], others.split()


EXPRESSIONS, NO_COMPUTATION = _lines()


def _operand(name: str, medium: bool) -> torch.Tensor:
    """A tensor by its name in an expression: 1k or 400k elements, of square matrices to be factored 64 or 65k."""
    n = 640 if medium else 32
    batch, image = ((16, 160, 160), (8, 32, 40, 40)) if medium else ((4, 16, 16), (2, 4, 11, 11))
    order = 256 if medium else 8
    makers: dict[str, Callable[[], torch.Tensor]] = {
        "x": lambda: torch.randn(n, n), "y": lambda: torch.randn(n, n), "z": lambda: torch.randn(n, n),
        "p": lambda: torch.rand(n, n) * 0.9 + 0.05, "q": lambda: torch.rand(n, n) * 0.9 + 0.05,
        "v": lambda: torch.randn(n * n), "r": lambda: torch.randn(n), "rp": lambda: torch.rand(n) * 0.9 + 0.05,
        "b": lambda: torch.randn(n, n) > 0, "c": lambda: torch.randn(n, n, dtype=torch.complex64),
        "i": lambda: torch.randint(0, n, (n, n)), "j": lambda: torch.randint(1, n, (n, n)),
        "k": lambda: torch.randint(0, n, (n,)), "iv": lambda: torch.randint(0, n, (n * n,)),
        "ivs": lambda: torch.randint(0, n, (n * n,)).sort()[0],
        "perm": lambda: torch.randperm(n),
        "d": lambda: torch.randn(n, n, dtype=torch.float64), "bf": lambda: torch.randn(n, n).bfloat16(),
        "h": lambda: torch.randn(n, n).half(), "u": lambda: torch.randint(0, 256, (n, n), dtype=torch.uint8),
        "i8": lambda: torch.randint(-99, 99, (n, n), dtype=torch.int8),
        "i32": lambda: torch.randint(1, 999, (n, n), dtype=torch.int32),
        "B": lambda: torch.randn(batch), "C": lambda: torch.randn(batch), "im": lambda: torch.randn(image),
        "pos": lambda: torch.rand(image) * 0.9 + 0.05,
        "sig": lambda: torch.randn(*((8, 16, 3200) if medium else (2, 4, 64))),
        "vol": lambda: torch.randn(*((2, 8, 30, 30, 30) if medium else (1, 2, 8, 8, 8))),
        "grid": lambda: torch.rand(image[0], *image[2:], 2) * 2.2 - 1.1,
        "A": lambda: torch.randn(order, order) + order**0.5 * 2 * torch.eye(order), "rhs": lambda: torch.randn(order, 40),
        "S": lambda: (lambda a: a @ a.T / order + torch.eye(order))(torch.randn(order, order)),
        "tall": lambda: torch.randn(order * 2, order // 2), "tallrhs": lambda: torch.randn(order * 2, 4),
        "As": lambda: torch.randn(*((2000, 8, 8) if medium else (4, 4, 4))) + 5 * torch.eye(8 if medium else 4),
        "rhss": lambda: torch.randn(*((2000, 8, 3) if medium else (4, 4, 3))),
        "t1": lambda: torch.randn(*((50, 16, 60) if medium else (10, 2, 8))).log_softmax(-1),
        "t2": lambda: torch.randint(1, 8, (16, 20) if medium else (2, 4)),
        "pts": lambda: torch.randn(*((600, 32) if medium else (30, 4))),
        "seq": lambda: torch.randn(*((40, 16, 64) if medium else (5, 2, 8))),
        "into": lambda: torch.randn(*((192, 64) if medium else (24, 8))),
        "outof": lambda: torch.randn(*((64, 64) if medium else (8, 8))),
        "w3": lambda: torch.randn(5, 20, 20), "one": lambda: torch.randn(8),
    }  # fmt: skip
    return makers[name]()


_NAMES = re.compile(r"(?<![\w.])[A-Za-z]\w*(?!\w*[=(])")
_STRINGS = re.compile(r'"[^"]*"')
_NO_OPERANDS = frozenset(("t", "F", "True", "False", "None", "if", "else"))


def _runs(text: str, library: Any, operands: dict[str, Any]) -> Callable[[], Any]:
    code = compile(text, "<expression>", "eval")
    names = {"t": library, "F": library.nn.functional, **operands}
    return lambda: eval(code, names)


def _floating(result: Any) -> list[Any]:
    results = [r for part in result for r in _floating(part)] if isinstance(result, (tuple, list)) else [result]
    return [r for r in results if getattr(r, "requires_grad", False)]


def _with_gradients(text: str, library: Any, operands: dict[str, Any]) -> Callable[[], Any] | None:
    """The call with the gradients of all its results to all operands that may have one; None where there are none."""
    leaves = {k: v.detach().clone().requires_grad_() for k, v in operands.items() if v.is_floating_point() or v.is_complex()}
    call = _runs(text, library, operands | leaves)
    if not leaves or not (results := _floating(call())):
        return None
    weights = [library.ones_like(r) for r in results]

    def run() -> Any:
        return library.autograd.grad(_floating(call()), list(leaves.values()), weights, allow_unused=True)

    return run


def _ratio(mine: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
    def run() -> None:
        result = mine()
        flambeau.synchronize()
        del result

    found = measure({"flambeau": run, "PyTorch": theirs}, 0, 3)
    return found["flambeau"], found["PyTorch"]


def _uncalled() -> list[str]:
    from flambeau.ops.registry import OPERATORS

    functions: dict[Any, list[str]] = {}
    for (namespace, name), operator in OPERATORS.items():
        if name not in NO_COMPUTATION and not name.endswith(("_", "_copy")):
            functions.setdefault(operator.function, []).append(f"{namespace}.{name}" if namespace else name)
    called = {word for text in EXPRESSIONS for word in re.findall(r"\w+", text)}
    return sorted("/".join(names) for names in functions.values() if not called & {n.split(".")[-1] for n in names})


def every(filter: str = "") -> str:
    """The table of all expressions that have `filter`, slowest first, and what isn't in it."""
    found: list[tuple[float, list[str]]] = []
    for text in EXPRESSIONS:
        if filter not in text:
            continue
        for medium in (True, False):
            try:
                torch.manual_seed(0)
                names = set(_NAMES.findall(_STRINGS.sub("", text))) - _NO_OPERANDS
                tensors = {name: _operand(name, medium) for name in sorted(names)}
                mine = {name: to_flambeau(tensor) for name, tensor in tensors.items()}
                calls = [("", _runs(text, flambeau, mine), _runs(text, torch, tensors))]
                theirs, own = _with_gradients(text, torch, tensors), _with_gradients(text, flambeau, mine)
                if theirs is not None and own is not None:  # PyTorch gives some results a gradient that it has no rule for
                    calls.append((", gradients", own, theirs))
                for more, a, b in calls:
                    m, p = _ratio(a, b)
                    found.append((p / m, [f"`{text}`{more}", "400k" if medium else "1k", f"{m * 1e3:.4f}", f"{p * 1e3:.4f}"]))
            except Exception as error:  # a row that fails is part of what is to be found
                found.append((0.0, [f"`{text}`", "400k" if medium else "1k", f"{type(error).__name__}", str(error)[:80]]))
    found.sort(key=lambda row: row[0])
    rows = [[*cells, f"{ratio:.3f}"] for ratio, cells in found]
    means = {
        size: geometric_mean([ratio for ratio, cells in found if cells[1] == size and ratio] or [1.0]) for size in ("1k", "400k")
    }
    rows += [[f"geometric mean, {size}", size, "", "", f"{mean:.2f}"] for size, mean in means.items()]
    more = "" if filter else "\n\nNot called: " + ", ".join(_uncalled())
    return table("Every operator, uncompiled, ms", ["", "elements", "flambeau", "PyTorch", "ratio"], rows) + more
