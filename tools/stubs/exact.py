"""What the portable stubs can say without rules: equal sizes in products, linear layers and convolutions."""

from __future__ import annotations

import re

from tools.stubs.text import sized

# Sizes that the portable stubs know: a checker's time grows with the square of their number. Others are left open.
KNOWN_SIZES = (
    *range(33),
    *range(36, 65, 4),
    *range(72, 129, 8),
    100,
    *range(160, 513, 32),
    640,
    768,
    1000,
    1024,
    1536,
    2048,
    4096,
)


# What the portable stubs can say of a product: the inner sizes of each pair of ranks.
_ROWS = {1: ("K",), 2: ("L0", "K"), 3: ("L1", "L0", "K"), 4: ("L2", "L1", "L0", "K")}


_COLUMNS = {1: ("K",), 2: ("K", "L3"), 3: ("L4", "K", "L3"), 4: ("L5", "L4", "K", "L3")}


SIZE_VARIABLES = ("K", *(f"L{i}" for i in range(6)), "I", "O")


def products() -> list[tuple[str, str, str]]:
    """(left, right, result) of a matrix product for every pair of ranks up to 4."""
    result = []
    for left, a in _ROWS.items():
        for right, b in _COLUMNS.items():
            lead = a[:-2] if left >= right else b[:-2]
            if min(left, right) > 2:
                lead = ("Any",) * (max(left, right) - 2)
            result.append((sized(a), sized(b), sized((*lead, *a[-2:-1], *(b[-1:] if right > 1 else ())))))
    return result


def exact(signature) -> list:
    """The signatures that replace one in the portable stubs: those whose sizes can be said there."""
    rule = re.search(r"Tensor\[D, V, (\w+)\(", signature.result)
    name = rule.group(1) if rule else ""
    pairs: list[tuple[str, str, str]] = []
    first, second = "S", "T"
    if name == "matmul" and "matmul(S" in signature.result and signature.name in ("matmul", "__matmul__", "mv", "dot", "vdot"):
        pairs = products()
    elif name == "mm":
        pairs = [products()[5]]
    elif name == "bmm":
        pairs = [(sized(("L1", "L0", "K")), sized(("L1", "K", "L3")), sized(("L1", "L0", "L3")))]
    elif name == "linear":
        second = "W"
        leads: tuple[tuple[str, ...], ...] = ((), ("L0",), ("L1", "L0"), ("L2", "L1", "L0"))
        pairs = [(sized((*lead, "K")), sized(("L3", "K")), sized((*lead, "L3"))) for lead in leads]
    elif name == "conv":
        second, spatial = "W", ("Any",) * int(signature.name[4])
        pairs = [
            (
                sized((*lead, "K", *spatial)),
                sized(("L3", "K", *spatial)),
                sized((*lead, "L3", *spatial)),
            )
            for lead in (("L0",), ())
        ]
        parameters = signature.parameters.replace("groups: Size = 1", "groups: Literal[1] = 1")
        grouped_call = signature.parameters.replace("groups: Size = 1", "*, groups: int")
        fixed = [
            signature._replace(parameters=_put(parameters, first, a, second, b), result=f"Tensor[D, V, {c}]") for a, b, c in pairs
        ]
        anywhere = tuple(sized(("L0", "Any", *spatial)) if one == "S" else sized(("L3", "Any", *spatial)) for one in "SW")
        return [
            *fixed,
            signature._replace(
                parameters=_put(grouped_call, first, anywhere[0], second, anywhere[1]),
                result=f"Tensor[D, V, {sized(('L0', 'L3', *spatial))}]",
            ),
        ]
    elif name == "broadcast" and "Tensor[D, V, T]" in signature.parameters:
        same = signature.parameters.replace("V, T]", "V, S]")
        return [signature._replace(parameters=same, result="Tensor[D, V, S]"), signature]
    else:
        return [signature]
    return [
        signature._replace(parameters=_put(signature.parameters, first, a, second, b), result=f"Tensor[D, V, {c}]")
        for a, b, c in pairs
    ]


def _put(parameters: str, first: str, a: str, second: str, b: str) -> str:
    return parameters.replace(f"V, {first}]", f"V, {a}]", 1).replace(f"V, {second}]", f"V, {b}]", 1)


def size_variables() -> str:
    """The variables of sizes."""
    return "\n".join(f'{name} = TypeVar("{name}", bound=Known, default=Any)' for name in SIZE_VARIABLES)
