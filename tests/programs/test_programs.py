"""Programs of common kinds, run by PyTorch and by flambeau with the same weights and numbers: what they compute agrees."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

import flambeau

TOLERANCES = {"gpt": 1e-3, "vae": 1e-3, "ppo": 1e-3, "graph": 1e-3, "maml": 1e-3, "mixed_precision": 3e-2}


def numbers(value):
    """All numbers of a nested result, as arrays."""
    if isinstance(value, (tuple, list)):
        return [array for v in value for array in numbers(v)]
    return [value.detach().double().numpy() if hasattr(value, "detach") else np.asarray(value, float)]


@pytest.mark.parametrize("name", TOLERANCES)
def test_program(name):
    program = importlib.import_module(f"tests.programs.{name}")
    theirs, ours = (numbers(program.run(library, np.random.RandomState(1))) for library in (torch, flambeau))
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(b, a, rtol=TOLERANCES[name], atol=TOLERANCES[name] / 10)


def test_a_compiled_program(monkeypatch):
    """The GPT again, its calls recorded."""
    program = importlib.import_module("tests.programs.gpt")
    build = program.build
    theirs = numbers(program.run(torch, np.random.RandomState(1)))
    monkeypatch.setattr(program, "build", lambda library: library.compile(build(library)))
    for a, b in zip(theirs, numbers(program.run(flambeau, np.random.RandomState(1))), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-4)
