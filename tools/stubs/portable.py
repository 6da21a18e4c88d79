"""Signatures as definitions for any checker: what a rule computes is left open, what is only passed on is kept."""

from __future__ import annotations

import re

from tools.stubs.text import TENSORS, grouped, ignored, overload, qualified, split_parameters, tensor_dtypes, with_dtypes

UNIONS: dict[str, str] = {}


def portable_definition(signature, *, method: bool, overloaded: bool, static_name: str | None = None) -> str:
    """One ``def`` for any checker: what a rule computes is left open, what is only passed on is kept."""
    name = static_name or signature.name
    result = re.sub(r"Pieces\[(\w+, V), .*\]", r"tuple[Tensor[\1, Any], ...]", signature.result)
    result = re.sub(r"Tensor\[(\w+), V, \w+\(.*?\)\](?=\]|,|$)", r"Tensor[\1, V, Any]", result)
    result = re.sub(r"Tensor\[(\w+), V, \w+\(.*\)\]$", r"Tensor[\1, V, Any]", result)
    result = result.replace(", V, []]", ", V, tuple[()]]").replace("V, tuple[()]]", "V, builtins.tuple[()]]")
    counts = re.findall(r"\w+", signature.parameters + " " + result)
    given = re.sub(r"Tensor\[([\w]+(?: \| \w+)+),", _union_variable, signature.parameters)
    texts = []
    for position, parameter in enumerate(split_parameters(given)):
        if not parameter.name:
            texts.append("*")
            continue
        annotation = parameter.annotation
        annotation = re.sub(r"\*?List\[(\w+), (\w+), Ss\]", r"Tensor[\1, \2, Any]", annotation)
        if "List" in parameter.annotation and not parameter.star:
            annotation = f"Sequence[{annotation}]"
        annotation = re.sub(r"\b(?:Dim|Size)\d*\b", "int", annotation)
        annotation = re.sub(r"\*?Sizes\d*", "int" if parameter.star else "Sequence[int]", annotation)
        annotation = re.sub(r"\*?Axes\d*", "int" if parameter.star else "int | Sequence[int | None] | None", annotation)
        annotation = re.sub(r"\bKeep\d*\b", "bool", annotation)
        annotation = re.sub(r"\bText\d*\b", "str", annotation)
        annotation = re.sub(r"\bNames\b", "int", annotation)
        for shape in "STUW":
            if counts.count(shape) == 1:
                annotation = re.sub(rf"\b{shape}\b", "Any", annotation)
        for variable in ("E",):
            if counts.count(variable) == 1:
                annotation = re.sub(rf"\b{variable}\b", "Any", annotation)
        variable = parameter.star + parameter.name
        if method and position == 0:
            variable = "self"
        texts.append(f"{variable}: {qualified(annotation)}" + (f" = {parameter.default}" if parameter.default else ""))
    result = result if result.startswith(TENSORS) else qualified(result).replace("builtins.builtins.", "builtins.")
    line = f"def {name}({', '.join(texts)}) -> {result}: ..."
    return overload(overloaded) + tensor_dtypes(line) + ignored(name)


def _union_variable(match: re.Match) -> str:
    """``Tensor[a | b, …`` with a variable bounded by the union: a tensor's dtype is invariant."""
    union = match.group(1)
    return f"Tensor[{UNIONS.setdefault(union, f'Any{len(UNIONS)}')},"


def portable_functions(signatures: list, place: str) -> str:
    """All functions of a namespace."""
    lines = []
    for group in grouped(signatures, place).values():
        unique = _distinct([portable_definition(s, method=False, overloaded=len(group) > 1) for s in group])
        lines.extend(unique)
    return "\n".join(lines) + "\n"


def portable_methods(signatures: list) -> str:
    """The methods of Tensor, indented."""
    lines = []
    for group in grouped(signatures, "m").values():
        lines.extend(_distinct([portable_definition(s, method=True, overloaded=len(group) > 1) for s in group]))
    for group in grouped(signatures, "i").values():
        lines.extend(
            _distinct([portable_definition(s, method=True, overloaded=len(group) > 1, static_name=s.name + "_") for s in group])
        )
    return "\n".join("    " + line for text in lines for line in text.split("\n")) + "\n"


def _distinct(definitions: list[str]) -> list[str]:
    """Without repeats; a lone overload is no overload."""
    unique = list(dict.fromkeys(definitions))
    return [unique[0].removeprefix("@overload\n")] if len(unique) == 1 else unique


def union_variables() -> str:
    """The variables that were met, one for each union of dtypes."""
    unions = (f'{name} = TypeVar("{name}", bound={with_dtypes(union)}, default=Any)' for union, name in UNIONS.items())
    return "\n".join(unions) + "\n"
