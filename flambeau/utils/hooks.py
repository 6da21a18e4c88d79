"""RemovableHandle: what registering a hook returns. May import autograd.tape, whose handle this extends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.autograd import tape

__all__ = ["RemovableHandle"]


class RemovableHandle(tape.RemovableHandle):
    """Takes one hook back, also from further dictionaries (`extra_dict`: one or several) that describe it."""

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        super().__init__(hooks_dict)
        self._described_in: Sequence[Any] = (
            [] if extra_dict is None else extra_dict if isinstance(extra_dict, list) else [extra_dict]
        )

    def remove(self) -> None:
        super().remove()
        for described in self._described_in:
            described.pop(self.id, None)
