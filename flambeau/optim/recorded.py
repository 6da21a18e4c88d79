"""`RecordedSteps`: the steps of an optimizer as plans of their own, recorded once and replayed while the optimizer is as it was.

A step of the same parameters, with state and options of the same kinds, always builds the same graph, whose numbers (a learning
rate, the count of steps) are read when it runs. So after the first it is recorded as `flambeau.compile` would; later ones cost
Python a comparison. May import what `flambeau.optim` may.
"""

from __future__ import annotations

from typing import Any

import flambeau.graph.node as graph
from flambeau import devices
from flambeau.recording.arguments import flatten
from flambeau.recording.recorder import Recorder
from flambeau.recording.recording import Recording
from flambeau.storage import pending, realize
from flambeau.tensor import Tensor

__all__ = ["RecordedSteps"]

_KEPT = 4
"""How many kinds of steps are remembered: of which parameters there are gradients, say."""
_ATTEMPTS = 16
"""How many recordings are made before an optimizer that never does the same twice runs plainly for good."""


class _Watched(dict[str, Any]):
    """A parameter group that notes which of its options a step decides by."""

    def __init__(self, group: dict[str, Any]) -> None:
        super().__init__(group)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def _step(optimizer: Any) -> list[_Watched]:
    """Does a step of all groups plainly."""
    watched = [_Watched(group) for group in optimizer.param_groups]
    for number, group in enumerate(watched):
        optimizer._step_group(number, group)
    return watched


class _Guard:
    """What a step read besides numbers, and whether it is still so."""

    __slots__ = ("_options", "_groups", "_states", "_tensors")

    def __init__(self, optimizer: Any, watched: list[_Watched]) -> None:
        self._groups = [(group, list(group["params"])) for group in optimizer.param_groups]
        self._options: list[tuple[dict[str, Any], list[tuple[str, Any]], list[tuple[str, Any]]]] = []
        """For each group: the options that decided, with their values, and the classes of the others, which are read at each run
        (a tensor among those is itself)."""
        for group, seen in zip(optimizer.param_groups, watched):
            rest = [name for name in group if name not in seen.asked and name != "params"]
            decided = [(name, group[name]) for name in sorted(seen.asked) if name in group and name != "params"]
            decided += [(name, group[name]) for name in rest if isinstance(group[name], Tensor)]
            self._options.append((group, decided, [(n, type(group[n])) for n in rest if not isinstance(group[n], Tensor)]))
        params = [p for _, group in self._groups for p in group]
        self._states = [(p, state, list(state), list(state.values())) for p in params if (state := optimizer.state.get(p))]
        tensors = [*params, *(v for _, _, _, values in self._states for v in values if isinstance(v, Tensor))]
        self._tensors = [(t, t._storage, t._shape, t._strides) for t in tensors]

    def holds(self, optimizer: Any) -> bool:
        """Whether the optimizer has the same groups, parameters, state and decisive options, and they the same memory."""
        if len(optimizer.param_groups) != len(self._groups):
            return False
        for (group, params), now in zip(self._groups, optimizer.param_groups):
            if now is not group or len(params) != len(now["params"]):
                return False
            for before, param in zip(params, now["params"]):
                if param is not before:
                    return False
        for group, decided, classes in self._options:
            for name, value in decided:
                now = group.get(name)
                if now is not value and (isinstance(value, Tensor) or isinstance(now, Tensor) or now != value):
                    return False
            for name, kind in classes:
                if type(group.get(name)) is not kind:
                    return False
        known = optimizer.state
        if len(known) != len(self._states):
            return False
        for param, state, names, values in self._states:
            if known.get(param) is not state or list(state) != names:
                return False
            for before, value in zip(values, state.values()):
                if before is not value:
                    return False
        for t, storage, shape, strides in self._tensors:
            if t._storage is not storage or t._shape is not shape or t._strides is not strides:
                return False
        return True


class RecordedSteps:
    """The recorded steps of one optimizer."""

    def __init__(self) -> None:
        self._known: list[tuple[_Guard, Recording]] = []
        self._steps = self._attempts = 0

    def step(self, optimizer: Any) -> bool:
        """Does a step of all groups by a plan, or as part of a recorded call; False where it must be done plainly."""
        if pending.examples or graph.naming is not None:
            return False
        if pending.recorder is not None:
            pending.recorder.call_optimizer(optimizer, _Guard(optimizer, _step(optimizer)))
            return True
        if self._attempts > _ATTEMPTS:
            return False
        self._steps += 1
        for guard, recording in self._known:
            if guard.holds(optimizer):
                storages = recording.find(())
                if storages is not None:
                    recording.replay((), storages)
                    return True
        if self._steps == 1:  # an optimizer may be made for one step; but what the next step will find is the same already
            realize([])
            return False
        return self._record(optimizer)

    def _record(self, optimizer: Any) -> bool:
        params = [p for group in optimizer.param_groups for p in group["params"]]
        grads = [p._grad for p in params if p._grad is not None]
        known = {t._storage.device for t in params}
        alike = len({g._storage for g in grads}) == len(grads) and all(
            g._strides is None or g._memory_order() is not None for g in grads
        )
        if len(known) != 1 or not alike or not grads or not devices.backend(min(known)).runs_plans:
            return False
        self._attempts += 1
        recorder = Recorder()
        try:
            with recorder:
                watched = _step(optimizer)
                names = {s.device for s in recorder.leaves} | {s.device for s in recorder.written}
                if len(names) != 1 or recorder.looked:
                    self._attempts = _ATTEMPTS + 1  # some of it isn't on the device, or is looked at
                    return True
                recording = Recording(recorder, [], [], flatten(None, []), [], names.pop())
        finally:
            recorder.end()
        if not recording.left:
            self._known.insert(0, (_Guard(optimizer, watched), recording))
            del self._known[_KEPT:]
        return True
