"""The examples in docstrings and in the guide run and give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import flambeau
from flambeau import nn, optim

NOT_IMPORTED = ("flambeau.typing.mypy", "flambeau.devices.webgpu.browser", "flambeau.__main__", "flambeau.utils.tensorboard")
"""What needs a type checker, a page around it or another package, or does something when imported."""

NAMES = {"torch": flambeau, "flambeau": flambeau, "nn": nn, "F": nn.functional, "optim": optim}


def _examples() -> list[doctest.DocTest]:
    finder, found = doctest.DocTestFinder(exclude_empty=True), []
    for info in pkgutil.walk_packages(flambeau.__path__, "flambeau."):
        if info.name.startswith(NOT_IMPORTED) or ".mypy" in info.name:
            continue
        module = importlib.import_module(info.name)
        found += [test for test in finder.find(module, extraglobs=dict(NAMES)) if test.examples]
    guide = Path(__file__).parents[2] / "docs" / "guide.md"
    found.append(doctest.DocTestParser().get_doctest(guide.read_text(), dict(NAMES), "docs.guide", str(guide), 0))
    return sorted(found, key=lambda test: test.name)


EXAMPLES = _examples()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda test: test.name)
def test_the_example(example: doctest.DocTest) -> None:
    flambeau.manual_seed(0)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    failed = runner.run(example, out=said.append, clear_globs=True).failed
    assert not failed, "".join(said)
