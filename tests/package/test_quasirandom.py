"""Sobol sequences, beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flambeau
from flambeau.quasirandom.direction_numbers import DIMENSIONS, direction_numbers
from flambeau.quasirandom.sobol import _multiplied


def test_direction_numbers_are_pytorchs():
    for dimension in (1, 2, 3, 40, DIMENSIONS):
        theirs = torch.zeros(dimension, 30, dtype=torch.long)
        torch._sobol_engine_initialize_state_(theirs, dimension)
        np.testing.assert_array_equal(direction_numbers(dimension), theirs.numpy())


def draws(library):
    engine = library.quasirandom.SobolEngine(7)
    found = [engine.draw(), engine.draw(2), engine.draw(0), engine.draw(5, dtype=library.float64), engine.quasi]
    found += [
        engine.fast_forward(0).draw(1),
        engine.fast_forward(100).draw(3),
        engine.reset().draw_base2(3),
        engine.draw_base2(3),
    ]
    ahead = library.quasirandom.SobolEngine(3).fast_forward(12345)
    found += [ahead.quasi, ahead.draw(300), ahead.draw(out=library.empty(0)), library.tensor(ahead.num_generated)]
    single = library.quasirandom.SobolEngine(3)
    found += [single.fast_forward(1).draw(2, dtype=library.float64), single.sobolstate, single.shift]
    return found


def test_points_are_pytorchs():
    for ours, theirs in zip(draws(flambeau), draws(torch), strict=True):
        assert str(ours.dtype) == str(theirs.dtype)
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_scrambling_multiplies_bits_as_pytorchs_does():
    matrices = torch.randint(2, (5, 30, 30), generator=torch.Generator().manual_seed(1)).tril()
    theirs = torch.from_numpy(direction_numbers(5).copy())
    ours = _multiplied(matrices.numpy(), theirs.numpy().copy())
    torch._sobol_engine_scramble_(theirs, matrices, 5)
    np.testing.assert_array_equal(ours, theirs.numpy())


def test_scrambled_points_stay_balanced():
    engine = flambeau.quasirandom.SobolEngine(4, scramble=True, seed=3)
    points = engine.draw(64)
    for column in points.numpy().T:
        assert sorted((column * 64).astype(int)) == list(range(64))
    assert repr(engine) == repr(torch.quasirandom.SobolEngine(4, scramble=True, seed=3))
    np.testing.assert_array_equal(points.numpy(), flambeau.quasirandom.SobolEngine(4, True, 3).draw(64).numpy())
    assert (points != flambeau.quasirandom.SobolEngine(4, True, 4).draw(64)).any()


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.quasirandom.SobolEngine(0),
        lambda m: m.quasirandom.SobolEngine(21202),
        lambda m: m.quasirandom.SobolEngine(3).draw(0),
        lambda m: m.quasirandom.SobolEngine(3).draw(-2),
        lambda m: m.quasirandom.SobolEngine(3).draw(2, dtype=m.float16),
        lambda m: m.quasirandom.SobolEngine(3).draw(2, dtype=m.int64),
        lambda m: m.quasirandom.SobolEngine(3).fast_forward(3).draw_base2(2),
    ],
)
def test_errors_are_pytorchs(call):
    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(theirs.type) as ours:
        call(flambeau)
    assert str(ours.value) == str(theirs.value)
