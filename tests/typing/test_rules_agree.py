"""Pyrefly's form of each shape rule against the library's, over drawn arguments, as Pyrefly itself evaluates it.

One stub function is written for each rule, one call for each drawn case, and Pyrefly runs once over all. Where the library's
rule gives a shape, Pyrefly's must give the same or leave it open; where the library's raises, Pyrefly's must report or leave it
open. How much may be left open is bounded, so that a rule that says nothing fails.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from flambeau.shapes.symbolic import UNKNOWN
from flambeau.typing.rules import RULES

ROOT = Path(__file__).resolve().parent.parent.parent
CASES_A_RULE = 80
DIMS = {  # what integers that are not dimensions may be
    "spatial": [2], "least": [2], "most": [2], "count": [0, 1, 2, 2], "rank": [1, 2, 3], 
    "before": [-1, 0, 1, 2], "between": [0, 1, 2],
    "part": [0, 1, 2], "offset": [0, 0, 1, -1], "from_end": [0, 1], "groups": [1, 2, 3], "n": [0, 1, 2],
}  # fmt: skip
INTRINSIC = {
    "einsum",
    "einops_rearrange",
    "einops_repeat",
    "einops_reduce",
    "into",
}  # read by Pyrefly itself, or without a result
SKIPPED = {"at", "class_or_probability_loss"}  # the mypy plugin's own


def rule_names() -> list[str]:
    return sorted(RULES.keys() - INTRINSIC - SKIPPED)


def drawn(kind: str, name: str, random_source: random.Random):
    """An argument of a rule by the name of its annotation."""
    size = random_source.choice([1, 1, 2, 2, 3, 4, 4, 6, 8])
    if kind == "Shape":
        if name in ("stride", "dilation"):
            return (random_source.choice([1, 1, 2]),) * 2
        if name in ("total", "output_padding"):
            return (random_source.choice([0, 0, 2]) if name == "total" else 0,) * 2
        if name == "kernel":
            return (random_source.choice([1, 2, 3]), random_source.choice([1, 2, 3]))
        if name == "sizes":
            return tuple(random_source.choice([-1, 1, 2, 3, 4, 8]) for _ in range(random_source.randint(1, 3)))
        if name in ("counts", "last", "default", "target"):
            return tuple(random_source.choice([1, 2, 3]) for _ in range(random_source.randint(1, 3)))
        return tuple(random_source.choice([1, 2, 2, 3, 4, 4, 8]) for _ in range(random_source.randint(0, 4)))
    if kind == "Shapes":
        first = tuple(random_source.choice([1, 2, 3]) for _ in range(random_source.randint(1, 3)))
        return tuple(first if random_source.random() < 0.8 else drawn("Shape", "", random_source) or (1,) for _ in range(2))
    if kind == "Dim":
        if name in DIMS:
            return random_source.choice(DIMS[name])
        return random_source.randint(-4, 4) if "dim" in name else size
    if kind == "Axes":
        return random_source.choice([None, 1, 2, (0, 1), (1, 1), (2, 1), (0, 2, 1), (1, 1, 2, 2)])
    if kind == "Flag":
        return random_source.random() < 0.5
    if kind == "Text":
        return random_source.choice(["none", "mean", "sum", "same", "valid"])
    if kind == "Size":
        return size
    raise AssertionError(kind)


SQUARES = [(3, 3), (2, 4, 4), (2, 3, 4)]
FITTING: dict[str, dict[str, list]] = {  # for each rule, what fits, or nearly
    "reduce_over": {"shape": [(2, 3, 4)], "dims": [(0, 1), (1, -1), (2,), (0, 3)]},
    "squeeze_dims": {"shape": [(1, 3, 1)], "dims": [(0, 2), (0, -1), (1,), (0, 3)]},
    "split_into": {"shape": [(2, 6, 4)], "sizes": [(2, 4), (1, 5), (6,), (2, 2)], "dim": [1, -2]},
    "resized_to": {"shape": [(2, 3, 4, 4)], "sizes": [(8, 8), (3, 5)]},
    "at_mask": {"shape": [(2, 3, 4)], "mask": [(2,), (2, 3), (3,), (2, 3, 4)]},
    "at_integers": {"shape": [(2, 3, 4)], "index": [(2,), (5, 3), ()]},
    "at_pair": {"shape": [(2, 3, 4)], "first": [(3,), (2, 3)], "second": [(3,), (2, 3), (1,)]},
    "gather": {"shape": [(2, 3)], "index": [(2, 5), (1, 3), (2, 3), (3, 3)], "dim": [1, -1, 0]},
    "scatter": {"shape": [(2, 3)], "index": [(2, 5), (1, 3), (2, 3), (3, 3)], "dim": [1, -1, 0]},
    "scatter_from": {"shape": [(2, 3)], "index": [(2, 3), (1, 2)], "source": [(2, 3), (4, 4)], "dim": [1, 0]},
    "index_add": {"shape": [(2, 3)], "index": [(4,), (1,)], "source": [(2, 4), (2, 1), (4, 3)], "dim": [0, 1, -1]},
    "take_along_dim": {"shape": [(2, 3)], "indices": [(2, 4), (1, 2), (3, 3)], "dim": [1, 0, -1]},
    "windows": {"shape": [(2, 6)], "dim": [1, -1], "size": [2, 3, 7], "step": [1, 2]},
    "diagonal": {"shape": [(2, 3, 4), (3, 3)], "offset": [0], "dim1": [0, 1, -1], "dim2": [1, 0, -2]},
    "diag": {"shape": [(3,), (2, 3), (4, 4)]},
    "movedims": {"shape": [(2, 3, 4)], "source": [(0, 1), (0, 3)], "destination": [(1, 2), (2, 0)]},
    "grid": {"shapes": [((2,), (3,)), ((4,), ())], "indexing": ["ij", "xy"]},
    "drawn": {"shape": [(4,), (2, 5)]},
    "tensordot": {"left": [(2, 3, 4)], "right": [(3, 4, 5), (4, 2)], "count": [0, 1, 2]},
    "cross_distances": {"left": [(2, 3), (4, 2, 3)], "right": [(5, 3), (4, 6, 3), (5, 2)]},
    "bilinear": {"left": [(2, 3)], "right": [(2, 4)], "weight": [(5, 3, 4), (5, 4, 4)]},
    "with_bias": {"result": [(2, 5)], "weight": [(5, 3)], "bias": [(5,), (3,), ()]},
    "solved": {"matrices": [(3, 3), (2, 3, 3)], "right": [(3,), (3, 2), (2, 3, 4), (4, 2)]},
    **{name: {"shape": SQUARES} for name in ("square", "determinant", "spectrum", "reduced_svd", "full_svd")},
    "unfolded": {"shape": [(2, 4, 8, 9), (3, 5, 5)]},
    "folded": {
        "shape": [(2, 8, 16)], "sizes": [(5, 5)], "kernel": [(2, 2)], "dilation": [(1, 1)], "total": [(0, 0)], "stride": [(1, 1)]
    },
    "grid_sample": {"input": [(2, 3, 4, 4)], "grid": [(2, 5, 6, 2), (1, 5, 6, 2), (2, 5, 6, 3)]},
    "affine_grid": {"theta": [(2, 2, 3), (2, 3, 4)], "sizes": [(2, 1, 4, 5), (3, 1, 4, 5)]},
    "channel_vector": {"shape": [(2, 4, 3)], "vector": [(4,), (3,)]},
    "grouped": {"shape": [(2, 4, 3)], "groups": [2, 4, 3]},
    "state": {"given": [(2, 3)], "expected": [(2, 3), (2, 4)]},
    "cell": {"shape": [(2, 4), (4,)], "input_size": [4, 3]},
    **{
        name: {"first": [(2, 3)], "second": [(2, 3), (1, 3)], key: [(2, 3), (2, 4)], "reduction": ["mean", "sum"]}
        for name, key in (("triple_loss", "third"), ("ranking_loss", "target"))
    },
    "cosine_loss": {"first": [(2, 3)], "second": [(2, 3), (1, 3)], "target": [(2,), (1,)], "reduction": ["mean", "sum"]},
    "divergence": {"input": [(2, 3)], "target": [(2, 3), (3,)], "reduction": ["batchmean", "none"]},
    "unbind": {"shape": [(2, 3), (4, 1, 2)], "dim": [0, 1, -1]},
    "broadcast_all": {"shapes": [((2, 1), (2, 3)), ((2, 3), (2, 3)), ((2, 3), (2, 4))]},
    "split": {"shape": [(2, 6, 4)], "size": [2, 4, (2, 4), (3, 3)], "dim": [1, -2]},
    "chunk": {"shape": [(2, 7, 4)], "chunks": [2, 3, 4], "dim": [1, -2]},
    "rot90": {"shape": [(2, 3, 4), (3, 2)], "k": [0, 1, 2, 3], "dims": [(0, 1), (1, 0), (0, -1), (0, 2), (1, 1)]},
    "tensor_split": {"shape": [(2, 7, 4), (5, 3)], "sections": [1, 2, 3, (1, 3), (2,), (0, 2)], "dim": [0, 1, -1]},
    "in_depth": {"shapes": [((2, 3), (2, 3)), ((2, 3, 1), (2, 3, 2)), ((2, 3), (2, 4))]},
    "as_columns": {"shapes": [((4,), (4,)), ((4,), (4, 2)), ((4, 3), (4, 2)), ((4,), (5,))]},
    "block_diagonal": {"shapes": [((2, 3), (4, 5)), ((1, 1), (2, 2))]},
    "cartesian_product": {"shapes": [((2,), (3,)), ((4,),), ((2,), (3,), (4,)), ((2, 2), (3,))]},
    "tensordot_over": {
        "left": [(2, 3, 4)], "right": [(3, 4, 5), (4, 3)], "dims": [(1, 2), (1,), (2, 1), (-1,)], "others": [(0, 1), (0,), (1,)]
    },
    "multi_dot": {"shapes": [((2, 3), (3, 4)), ((2, 3), (3, 4), (4, 5)), ((2, 3), (4, 5))]},
    "unpool": {
        "input": [(1, 2, 4, 4), (2, 3, 3)], "indices": [(1, 2, 4, 4), (2, 3, 3)], "kernel": [(2, 2)], "stride": [(2, 2)],
        "padding": [(0, 0), (1, 1)],
    },
    "picked": {"shape": [(2, 3), (4,), (1, 2, 3)], "dim": [0, 1, -1], "index": [0, 1, 2, 3, -1, -3]},
    "laid_out": {"sizes": [(2, -1), (4, 3), (-1,)], "shape": [(4, 3), (2, 6)]},
    "in_groups": {"in_channels": [4, 6], "out_channels": [4, 8], "groups": [1, 2, 3]},
    "in_heads": {"embed_dim": [8, 6], "num_heads": [2, 4]},
    "upsampled": {"shape": [(2, 3, 4, 4)], "size": [None, 8, (3, 5)], "factor": [None, 2]},
}  # fmt: skip


def fitting(name: str, arguments: dict, random_source: random.Random) -> dict:
    """Half of the cases made to fit, so that results are compared and not only errors."""
    if random_source.random() < 0.4:
        return arguments
    if name in ("conv", "conv_transpose", "conv_module", "conv_transpose_module", "pool"):
        arguments["input"] = (2, 4, 8, 9)
        if "weight" in arguments:
            arguments["weight"] = (4, 4, 3, 2)
        if "groups" in arguments:
            arguments["groups"] = 1
        if "in_channels" in arguments:
            arguments["in_channels"] = 4
    elif name in ("matmul", "mm", "bmm"):
        rank = {"mm": 2, "bmm": 3}.get(name, random_source.choice([2, 3]))
        arguments["left"], arguments["right"] = (2, 3, 4)[3 - rank :], (2, 4, 5)[3 - rank :]
    elif name == "linear":
        arguments["input"], arguments["weight"] = (*arguments["input"], 4), (5, 4)
    elif name == "attention":
        arguments.update(query=(2, 3, 4), key=(2, 5, 4), value=(2, 5, 6))
    elif name in ("same", "broadcast", "probability_loss"):
        first = next(iter(arguments))
        arguments["right" if "right" in arguments else "target"] = arguments[first]
    elif name == "class_loss":
        arguments["input"], arguments["target"] = (4, 3, 2)[: random_source.choice([2, 3])], (4,)
    elif name in ("embedding", "bag"):
        arguments["weight"] = (10, 4)
    elif name in FITTING:
        for key, values in FITTING[name].items():
            arguments[key] = random_source.choice(values)
    elif name in ("batch_channels", "channels"):
        arguments.update(shape=(2, 4, 3, 3), expected=random_source.choice([4, 4, 3]))
    return arguments


def literal(value) -> str:
    return repr(value)


def annotation(kind: str, variable: str) -> tuple[str, str]:
    """The type parameter and the parameter's annotation in the stub."""
    return {
        "Shape": (f"{variable}: IntTuple", f"Box[{variable}]"),
        "Shapes": (f"{variable}: IntTuples", f"MapIntTuples[lambda One: Box[One], {variable}]"),
        "Dim": (f"{variable}: Flag[int]", variable),
        "Axes": (f"{variable}: Flag[int | tuple[int, ...] | None]", variable),
        "Flag": (f"{variable}: Flag[bool]", variable),
        "Text": (f"{variable}: Flag[str]", variable),
        "Size": (f"{variable}: Int", variable),
    }[kind]


def written(kind: str, value) -> str:
    if kind == "Shape":
        return f"box({literal(value)})"
    if kind == "Shapes":
        return "(" + ", ".join(f"box({literal(shape)})" for shape in value) + ",)"
    return literal(value)


def kinds_of(name: str) -> dict[str, str]:
    return {
        parameter: str(value.annotation).strip("'").removesuffix(" | None")
        for parameter, value in inspect.signature(RULES[name]).parameters.items()
    }


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """(rule, arguments, what Pyrefly reveals, whether it reports) for every case."""
    pytest.importorskip("pyrefly")
    if importlib.util.find_spec("shape_extensions") is None:
        pytest.skip("pyrefly-shape-extensions is not installed")
    folder = tmp_path_factory.mktemp("rules")
    stub = [
        "from shape_extensions import Flag, Int, IntTuple, IntTupleOrList, IntTuples, MapIntTuples",
        "from flambeau._pyrefly import _rules as rule",
        "class Box[S: IntTuple = IntTuple]: ...",
        "def box[S: IntTuple](sizes: IntTupleOrList[S]) -> Box[S]: ...",
    ]
    calls = ["from calls import *", "from typing import reveal_type"]
    cases = []
    source = random.Random(0)
    for name in rule_names():
        kinds = kinds_of(name)
        variables = [annotation(kind, f"V{i}") for i, kind in enumerate(kinds.values())]
        inner = ", ".join(f"V{i}" for i in range(len(kinds)))
        returns = inspect.signature(RULES[name]).return_annotation.strip("'")
        result = {
            "Shape": f"Box[rule.{name}({inner})]",
            "Size": f"Int[rule.{name}({inner})]",
            "Shapes": f"MapIntTuples[lambda One: Box[One], rule.{name}({inner})]",
        }[returns]
        parameters = ", ".join(f"a{i}: {variable[1]}" for i, variable in enumerate(variables))
        stub.append(f"def r_{name}[{', '.join(variable[0] for variable in variables)}]({parameters}) -> {result}: ...")
        for _ in range(CASES_A_RULE):
            arguments = fitting(name, {key: drawn(kind, key, source) for key, kind in kinds.items()}, source)
            text = ", ".join(written(kind, value) for kind, value in zip(kinds.values(), arguments.values()))
            calls.append(f"reveal_type(r_{name}({text}))")
            cases.append((name, arguments, len(calls)))
    (folder / "calls.pyi").write_text("\n".join(stub))
    (folder / "cases.py").write_text("\n".join(calls))
    command = [
        sys.executable,
        "-m",
        "pyrefly",
        "check",
        str(folder / "cases.py"),
        "--output-format",
        "json",
        "--min-severity",
        "info",
    ]
    command += ["--python-interpreter-path", sys.executable, "--search-path", str(folder), "--search-path", str(ROOT)]
    done = subprocess.run([*command, "--preset", "default"], capture_output=True, text=True, timeout=600)
    revealed, reported = {}, set()
    for error in json.loads(done.stdout)["errors"]:
        if error["name"] == "reveal-type":
            revealed[error["line"]] = error["description"].removeprefix("revealed type: ")
        else:
            reported.add(error["line"])
    assert len(revealed) == len(cases), done.stdout[:2000]
    return [(name, arguments, revealed[line], line in reported) for name, arguments, line in cases]


def shown(shape) -> str:
    """As Pyrefly writes it: a size that is not known is an int."""
    return "Box[[" + ", ".join("int" if size is UNKNOWN else str(size) for size in shape) + "]]"


def expected(name: str, arguments: dict) -> tuple[str, str]:
    try:
        result = RULES[name](**arguments)
    except (RuntimeError, IndexError, ValueError, NotImplementedError, TypeError, AssertionError) as error:
        return "error", str(error)
    returns = inspect.signature(RULES[name]).return_annotation.strip("'")
    if returns == "Size":
        return "shape", f"Int[{result}]"
    if returns == "Shapes":
        return "shape", "tuple[" + ", ".join(shown(shape) for shape in result) + "]"
    return "shape", shown(result)


def test_pyrefly_reads_every_rule():
    """What its rule language does not have is an error in the file of rules, and no program would say so."""
    pytest.importorskip("pyrefly")
    command = [
        sys.executable,
        "-m",
        "pyrefly",
        "check",
        str(ROOT / "flambeau" / "_pyrefly" / "_rules.pyi"),
        "--preset",
        "default",
    ]
    command += ["--output-format", "json", "--python-interpreter-path", sys.executable, "--search-path", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    errors = [error for error in json.loads(done.stdout)["errors"] if "type_shape_dsl_function" in error["description"]]
    assert not errors


@pytest.mark.parametrize("name", rule_names())
def test_pyrefly_evaluates_the_rule_as_the_library_does(name, evaluated):
    decided = 0
    results = [(arguments, text, reported) for rule, arguments, text, reported in evaluated if rule == name]
    for arguments, text, reported in results:
        kind, want = expected(name, arguments)
        open_ended = text in ("Box", "tuple[Box, ...]", "int", "Int[int]") or "Unknown" in text or "Any" in text or "int" in text
        if kind == "error":
            assert reported or open_ended, f"{name}{arguments}: the library raises {want!r}, Pyrefly gives {text}"
            decided += reported
        else:
            assert not reported, f"{name}{arguments}: the library gives {want}, Pyrefly reports an error"
            assert open_ended or text == want, f"{name}{arguments}: the library gives {want}, Pyrefly {text}"
            decided += text == want or not open_ended
    assert decided >= 0.3 * len(results), f"{name}: only {decided} of {len(results)} cases decided"
