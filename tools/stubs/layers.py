"""The classes of layers that no template spells out, and the rules for `Sequential`."""

from __future__ import annotations

import inspect
import re

from flambeau import nn
from flambeau.typing import signatures as table
from tools.stubs.text import bound, split_parameters

LAYERS = 16  # the most that a Sequential is followed through, without those that keep the shape


MODULES_IN_A_ROW = 64  # the most that a Sequential is made of


SLOT = 20  # numbers that a layer takes in a Sequential's code: see `_rules.pyi`


def layers() -> str:
    """The shape after all layers of a Sequential whose code is C."""
    result = "S"
    for position in range(LAYERS):
        result = f"rule.layer({result}, rule.slot(C, {position}))"
    return result


def in_a_row() -> str:
    """The body of the rule that joins the codes of a Sequential's layers. Pyrefly's rules have no loops over shapes.

    Layers that keep every shape are left out, and so are norms that expect the channels of the convolution before them.
    """
    lines = []
    for n in range(MODULES_IN_A_ROW):
        kept = f"c{n}[0] != 0"
        if n:
            other = " and ".join(f"f{n - 1}[0] != {kind}" for kind in (31, 32, 33, 41, 42, 43))
            kept += f" and (f{n}[0] != 7 or f{n}[1] != f{n - 1}[2] or len(c{n - 1}) > {SLOT} or {other})"
        lines += [
            f"    c{n} = codes[{n}]",
            f"    f{n} = dsl.concat(c{n}, dsl.IntTuple(0 for i in range(({SLOT} - len(c{n}) % {SLOT}) % {SLOT})))",
            f"    k{n} = dsl.IntTuple(one for one in f{n} if {kept})",
            f"    j{n} = {f'dsl.concat(j{n - 1}, k{n})' if n else f'dsl.concat(k{n}, dsl.IntTuple(()))'}",
            f"    if len(codes) == {n + 1}:",
            f"        return j{n}",
        ]
    return "\n".join([*lines, "    return dsl.IntTuple.gradual()"]) + "\n"


def other_modules(written: str, kind: str) -> str:
    """The modules of the table that a template does not spell out."""

    lines = []
    for module in table.MODULES.values():
        if re.search(rf"^class {module.name}\b|\{{for name in .*\b{module.name}\b.*\}}", written, re.M):
            continue
        if re.sub(r"\dd$", "{n}d", module.name) != module.name and f"class {module.name[:-2]}{{n}}d" in written:
            continue
        runtime = getattr(nn, module.name)
        declared = {parameter.name: parameter for parameter in split_parameters(module.parameters)}
        inputs = [p for p in inspect.signature(runtime.forward).parameters.values() if p.name != "self"]
        dtype, _, rule = module.result.rpartition(": ")
        shapes = [letter for letter in "STU"[: len(inputs)] if re.search(rf"\b{letter}\b", rule)]
        given = "dt.dtype" if module.name in ("Unfold", "Fold", "Bilinear") else "dt.integral" if dtype else "dt.floating"
        out = f"dt.{dtype}" if dtype else "D"
        forward = []
        for letter, p in zip("STU", inputs):
            type_ = f"Tensor[D, V, {letter}]" if letter in shapes else "Tensor[D, V]" if letter == "S" else "Any"
            if module.name.startswith(("NLLLoss", "MaxUnpool")) and letter == "T":
                type_ = "Tensor[dt.int64, V, T]"
            forward.append(f"{p.name}: {type_}" + (" = ..." if p.default is not p.empty else ""))
        forward += [f"{p.name}: Any" + (" = ..." if p.default is not p.empty else "") for p in inputs[3:]]
        constructor = constructor_parameters(runtime)
        variables = dict.fromkeys(re.findall(r"\b(?:Axes|Dim|Keep|Text|Size)\d*\b", module.parameters))
        if kind == "pyrefly":
            for parameter in declared.values():
                constructor = re.sub(
                    rf"\b{parameter.name}: [^,=]*(?=,| =|$)", f"{parameter.name}: {parameter.annotation}", constructor
                )
            bounds = ", ".join(f"{name}: {_with_builtins(bound(name))}" for name in variables)
            method = ", ".join(["D: " + given, "V: dt.device", *(f"{letter}: IntTuple" for letter in shapes)])
            rule = re.sub(r"(\w+)\(", r"rule.\1(", rule)
            lines.append(f"class {module.name}[{bounds}](Module):  # pyrefly: ignore[invalid-type-var]")
            lines.append(f"    def __init__({constructor}) -> None: ...")
            lines.append(f"    def forward[{method}](self, {', '.join(forward)}) -> Tensor[{out}, V, {rule}]: ...\n")
        else:
            lines.append(f"class {module.name}(Module, Generic[C]):\n    def __init__({constructor}) -> None: ...")
            text = re.sub(r"Tensor\[(\S+), V(, \w)?\]", r"Tensor[\1, V, Any]", ", ".join(forward))
            variable = {"dt.dtype": "D", "dt.floating": "DF", "dt.integral": "DI"}[given]
            text, out = text.replace("[D, ", f"[{variable}, "), variable if out == "D" else out
            lines += [f"    def {name}(self, {text}) -> Tensor[{out}, V, Any]: ..." for name in ("forward", "__call__")] + [""]
    return "\n".join(lines)


def _with_builtins(bound_text: str | None) -> str:
    return (bound_text or "").replace("builtins.int", "int").replace("builtins.tuple", "tuple")


# What the annotations of constructors may name as they stand.
_PLAIN_TYPES = frozenset(("int", "float", "bool", "str", "None", "tuple", "Any", "Tensor", "Module", "Sequence", "Mapping"))


def constructor_parameters(module_class: type) -> str:
    """The parameters of a module's constructor, as the run time has them."""

    parameters, seen_star = [], False
    for p in inspect.signature(module_class.__init__).parameters.values():
        if p.kind is p.KEYWORD_ONLY and not seen_star:
            parameters.append("*")
            seen_star = True
        seen_star = seen_star or p.kind is p.VAR_POSITIONAL
        text = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "") + p.name
        if p.name != "self":
            annotation = str(p.annotation)
            known = set(re.findall(r"\w+", annotation)) <= _PLAIN_TYPES
            text += ": " + (re.sub(r"\b(float|bool|str)\b", r"builtins.\1", annotation) if known else "Any")
            if p.default is not p.empty:
                simple = p.default is None or isinstance(p.default, bool | int | float | str)
                text += f" = {p.default!r}" if simple else " = ..."
        parameters.append(text)
    return ", ".join(parameters)
