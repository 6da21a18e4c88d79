"""The table of signatures against the run time: every operator in it exists, and takes the parameters that the table says."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

import flambeau
import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.tensor import Tensor
from flambeau.typing.mypy.evaluation import parameters_of
from flambeau.typing.rules import RULES
from flambeau.typing.signatures import MODULES, SIGNATURES

HOLDERS = {"t": torch, "f": F, "l": torch.linalg, "s": torch.fft, "m": Tensor, "i": Tensor}
CALLS = sorted({(place, signature.name) for signature in SIGNATURES for place in signature.places})


@pytest.mark.parametrize(("place", "name"), CALLS)
def test_the_run_time_takes_these_parameters(place, name):
    function = getattr(HOLDERS[place], name + ("_" if place == "i" else ""))
    try:
        have = list(inspect.signature(function).parameters.values())
    except ValueError:
        return
    if any(parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) for parameter in have):
        return
    names = {parameter.name for parameter in have}
    for signature in SIGNATURES:
        if signature.name == name and place in signature.places:
            given = [p.name for p in parameters_of(signature.parameters) if p.name][place in "mi" :]
            unknown = [
                parameter for parameter in given if parameter not in names and (name, parameter) != ("split", "split_size")
            ]
            assert not unknown, f"{name} has no parameter {unknown}: it has {sorted(names)}"


@pytest.mark.parametrize("name", MODULES)
def test_modules_take_these_parameters(name):
    have = inspect.signature(getattr(nn, name).__init__).parameters
    if "kwargs" not in have:
        assert all(parameter.name in have for parameter in parameters_of(MODULES[name].parameters))


def rules_in(text: str) -> set[str]:
    tree = ast.parse(text, mode="eval")
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def test_every_rule_exists_in_both_forms():
    from pathlib import Path

    named = set().union(*(rules_in(s.result) for s in SIGNATURES))
    named_by_modules = set().union(*(rules_in(m.result.rpartition(": ")[2]) for m in MODULES.values()))
    stub = (Path(flambeau.__file__).parent / "_pyrefly" / "_rules.pyi").read_text()
    assert named <= set(re.findall(r"^def (\w+)\(", stub, re.M))
    assert named | named_by_modules <= RULES.keys()
