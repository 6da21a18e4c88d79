"""`Generator` and the default one: where random numbers come from. May import `flambeau.tensor` and below.

Numbers come from a counter (`graph.primitives.random`): a generator is a seed and the number of the next free block of four
32-bit words. The same seed gives the same numbers on every device, in whatever order they are computed.
"""

from __future__ import annotations

import operator
import os
import threading
from types import SimpleNamespace
from typing import Any

from flambeau.device import as_device_name, device
from flambeau.dtypes import int64, uint8
from flambeau.graph.primitives.leaf import SCALAR
from flambeau.graph.primitives.random import WORDS
from flambeau.storage import pending
from flambeau.tensor import Tensor, from_bytes, from_node

__all__ = [
    "Generator",
    "default_generator",
    "manual_seed",
    "seed",
    "initial_seed",
    "get_rng_state",
    "set_rng_state",
]

_FIRST_SEED = 67280421310721  # what a new generator of PyTorch starts from


def _seed_of_the_system() -> int:
    """64 bits that nobody can foretell."""
    return int.from_bytes(os.urandom(8), "little")


def _as_int64(value: int) -> int:
    """A 64-bit pattern as a signed number."""
    return value - (1 << 64) if value >= 1 << 63 else value


class Generator:
    """A source of random numbers with a state of its own; pass it as `generator=`.

    `device` is kept for PyTorch's sake: one generator serves tensors on any device.

    >>> a, b = (torch.rand(2, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    >>> torch.equal(a, b)
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self._device = as_device_name(device)
        self._seed = _FIRST_SEED
        self._offset = 0

    @property
    def device(self) -> device:
        return device(self._device)

    def manual_seed(self, seed: int) -> Generator:
        """Starts over from `seed`, an integer in [-2⁶³, 2⁶⁴).

        Raises RuntimeError for what is no integer, ValueError for one outside.
        """
        value = _checked_seed(seed)
        if pending.recorder is not None:
            pending.recorder.look()
        self._seed, self._offset = value, 0
        return self

    def seed(self) -> int:
        """Starts over from a seed that the operating system gives, and returns it."""
        self.manual_seed(_seed_of_the_system())
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the generator started from."""
        return self._seed

    def next_block(self, n: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
        """Takes `n` random words: the seed and the first block's number, int64 of shape (), as `RANDOM_BITS` wants them.

        They are leaves read at run time, so that a program is compiled once for all of them.
        """
        blocks = (n + WORDS - 1) // WORDS
        for examples in reversed(pending.examples):
            blocks = examples.take_random(blocks)
        seed: Any
        offset: Any
        if pending.recorder is None:
            seed, offset = _as_int64(self._seed), _as_int64(self.take(blocks))
        else:  # a replay reads the state of its day
            first = pending.recorder.take_random(self, blocks)
            seed, offset = lambda: _as_int64(self._seed), lambda: _as_int64(first())
        start = SCALAR((), (offset, int64), device)
        for examples in pending.examples:
            examples.differs(start)
        return from_node(SCALAR((), (seed, int64), device)), from_node(start)

    def take(self, blocks: int) -> int:
        """Takes the next `blocks` blocks and gives the number of the first."""
        first = self._offset
        self._offset = (first + blocks) % (1 << 64)
        return first

    @property
    def position(self) -> tuple[int, int]:
        """The seed and the next block's number, as signed 64-bit integers."""
        return _as_int64(self._seed), _as_int64(self._offset)

    def get_state(self) -> Tensor:
        """The state as a tensor of bytes."""
        return from_bytes(self._seed.to_bytes(8, "little") + self._offset.to_bytes(8, "little"), uint8, (16,), "cpu")

    def set_state(self, new_state: Tensor) -> Generator:
        """Takes a state that `get_state` gave; raises TypeError or RuntimeError for anything else."""
        if not isinstance(new_state, Tensor) or new_state.dtype is not uint8:
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        data = new_state._to_bytes()
        if len(data) != 16:
            raise RuntimeError(f"RNG state is wrong size: expected 16 bytes, got {len(data)}")
        if pending.recorder is not None:
            pending.recorder.look()
        self._seed, self._offset = int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")
        return self

    def clone_state(self) -> Generator:
        """A generator that goes on from here on its own."""
        copy = Generator(self._device)
        copy._seed, copy._offset = self._seed, self._offset
        return copy

    def __reduce__(self) -> Any:
        return _rebuild, (self._device, self._seed, self._offset)

    def __repr__(self) -> str:
        return f"<flambeau.Generator object at {id(self):#x}>"


def _rebuild(device: str, seed: int, offset: int) -> Generator:
    found = Generator(device)
    found._seed, found._offset = seed, offset
    return found


def _checked_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not hasattr(type(seed), "__index__") or hasattr(type(seed), "__len__"):
        raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
    value = operator.index(seed)
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError("Overflow when unpacking long long: a seed lies in [-2**63, 2**64)")
    return value % (1 << 64)


class _Default(Generator):
    """The default generator: one state for the program, and one for each thread that asked for its own.

    As in PyTorch, a program that sets no seed gets other numbers each time that it runs.
    """

    def __init__(self) -> None:
        self._shared = SimpleNamespace(seed=0, offset=0)
        self._of_thread = threading.local()
        super().__init__()
        self._seed = _seed_of_the_system()

    @property
    def _state(self) -> Any:
        return getattr(self._of_thread, "state", self._shared)

    @property
    def _seed(self) -> int:
        return self._state.seed

    @_seed.setter
    def _seed(self, value: int) -> None:  # type: ignore[override]
        self._state.seed = value

    @property
    def _offset(self) -> int:
        return self._state.offset

    @_offset.setter
    def _offset(self, value: int) -> None:  # type: ignore[override]
        self._state.offset = value

    def manual_seed_of_thread(self, seed: int) -> None:
        """Gives this thread a state of its own, which starts from `seed`."""
        self._of_thread.state = SimpleNamespace(seed=_checked_seed(seed), offset=0)


default_generator = _Default()
"""What random operators use without `generator=`."""


def manual_seed(seed: int) -> Generator:
    """Starts the default generator over from `seed`, which `int` makes an integer in [-2⁶³, 2⁶⁴)."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Starts the default generator over from a seed that the operating system gives, and returns it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Sets the default generator's state."""
    default_generator.set_state(new_state)
