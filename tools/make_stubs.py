"""Writes the stubs: ``make stubs``. With ``--check`` it only says whether they are current (CI fails where they are not).

From `flambeau/typing/signatures` (the operators), `tools/stubs/*.pyi.in` (the classes) and the run time's own names it
writes `flambeau/_pyrefly/*.pyi`, where Pyrefly computes shapes with the rules of `_rules.pyi`, and `flambeau/_portable/*.pyi`,
which any checker reads.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "flambeau"
sys.path.insert(0, str(ROOT))

DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint32", "float16", "bfloat16", "float32", "float64", "complex64",
    "complex128",
)  # fmt: skip
BUILTINS = {"int", "float", "str", "bool", "complex", "tuple", "list", "type", "object"}
HEADER = (
    "# ruff: noqa\n# fmt: off\n# mypy: ignore-errors\n"
    '"""Written by tools/make_stubs.py from flambeau/typing/signatures: run `make stubs`, do not edit."""\n\n'
)

# What a name in a signature stands for, by its letters: the bound of Pyrefly's type parameter.
BOUNDS = [
    (r"DF\d*", "dt.floating"),
    (r"DI\d*", "dt.integral"),
    (r"[DE]\d*", "dt.dtype"),
    (r"V", "dt.device"),
    (r"Ss", "IntTuples"),
    (r"Sizes\d*", "IntTuple"),
    (r"[STUW]", "IntTuple"),
    (r"Dim\d*", "Flag[builtins.int]"),
    (r"Axes\d*", "Flag[builtins.int | builtins.tuple[builtins.int, ...] | None]"),
    (r"Keep\d*", "Flag[builtins.bool]"),
    (r"Text\d*", "Flag[builtins.str]"),
    (r"Size\d*", "Int"),
    (r"Names", "NamedInts"),
]


def bound(name: str) -> str | None:
    """The bound of a type parameter, None for a name that is not one."""
    return next((text for pattern, text in BOUNDS if re.fullmatch(pattern, name)), None)


def load_rules() -> set[str]:
    """The names of Pyrefly's rules."""
    return set(re.findall(r"^def (\w+)\(", (PACKAGE / "_pyrefly" / "_rules.pyi").read_text(), re.M))


TABLE = importlib.import_module("flambeau.typing.signatures")
TENSORS = ("Tensor", "MapIntTuples", *TABLE.NAMED_TUPLES)  # what a result of tensors begins with


class Parameter:
    """One parameter of a signature: its text split."""

    def __init__(self, text: str):
        text = text.strip()
        self.star = text[: len(text) - len(text.lstrip("*"))]
        body = text.lstrip("*")
        self.name, _, rest = body.partition(":")
        self.annotation, _, default = rest.partition(" = ")
        self.name, self.annotation, self.default = self.name.strip(), self.annotation.strip(), default.strip()


def split_parameters(text: str) -> list[Parameter]:
    """Cut at commas outside brackets."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "[(" and 1) or -(character in "])")
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [Parameter(part) for part in [*parts, text[start:]] if part.strip()]


def qualified(annotation: str) -> str:
    """Python's own types as ``builtins.…``: in these stubs ``bool``, ``int`` and ``float`` are dtypes."""
    tree = ast.parse(annotation.replace("*Sizes", "Sizes").replace("*Axes", "Axes"), mode="eval").body
    return ast.unparse(_Qualify().visit(tree))


class _Qualify(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id in ("Tensor", "List"):
            elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            for element in elements[1:]:
                self.visit(element)
            return node
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in BUILTINS:
            return ast.Attribute(ast.Name("builtins", ast.Load()), node.id, ast.Load())
        return node


# --- Pyrefly


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
    variables += [f"B{i + 1}: {_with_dtypes(union)}" for i, union in enumerate(unions)]
    result = re.sub(r"Pieces\[(\w+), (\w+), (.*)\]$", r"MapIntTuples[lambda One: Tensor[\1, \2, One], \3]", result)
    for check in signature.checks:
        result = re.sub(r"^(Tensor\[\w+, V), (.*)\]$", rf"\1, given({check}, \2)]", result)
    plain = result.startswith(TENSORS)
    result = re.sub(r"(\w+)\(", r"rule.\1(", result if plain else qualified(result))
    head = f"[{', '.join(variables)}]" if variables else ""
    line = f"def {name}{head}({', '.join(texts)}) -> {result}: ..."
    return _overload(overloaded) + _tensor_dtypes(line) + _ignored(name)


def _overload(overloaded: bool) -> str:
    return "@overload\n" if overloaded else ""


def _ignored(name: str) -> str:
    return "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""


def _with_dtypes(text: str) -> str:
    return re.sub(rf"\b({'|'.join(DTYPES)})\b", r"dt.\1", text)


def _tensor_dtypes(line: str) -> str:
    """``Tensor[float32`` as ``Tensor[dt.float32``: inside the class Tensor the plain names mean other things."""
    return re.sub(r"Tensor\[([\w |]+),", lambda m: f"Tensor[{_with_dtypes(m.group(1))},", line)


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
            if ", *, dim: Sizes" not in parameters and re.search(r" = [^,]*, (?:dim|size|split_size\w*): Sizes", parameters):
                parameters = re.sub(r", (dim|size|split_size\w*): Sizes", r", *, \1: Sizes", parameters).replace(
                    ", *, *,", ", *,"
                )
                parameters = parameters[: parameters.index("*, ") + 3] + parameters[parameters.index("*, ") + 3 :].replace(
                    "*, ", ""
                )
            lists.append(signature._replace(parameters=parameters, result=result))
        parameters = re.sub(r": Axes\d*", ": int | Sequence[int | None] | None", signature.parameters)
        parameters = re.sub(r": Keep\d*", ": bool", re.sub(r": Dim\d*", ": int", parameters))
        parameters = re.sub(r": Size\d*", ": int", re.sub(r": Text\d*", ": str", parameters))
        lists.append(signature._replace(parameters=parameters, result=_open(signature.result), checks=()))
    return list(dict.fromkeys([*signatures, *lists]))


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


def grouped(signatures: list, place: str) -> dict[str, list]:
    """The signatures of a place by name, in order."""
    groups: dict[str, list] = {}
    for signature in signatures:
        if place in signature.places:
            groups.setdefault(signature.name, []).append(signature)
    return groups


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


# --- the portable stubs


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
    return _overload(overloaded) + _tensor_dtypes(line) + _ignored(name)


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


# --- templates


def factories(kind: str) -> str:
    """zeros, ones, … : sizes spelled out or in a tuple, a dtype or the default, a device by its name."""
    lines = []
    devices = [
        ("device: Literal['cpu'] | None = None", "dt.cpu"),
        ("device: Literal['webgpu']", "dt.webgpu"),
        ("device: builtins.str | dt.device", "Any"),
    ]
    rest = "requires_grad: builtins.bool = False, generator: Any = None, layout: Any = None, pin_memory: builtins.bool = False"
    if kind == "pyrefly":
        sizes = [("*size: *S", "S"), ("size: IntTupleOrList[S]", "S")]
        variables = "S: IntTuple, "
    else:
        sizes = [
            *(
                (
                    ", ".join(f"size{i}: L{i}" for i in range(n)) + ", /",
                    "builtins.tuple[" + ", ".join(f"L{i}" for i in range(n)) + "]",
                )
                for n in range(1, 6)
            ),
            ("*size: builtins.int", "Any"),
            *((f"size: {_shape(tuple(f'L{i}' for i in range(n)))}", _shape(tuple(f"L{i}" for i in range(n)))) for n in range(6)),
            ("size: Sequence[builtins.int]", "Any"),
        ]
        variables = ""

    def emit(name: str, parameters: str, shape: str, dtype: str) -> None:
        star = "" if parameters.startswith("*size") else ", *"
        for parameter, where in devices:
            for typed in (False, True):
                result = "E" if typed else f"dt.{dtype}"
                head = f"[{variables}E: dt.dtype]" if typed else f"[{variables.rstrip(', ')}]"
                head = head if kind == "pyrefly" and head != "[]" else ""
                given = "dtype: type[E]" if typed else "dtype: None = None"
                lines.append(
                    f"@overload\ndef {name}{head}({parameters}{star}, {given}, {parameter}, {rest})"
                    f" -> Tensor[{result}, {where}, {shape}]: ..."
                )

    for name in ("zeros", "ones", "empty", "rand", "randn"):
        for parameters, shape in sizes:
            emit(name, parameters, shape, "float32")
    tuple_form = sizes[-1:] if kind == "pyrefly" else sizes[-7:]
    for name, middle, dtype in (
        ("full", "fill_value: builtins.bool", "bool"),
        ("full", "fill_value: builtins.int", "int64"),
        ("full", "fill_value: builtins.float", "float32"),
        ("randint", "", "int64"),
    ):
        for parameters, shape in tuple_form:
            parameters = parameters.replace(", /", "")
            if name == "randint":
                emit(name, f"low: builtins.int, high: builtins.int, {parameters}", shape, dtype)
                emit(name, f"high: builtins.int, {parameters}", shape, dtype)
            else:
                emit(name, f"{parameters}, {middle}", shape, dtype)
    return "\n".join(lines) + "\n"


def likes(kind: str) -> str:
    """zeros_like and its kin."""
    lines = []
    rest = "device: Any = None, requires_grad: builtins.bool = False, memory_format: Any = None"
    heads = (
        ("[D: dt.dtype, V: dt.device, S: IntTuple]", "[D: dt.dtype, V: dt.device, S: IntTuple, E: dt.dtype]")
        if kind == "pyrefly"
        else ("", "")
    )
    for name, extra in (
        *((name, "") for name in ("zeros_like", "ones_like", "empty_like", "rand_like", "randn_like")),
        ("full_like", ", fill_value: builtins.float"),
        ("randint_like", ", high: builtins.int"),
    ):
        lines.append(
            f"@overload\ndef {name}{heads[0]}(input: Tensor[D, V, S]{extra}, *, dtype: None = None, {rest})"
            " -> Tensor[D, V, S]: ..."
        )
        lines.append(
            f"@overload\ndef {name}{heads[1]}(input: Tensor[D, V, S]{extra}, *, dtype: type[E], {rest}) -> Tensor[E, V, S]: ..."
        )
    return "\n".join(lines) + "\n"


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
UNIONS: dict[str, str] = {}


def _shape(sizes: tuple[str, ...]) -> str:
    return f"builtins.tuple[{', '.join(sizes)}]" if sizes else "builtins.tuple[()]"


def products() -> list[tuple[str, str, str]]:
    """(left, right, result) of a matrix product for every pair of ranks up to 4."""
    result = []
    for left, a in _ROWS.items():
        for right, b in _COLUMNS.items():
            lead = a[:-2] if left >= right else b[:-2]
            if min(left, right) > 2:
                lead = ("Any",) * (max(left, right) - 2)
            result.append((_shape(a), _shape(b), _shape((*lead, *a[-2:-1], *(b[-1:] if right > 1 else ())))))
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
        pairs = [(_shape(("L1", "L0", "K")), _shape(("L1", "K", "L3")), _shape(("L1", "L0", "L3")))]
    elif name == "linear":
        second = "W"
        leads: tuple[tuple[str, ...], ...] = ((), ("L0",), ("L1", "L0"), ("L2", "L1", "L0"))
        pairs = [(_shape((*lead, "K")), _shape(("L3", "K")), _shape((*lead, "L3"))) for lead in leads]
    elif name == "conv":
        second, spatial = "W", ("Any",) * int(signature.name[4])
        pairs = [
            (_shape((*lead, "K", *spatial)), _shape(("L3", "K", *spatial)), _shape((*lead, "L3", *spatial)))
            for lead in (("L0",), ())
        ]
        parameters = signature.parameters.replace("groups: Size = 1", "groups: Literal[1] = 1")
        grouped_call = signature.parameters.replace("groups: Size = 1", "*, groups: int")
        fixed = [
            signature._replace(parameters=_put(parameters, first, a, second, b), result=f"Tensor[D, V, {c}]") for a, b, c in pairs
        ]
        anywhere = tuple(_shape(("L0", "Any", *spatial)) if one == "S" else _shape(("L3", "Any", *spatial)) for one in "SW")
        return [
            *fixed,
            signature._replace(
                parameters=_put(grouped_call, first, anywhere[0], second, anywhere[1]),
                result=f"Tensor[D, V, {_shape(('L0', 'L3', *spatial))}]",
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


def filled(template: str, signatures: list, kind: str) -> str:
    """A template with its places filled."""
    if kind == "portable":
        signatures = [one for signature in signatures for one in exact(signature)]
    methods = pyrefly_methods if kind == "pyrefly" else portable_methods
    functions = pyrefly_functions if kind == "pyrefly" else portable_functions
    text = (ROOT / "tools" / "stubs" / template).read_text()
    text = text.replace("# {methods}\n", methods(signatures))
    text = text.replace("# {functions}\n", functions(signatures, "t"))
    text = text.replace("# {functional}\n", functions(signatures, "f"))
    text = text.replace("# {linalg}\n", functions(signatures, "l"))
    text = text.replace("# {fft}\n", functions(signatures, "s"))
    text = text.replace("# {factories}\n", factories(kind) + likes(kind))
    text = text.replace("# {named_tuples}\n", named_tuples(kind))
    text = text.replace("# {layers}", layers()).replace("shape keeping modules", TABLE.SHAPE_KEEPING_MODULES)
    text = text.replace("# {other modules}\n", other_modules(text, kind))
    text = text.replace("# {in_a_row}\n", in_a_row())
    text = text.replace("# {any_sizes}\n", "".join(f"{name} = Any\n" for name in SIZE_VARIABLES))
    text = text.replace("# {sizes}", ", ".join(map(str, KNOWN_SIZES))).replace("# {size_variables}\n", size_variables() + "\n")
    text = re.sub(r"^ *# \{for n in 1, 2, 3\}\n(.*?)^ *# \{end\}\n", _per_dimension, text, flags=re.M | re.S)
    text = re.sub(r"^ *# \{for name in (.*?)\}\n(.*?)^ *# \{end\}\n", _per_name, text, flags=re.M | re.S)
    open_constructor = (
        r"^(class (?!Module\b)(\w+)\b[^\n]*\n    def __init__\()self, \*args: Any, \*\*kwargs: Any\) -> None: \.\.\."
    )
    text = re.sub(open_constructor, _constructed, text, flags=re.M)
    return taking_unions(text) if kind == "pyrefly" else text


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


def named_tuples(kind: str) -> str:
    """The classes of results whose parts have names."""
    lines = []
    for name, parts in TABLE.NAMED_TUPLES.items():
        variables = ", ".join("ABC"[: len(parts)])
        head = f"[{variables}](tuple[{variables}])" if kind == "pyrefly" else f"(tuple[{variables}], Generic[{variables}])"
        lines.append(f'class {name}{head}:\n    """A tuple whose parts have names: {", ".join(parts)}."""\n')
        lines.extend(f"    @property\n    def {part}(self) -> {variable}: ..." for part, variable in zip(parts, "ABC"))
        lines.append("")
    return "\n".join(lines)


def other_modules(written: str, kind: str) -> str:
    """The modules of the table that a template does not spell out."""
    import inspect

    from flambeau import nn

    lines = []
    for module in TABLE.MODULES.values():
        if re.search(rf"^class {module.name}\b|\{{for name in .*\b{module.name}\b.*\}}", written, re.M):
            continue
        if re.sub(r"\dd$", "{n}d", module.name) != module.name and f"class {module.name[:-2]}{{n}}d" in written:
            continue
        runtime = getattr(nn, module.name)
        table = {parameter.name: parameter for parameter in split_parameters(module.parameters)}
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
            for parameter in table.values():
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


def modules() -> str:
    """The modules that `flambeau` has as attributes, as imports."""
    import importlib.util

    import flambeau

    there = [name for name in sorted(flambeau._MODULES) if importlib.util.find_spec(f"flambeau.{name}") is not None]
    return "".join(f"from flambeau import {name} as {name}\n" for name in there)


def rest_of(namespace: str, written: str, kind: str) -> str:
    """What the run time has and no signature describes, with open types: for completion, and so that a typo is an error."""
    import importlib
    import inspect

    module = importlib.import_module("flambeau" + namespace)
    defined = set(
        re.findall(r"^(?:@overload\n)?(?:def|class) (\w+)|^from .* import .*?(?:as )?(\w+)$|^(\w+)(?:: | = )", written, re.M)
    )
    known = {name for match in defined for name in match if name} | {"functional", "init", "utils", "modules"}
    lines = []
    for name in sorted(vars(module) if namespace else set(module.__all__) | set(vars(module))):
        value = getattr(module, name, None)
        if name.startswith("_") or name in known or not name.isidentifier() or inspect.ismodule(value):
            continue
        if getattr(value, "__module__", "").startswith("flambeau") is False and not isinstance(value, float | type(None)):
            continue
        if namespace == ".nn" and inspect.isclass(value) and issubclass(value, module.Module):
            lines.append(f"class {name}(Module):\n    def __init__({constructor_parameters(value)}) -> None: ...")
            if kind == "portable":
                lines.append("    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...")
        elif callable(value) and not inspect.isclass(value):
            lines.append(f"def {name}{_open_parameters(value)} -> Any: ...")
        else:
            lines.append(f"{name}: Any")
    return "\n".join(lines) + "\n"


# What the annotations of constructors may name as they stand.
_PLAIN_TYPES = frozenset(("int", "float", "bool", "str", "None", "tuple", "Any", "Tensor", "Module", "Sequence", "Mapping"))


def constructor_parameters(module_class: type) -> str:
    """The parameters of a module's constructor, as the run time has them."""
    import inspect

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


def _constructed(match: re.Match) -> str:
    from flambeau import nn

    return f"{match.group(1)}{constructor_parameters(getattr(nn, match.group(2)))}) -> None: ..."


def _open_parameters(function: object) -> str:
    import inspect

    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return "(*args: Any, **kwargs: Any)"
    parameters = [
        p.replace(annotation=inspect.Parameter.empty, default=... if p.default is not p.empty else p.empty)
        for p in signature.parameters.values()
    ]
    text = str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    return text.replace("=Ellipsis", "=...")


def _per_dimension(match: re.Match) -> str:
    return "".join(match.group(1).replace("{n}", n) for n in "123")


def _per_name(match: re.Match) -> str:
    return "".join(match.group(2).replace("{name}", name) for name in match.group(1).split())


def generate() -> dict[Path, str]:
    """Every stub's path and text."""
    signatures = TABLE.SIGNATURES
    result: dict[Path, str] = {}
    for kind in ("pyrefly", "portable"):
        folder = PACKAGE / f"_{kind}"
        for template in sorted((ROOT / "tools" / "stubs").glob(f"{kind}_*.pyi.in")):
            name = template.name.removeprefix(f"{kind}_").removesuffix(".in")
            text = filled(template.name, signatures, kind)
            namespace = {
                "_functions.pyi": "",
                "_functional.pyi": ".nn.functional",
                "nn.pyi": ".nn",
                "_linalg.pyi": ".linalg",
                "_fft.pyi": ".fft",
            }.get(name)
            if namespace is not None:
                others = (ROOT / "tools" / "stubs" / f"{kind}__aliases.pyi.in").read_text() if not namespace else ""
                gate = (ROOT / "tools" / "stubs" / "gate___init__.pyi.in").read_text() if not namespace else ""
                text += rest_of(namespace, text + others + gate + "\nclass Tensor: ...\n", kind)
            result[folder / name] = HEADER + text
    variables = PACKAGE / "_portable" / "_variables.pyi"  # last: by now every union has been met
    unions = (f'{name} = TypeVar("{name}", bound={_with_dtypes(union)}, default=Any)' for union, name in UNIONS.items())
    result[variables] = result[variables].replace("# {union_variables}\n", "\n".join(unions) + "\n")
    for template in sorted((ROOT / "tools" / "stubs").glob("gate_*.pyi.in")):
        where = template.name.removeprefix("gate_").removesuffix(".pyi.in").replace(".", "/") + ".pyi"
        result[PACKAGE / where] = HEADER + template.read_text().replace("# {modules}\n", modules())
    return result


def main() -> int:
    """Write the stubs, or with ``--check`` compare them. Exit status 1 where they are stale."""
    check = "--check" in sys.argv[1:]
    stale = []
    for path, text in generate().items():
        if path.exists() and path.read_text() == text:
            continue
        stale.append(path)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    for path in stale:
        print(("stale: " if check else "wrote ") + str(path.relative_to(ROOT)))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
