"""The definitions of `zeros`, `full_like` and their kin, whose device and dtype are named or left out."""

from __future__ import annotations

from tools.stubs.text import sized


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
            *((f"size: {sized(tuple(f'L{i}' for i in range(n)))}", sized(tuple(f"L{i}" for i in range(n)))) for n in range(6)),
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
