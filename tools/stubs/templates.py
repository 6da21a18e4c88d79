"""The templates (`templates/*.pyi.in`), filled."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from flambeau import nn
from flambeau.typing import signatures as table
from tools.stubs.exact import KNOWN_SIZES, SIZE_VARIABLES, exact, size_variables
from tools.stubs.factories import factories, likes
from tools.stubs.layers import constructor_parameters, in_a_row, layers, other_modules
from tools.stubs.portable import portable_functions, portable_methods
from tools.stubs.pyrefly import pyrefly_functions, pyrefly_methods, taking_unions

TEMPLATES = Path(__file__).parent / "templates"


def filled(template: str, signatures: list, kind: str) -> str:
    """A template with its places filled."""
    if kind == "portable":
        signatures = [one for signature in signatures for one in exact(signature)]
    methods = pyrefly_methods if kind == "pyrefly" else portable_methods
    functions = pyrefly_functions if kind == "pyrefly" else portable_functions
    text = (TEMPLATES / template).read_text()
    places: dict[str, Callable[[], str]] = {
        "methods": lambda: methods(signatures),
        "functions": lambda: functions(signatures, "t"),
        "functional": lambda: functions(signatures, "f"),
        "linalg": lambda: functions(signatures, "l"),
        "fft": lambda: functions(signatures, "s"),
        "factories": lambda: factories(kind) + likes(kind),
        "named_tuples": lambda: named_tuples(kind),
    }
    for place, made in places.items():
        if f"# {{{place}}}\n" in text:
            text = text.replace(f"# {{{place}}}\n", made())
    text = text.replace("# {layers}", layers()).replace("shape keeping modules", table.SHAPE_KEEPING_MODULES)
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


def named_tuples(kind: str) -> str:
    """The classes of results whose parts have names."""
    lines = []
    for name, parts in table.NAMED_TUPLES.items():
        variables = ", ".join("ABC"[: len(parts)])
        head = f"[{variables}](tuple[{variables}])" if kind == "pyrefly" else f"(tuple[{variables}], Generic[{variables}])"
        lines.append(f'class {name}{head}:\n    """A tuple whose parts have names: {", ".join(parts)}."""\n')
        lines.extend(f"    @property\n    def {part}(self) -> {variable}: ..." for part, variable in zip(parts, "ABC"))
        lines.append("")
    return "\n".join(lines)


def _constructed(match: re.Match) -> str:
    return f"{match.group(1)}{constructor_parameters(getattr(nn, match.group(2)))}) -> None: ..."


def _per_dimension(match: re.Match) -> str:
    return "".join(match.group(1).replace("{n}", n) for n in "123")


def _per_name(match: re.Match) -> str:
    return "".join(match.group(2).replace("{name}", name) for name in match.group(1).split())
