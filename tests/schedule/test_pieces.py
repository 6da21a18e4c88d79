"""Graphs that are computed piece by piece mean the same, and are so only where their structure is another each time."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parent))

from graphs import broadcast, copied, graphs, leaf, make
from interpreter import Interpreter
from test_plans import check

from flambeau.graph.node import topological_order
from flambeau.schedule import pieces as cutting
from flambeau.schedule import realize, running
from flambeau.schedule.keeping import Plans


class _Never:
    def is_planned(self, *_: Any) -> bool:
        return False


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_random_graphs(nodes: Any) -> None:
    if nodes:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(running, "PLANS", Plans(4096))
            patch.setattr(running, "_novelty", _Never())
            check(nodes, Interpreter())


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_pieces_come_after_what_they_read(nodes: Any) -> None:
    nodes = [n for n in dict.fromkeys(copied(nodes)) if n.buffer is None and n.inputs]
    if nodes:
        found = cutting.pieces(nodes, topological_order(nodes))
        assert set(nodes) <= set(found)
        assert len(set(found)) == len(found)
        assert [n.serial for n in found] == sorted(n.serial for n in found) or found == nodes


def _trees() -> Iterator[Any]:
    """Sums of products, bracketed in all ways."""

    def brackets(n: int) -> Iterator[Any]:
        if n == 1:
            yield 1
        for k in range(1, n):
            yield from itertools.product(brackets(k), brackets(n - k))

    def build(tree: Any) -> Any:
        if tree == 1:
            return leaf(np.full((4, 4), 0.5, np.float32))
        a, b = (build(part) for part in tree)
        return make("tanh", (make("add", (broadcast(make("sum", (make("mul", (a, b)),), (0,), (4, 4)), (4, 4)), b)),))

    return map(build, itertools.chain.from_iterable(map(brackets, range(3, 8))))


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The nodes of each graph that is planned from now on, with no plan and no word known before."""
    monkeypatch.setattr(running, "PLANS", Plans(4096))
    monkeypatch.setattr(running, "_novelty", cutting.Novelty())
    sizes: list[int] = []
    build = running.build
    monkeypatch.setattr(running, "build", lambda nodes, order: [sizes.append(len(order)), build(nodes, order)][1])
    return sizes


def test_structures_that_vary_are_not_planned(planned: list[int]) -> None:
    trees = list(_trees())
    for tree in trees:
        check([tree], Interpreter())
    assert len(planned) < 30 < 150 < len(trees)
    again = copied([trees[-1]])
    before = len(planned)
    for _ in range(20):
        realize(Interpreter(), copied(again))
    assert len(planned) == before + 1  # now it is known to come again


def test_episodes_of_ever_other_lengths_are_not_planned(planned: list[int]) -> None:
    def episode(steps: int) -> Any:
        state = leaf(np.full((4, 4), 0.5, np.float32))
        for _ in range(steps):
            state = make("tanh", (make("add", (broadcast(make("sum", (state,), (0,), (4, 4)), (4, 4)), state)),))
        return broadcast(state, (steps, 4, 4))  # a word that no other episode has

    for steps in range(20, 60):
        check([episode(steps)], Interpreter())
    assert len(planned) < 15
    assert sum(n > 100 for n in planned) <= 5
