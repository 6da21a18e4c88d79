"""Functions, branches and loops of a program that is interpreted: what isn't known of how they go.

May import `flambeau.interpretation.unknown`, `flambeau.utils.data`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from flambeau.interpretation.unknown import UNKNOWN, Leave, Looked, Undecided, joined
from flambeau.utils.data import DataLoader, IterableDataset

if TYPE_CHECKING:
    from flambeau.interpretation.runtime import Runtime

__all__ = ["Branch", "Frame", "Loop", "first_batch"]

CALLS_IN_A_LOOP = 2_000
"""After how many calls, and two rounds, a loop is left."""
_MISSING = object()


class Frame:
    """One call of a function."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.unsure = 0  # branches we are in that may not be taken
        self.results: list[Any] = []

    def branch(self, test: Any) -> Branch:
        """An `if` whose test has this value."""
        return Branch(self, test)

    def result(self, value: Any) -> Any:
        """What `return value` returns."""
        if self.unsure:
            self.results.append(value)
            raise Leave
        for other in self.results:
            value = joined(other, value)
        return value

    def leave(self) -> None:
        """A `raise` is met."""
        if self.unsure:
            raise Leave


class Branch:
    """One run of an `if`: a context around each of its blocks."""

    def __init__(self, frame: Frame, test: Any) -> None:
        self.frame = frame
        try:
            truth: bool | None = bool(test)
        except (Undecided, Looked):
            truth = None
        self.is_unknown = truth is None
        self.first, self.second = truth is not False, truth is not True
        self.left = 0
        self.is_over = False
        if self.is_unknown:
            self._before = frame.runtime.variables()
            self._middle = self._after = self._before

    def __enter__(self) -> None:
        if self.is_unknown:
            self.frame.unsure += 1
            self.frame.runtime.branches += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: Any) -> bool:
        if not self.is_unknown:
            return False
        self.frame.unsure -= 1
        self.frame.runtime.branches -= 1
        if kind is Leave:
            self.left += 1
            return True
        return False

    def leave(self) -> None:
        """A `break` or `continue` is met."""
        if self.is_unknown:
            raise Leave

    def between(self) -> None:
        """The first block is done."""
        self._middle = self.frame.runtime.variables()

    def had(self, name: str) -> bool:
        """Whether there was a variable before the first block."""
        return name in self._before

    def of_before(self, name: str) -> Any:
        """Its value then, with which the second block begins."""
        return self._before[name]

    def after(self) -> None:
        """The second block is done."""
        self._after = self.frame.runtime.variables()
        self.is_over = self.left == 2

    def has(self, name: str) -> bool:
        """Whether there may be a variable after both blocks."""
        return name in self._middle or name in self._after

    def joined(self, name: str) -> Any:
        """What is known of a variable after both blocks."""
        first, second = self._middle.get(name, _MISSING), self._after.get(name, _MISSING)
        return second if first is _MISSING else first if second is _MISSING else joined(first, second)

    def over(self) -> Any:
        """The result of a function both of whose branches have returned."""
        return self.frame.results.pop() if self.frame.results else None


class Loop:
    """One run of a loop. A long one is cut short: then what it changes isn't known after it."""

    def __init__(self, runtime: Runtime, iterable: Any) -> None:
        self.runtime = runtime
        self.iterable = iterable
        self.rounds = 0
        self._is_cut = iterable is UNKNOWN
        self._start, self._batches = runtime.calls, runtime.batches
        self._before = runtime.variables()
        self._lengths = {name: len(value) for name, value in self._before.items() if isinstance(value, (list, dict, set))}

    def __iter__(self) -> Iterator[Any]:
        return self._limited((UNKNOWN,) if self.iterable is UNKNOWN else self.iterable)

    @property
    def is_cut(self) -> bool:
        """Whether there would have been more rounds, here or in a loop over a loader's batches that was run meanwhile."""
        return self._is_cut or self.runtime.batches != self._batches

    def _limited(self, iterable: Iterable[Any]) -> Iterator[Any]:
        for item in iterable:
            if self._is_long():
                return
            yield item

    def _is_long(self) -> bool:
        self.rounds += 1
        self._is_cut = self.rounds > 2 and self.runtime.calls - self._start > CALLS_IN_A_LOOP
        return self._is_cut

    def goes_on(self, test: Any) -> bool:
        """Whether a `while` with this test goes on."""
        try:
            known = bool(test)
        except (Undecided, Looked):
            self._is_cut = True
            self.rounds += 1
            return self.rounds == 1
        return known and not self._is_long() and self.rounds < CALLS_IN_A_LOOP

    def changed(self, name: str) -> bool:
        """Whether a variable may be another after all rounds: a number that was changed, a list that has grown."""
        now = self.runtime.variables()
        if name not in now:
            return False
        value = now[name]
        if isinstance(value, (list, dict, set)):
            return self._lengths.get(name, -1) != len(value) or self._before.get(name) is not value
        if isinstance(value, (int, float, str)):
            return name not in self._before or self._before[name] is not value
        return False


def first_batch(loader: DataLoader) -> Any:
    """What a loader gives first, of the first examples there are: which they are makes no difference to shapes."""
    dataset, size = loader.dataset, loader.batch_size
    try:
        if size is not None:
            is_stream = isinstance(dataset, IterableDataset)
            examples = islice(iter(dataset), size) if is_stream else map(dataset.__getitem__, range(min(size, len(dataset))))
            return loader.collate_fn(list(examples))
        if loader.batch_sampler is not None:
            return loader.collate_fn([dataset[i] for i in next(iter(loader.batch_sampler))])
        return dataset[0]
    except (Exception, Undecided, Looked):
        return UNKNOWN
