"""`Plans`: plans by structure, of which those go that were used longest ago. Imports its neighbour alone."""

from __future__ import annotations

import itertools
from typing import Any

from flambeau.schedule.plan import Plan

__all__ = ["Plans"]


class Plans(dict[tuple[Any, ...], Plan]):
    """At most `most` plans, which may have `most_steps` steps together. Whoever uses one sets its `used` to `next(uses)`."""

    uses = itertools.count(1)

    def __init__(self, most: int, most_steps: int | None = None) -> None:
        super().__init__()
        self.most, self.most_steps = most, most_steps
        self.steps = 0

    def keep(self, structure: tuple[Any, ...], plan: Plan) -> None:
        """Notes a plan. Where that is too much, so many of the others go that the next time is far off: looking takes time."""
        self.forget(structure)
        plan.used = next(self.uses)
        self[structure] = plan
        self.steps += len(plan.steps)
        if self._is_within(1.0):
            return
        for old in sorted(self, key=lambda key: self[key].used)[:-1]:
            if self._is_within(0.875):
                break
            self.forget(old)

    def _is_within(self, share: float) -> bool:
        return len(self) <= self.most * share and (self.most_steps is None or self.steps <= self.most_steps * share)

    def forget(self, structure: tuple[Any, ...]) -> None:
        """Lets go of a structure's plan, if it has one."""
        plan = self.pop(structure, None)
        if plan is not None:
            self.steps -= len(plan.steps)
