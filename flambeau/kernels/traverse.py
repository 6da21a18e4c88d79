"""Going over expression graphs, without recursion. May import `kernels.ir`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from flambeau.kernels.ir import Expr

__all__ = ["walk", "rebuild"]


def walk(roots: Sequence[Expr]) -> Iterator[Expr]:
    """Every expression that `roots` are made of, once each."""
    seen: set[Expr] = set()
    stack = list(roots)
    while stack:
        e = stack.pop()
        if e not in seen:
            seen.add(e)
            yield e
            stack.extend(e.args)


def rebuild(root: Expr, visit: Callable[[Expr, tuple[Expr, ...]], Expr], done: dict[Expr, Expr] | None = None) -> Expr:
    """`root` with every expression replaced by `visit(expression, its new operands)`, operands first.

    `done`: what expressions are replaced by already; what `visit` gives is added to it.
    """
    done = {} if done is None else done
    stack: list[tuple[Expr, bool]] = [(root, False)]
    while stack:
        e, ready = stack.pop()
        if e in done:
            continue
        if ready:
            done[e] = visit(e, tuple(done[a] for a in e.args))
        else:
            stack.append((e, True))
            stack.extend((a, False) for a in e.args)
    return done[root]
