"""Signatures as Pyrefly's definitions, in which the rules of `_rules.pyi` compute the shapes."""

from __future__ import annotations

import ast
import re

from tools.stubs.text import TENSORS, bound, grouped, ignored, overload, qualified, split_parameters, tensor_dtypes, with_dtypes


def pyrefly_definition(signature, *, method: bool, overloaded: bool, static_name: str | None = None) -> str:
    """One ``def`` for Pyrefly."""
    name = static_name or signature.name
    names: list[str] = []
    unions: list[str] = []

    def fresh(match: re.Match) -> str:
        unions.append(match.group(1))
        return f"Tensor[B{len(unions)},"

    parameters = re.sub(r"Tensor\[([\w]+(?: \| \w+)+),", fresh, signature.parameters)
    result = signature.result
    texts = []
    for position, parameter in enumerate(split_parameters(parameters)):
        if not parameter.name:
            texts.append("*")
            continue
        annotation = parameter.annotation
        tree = annotation.replace("*Sizes", "Sizes").replace("*Axes", "Axes").replace("*List", "List")
        names.extend(re.findall(r"\w+", tree))
        if annotation.startswith("*List"):
            annotation = "*" + _list(annotation[1:])
        elif annotation.startswith("List"):
            annotation = _list(annotation)
        elif annotation == "Sizes":
            annotation = "IntTupleOrList[Sizes]"
        elif "Sizes" in annotation and annotation.startswith("tuple["):
            annotation = qualified(re.sub(r"(Sizes\d*)", r"IntTupleOrList[\1]", annotation))
        elif annotation == "Names":
            annotation = "CaptureNamedInts[Names]"
        elif not annotation.startswith("*"):
            annotation = qualified(annotation)
        variable = parameter.star + parameter.name
        if method and position == 0:
            variable = "self"
            if annotation == "Tensor[D, V, S]":
                texts.append("self")
                continue
        texts.append(f"{variable}: {annotation}" + (f" = {parameter.default}" if parameter.default else ""))
    names.extend(re.findall(r"\w+", result))
    variables = [f"{n}: {bound(n)}" for n in dict.fromkeys(names) if bound(n)]
    if method:  # the class has them
        variables = [v for v in variables if v.partition(":")[0] not in ("D", "V", "S")]
    variables += [f"B{i + 1}: {with_dtypes(union)}" for i, union in enumerate(unions)]
    result = re.sub(r"Pieces\[(\w+), (\w+), (.*)\]$", r"MapIntTuples[lambda One: Tensor[\1, \2, One], \3]", result)
    for check in signature.checks:
        result = re.sub(r"^(Tensor\[\w+, V), (.*)\]$", rf"\1, given({check}, \2)]", result)
    plain = result.startswith(TENSORS)
    result = re.sub(r"(\w+)\(", r"rule.\1(", result if plain else qualified(result))
    head = f"[{', '.join(variables)}]" if variables else ""
    line = f"def {name}{head}({', '.join(texts)}) -> {result}: ..."
    return overload(overloaded) + tensor_dtypes(line) + ignored(name)


def _list(annotation: str) -> str:
    dtype, device, shapes = (part.strip() for part in annotation[len("List[") : -1].split(","))
    return f"MapIntTuples[lambda One: Tensor[{dtype}, {device}, One], {shapes}]"


# The rules that read a list (or a shape) of dimensions, beside those that read an integer or a tuple of them.
OF_LISTS = {"reduce": "reduce_over", "squeeze": "squeeze_dims", "split": "split_into", "resized": "resized_to"}


def with_lists(signatures: list) -> list:
    """The signatures, and for those with `Axes` one that also takes lists.

    Pyrefly reads the numbers in a list as sizes, so a rule needs a form of its own for them. What has none is left open.
    """
    lists = []
    for signature in signatures:
        if not re.search(r": Axes\d*", signature.parameters):
            continue
        rule = re.search(rf"\b({'|'.join(OF_LISTS)})\(\w+, Axes\b", signature.result)
        if rule:
            result = re.sub(rf"\b({'|'.join(OF_LISTS)})\((\w+), Axes\b", _of_lists, signature.result)
            parameters = re.sub(r": Axes( = None)?", ": Sizes", signature.parameters)
            parameters = _by_name(parameters)
            lists.append(signature._replace(parameters=parameters, result=result))
        parameters = re.sub(r": Axes\d*", ": int | Sequence[int | None] | None", signature.parameters)
        parameters = re.sub(r": Keep\d*", ": bool", re.sub(r": Dim\d*", ": int", parameters))
        parameters = re.sub(r": Size\d*", ": int", re.sub(r": Text\d*", ": str", parameters))
        lists.append(signature._replace(parameters=parameters, result=_open(signature.result), checks=()))
    return list(dict.fromkeys([*signatures, *lists]))


def _by_name(parameters: str) -> str:
    """The parameters; one without a default that comes after one with it is keyword-only, and so is what follows."""
    texts: list[str] = []
    keyword_only = defaults = False
    for parameter in split_parameters(parameters):
        if not keyword_only and (parameter.star or (defaults and not parameter.default)):
            keyword_only = True
            texts += [] if parameter.star else ["*"]
        defaults = defaults or bool(parameter.default)
        texts.append(str(parameter))
    return ", ".join(texts)


def _open(result: str) -> str:
    """A result without the shapes that rules compute."""
    return ast.unparse(_WithoutRules().visit(ast.parse(result, mode="eval").body))


class _WithoutRules(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id in ("Tensor", "Pieces") and isinstance(node.slice, ast.Tuple):
            if len(node.slice.elts) == 3 and isinstance(node.slice.elts[2], ast.Call):
                node.slice.elts.pop()
            if node.value.id == "Pieces":
                return ast.parse(f"tuple[{ast.unparse(node).replace('Pieces', 'Tensor', 1)}, ...]", mode="eval").body
            return node
        return self.generic_visit(node)


def _of_lists(match: re.Match) -> str:
    return f"{OF_LISTS[match.group(1)]}({match.group(2)}, Sizes"


def pyrefly_functions(signatures: list, place: str) -> str:
    """All functions of a namespace."""
    lines = []
    for group in map(with_lists, grouped(signatures, place).values()):
        lines.extend(pyrefly_definition(s, method=False, overloaded=len(group) > 1) for s in group)
    return "\n".join(lines) + "\n"


def pyrefly_methods(signatures: list) -> str:
    """The methods of Tensor, indented."""
    lines = []
    for group in map(with_lists, grouped(signatures, "m").values()):
        lines.extend(pyrefly_definition(s, method=True, overloaded=len(group) > 1) for s in group)
    for group in grouped(signatures, "i").values():
        lines.extend(pyrefly_definition(s, method=True, overloaded=len(group) > 1, static_name=s.name + "_") for s in group)
    return "\n".join("    " + line for text in lines for line in text.split("\n")) + "\n"


def taking_unions(text: str) -> str:
    """Each lone function of shapes as an overload, twice: only then does Pyrefly take a union of tensors apart.

    (A variable has a union for its type after a branch or a loop has given it another shape.)
    """
    lines: list[str] = []
    for line in text.split("\n"):
        found = re.match(r"( *)def \w+\[.*?\]\(.*?Tensor\[\w+(?: \| \w+)*, V, [STUW]\]", line.replace("dt.", ""))
        if found and (not lines or not lines[-1].strip().startswith("@")):
            lines += [found.group(1) + "@overload", line, found.group(1) + "@overload"]
        lines.append(line)
    return "\n".join(lines)
