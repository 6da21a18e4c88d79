"""`compile`: a function or module whose calls are recorded once for each kind of call, then replayed.

May import `flambeau.recording.*` and what those may.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from flambeau import devices
from flambeau.recording.arguments import flatten, guard_of
from flambeau.recording.holders import is_held
from flambeau.recording.recorder import Recorder, Unrecordable
from flambeau.recording.recording import Recording
from flambeau.recording.surroundings import Surroundings
from flambeau.storage import Storage, pending
from flambeau.tensor import Tensor

__all__ = ["compile", "CompiledFunction"]

_RECORDINGS_PER_KEY = 8
_KEYS = 256
"""How many kinds of calls a function remembers; the kind recorded first goes first."""
_UNUSED = 8
"""When so many recordings wait for their first replay, calls of a new kind run plainly, and are recorded when they come again: a
function that takes the number of the step would otherwise be recorded, for nothing, at each one."""


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "flambeau",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Records calls of a function or module and replays them with no graph work in Python. Also a decorator.

    The first call with given shapes, dtypes, devices, other arguments, grad mode and training flags records (and with given
    numbers in its globals, in the functions around it and in its modules' attributes); calls like it replay: one plan of fused
    kernels, with parameters, optimizer state and gradients updated as the plain call would. Random numbers advance. A call that
    looks at a value (`item()`, `print`, a branch on a tensor) runs plainly, with one warning; with `fullgraph` it raises
    RuntimeError instead. What Python does besides tensors (appending to a list, counting) happens when a call is recorded, not
    when it is replayed. A function whose kinds of calls seldom come again (one that takes the number of the step, say) runs
    plainly until one does.

    `dynamic`, `backend`, `mode` and `options` are accepted for PyTorch's sake and change nothing. With `disable` the function is
    returned as it is.

    >>> @torch.compile
    ... def f(x):
    ...     return (2 * x).sin().sum()
    >>> f(torch.zeros(3)), f(torch.zeros(3)), f.replays
    (tensor(0.), tensor(0.), 1)
    """
    if model is None:
        return lambda f: compile(f, fullgraph=fullgraph, disable=disable)
    if not callable(model):
        raise TypeError(f"compile(): argument 'model' must be callable, not {type(model).__name__}")
    if disable:
        return model
    compiled = CompiledFunction(model, fullgraph)
    if hasattr(model, "_with_compiled_call"):  # a module stays a module
        return model._with_compiled_call(compiled)
    return functools.update_wrapper(compiled, model, updated=())


class CompiledFunction:
    """A callable that records and replays `function`. `recordings` counts what is kept, `replays` how often one was used."""

    def __init__(self, function: Callable[..., Any], fullgraph: bool = False) -> None:
        self.function = function
        self.fullgraph = fullgraph
        self._surroundings = Surroundings(function)
        self.replays = 0
        self._recordings: dict[Any, list[Recording]] = {}
        self._plain: set[Any] = set()
        self._left: dict[Any, list[weakref.ref[Storage]]] = {}
        """For each kind of call that was recorded what the last one left behind."""
        self._seen: dict[Any, None] = {}
        self._unused = 0
        self._made: weakref.WeakSet[Storage] = weakref.WeakSet()
        """Memory that recorded calls made, and that is alive."""
        self._lock = threading.RLock()
        self._warned = False

    @property
    def recordings(self) -> int:
        """How many recordings are kept."""
        return sum(map(len, self._recordings.values()))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if pending.recorder is not None or pending.examples:  # inside another recorded call, or vmap: part of it
            return self.function(*args, **kwargs)
        kind, tensors = guard_of(args, kwargs)
        key = (kind, self._surroundings.numbers())
        with self._lock:
            for recording in self._recordings.get(key, ()):
                storages = recording.find(tensors)
                if storages is not None:
                    self.replays += 1
                    if not recording.used:
                        recording.used = True
                        self._unused -= 1
                    return recording.replay(tensors, storages)
            if kind in self._plain:
                return self.function(*args, **kwargs)
            if self._unused >= _UNUSED and key not in self._recordings and key not in self._seen:
                self._seen[key] = None
                if len(self._seen) > _KEYS:
                    del self._seen[next(iter(self._seen))]
                return self.function(*args, **kwargs)
            return self._record(kind, key, tensors, args, kwargs)

    def _record(self, kind: Any, key: Any, tensors: list[Tensor], args: Any, kwargs: Any) -> Any:
        edges = [t._edge() if t.requires_grad else (None, 0) for t in tensors]
        views = _views(tensors)
        recorder = Recorder()
        try:
            with recorder:
                returned = [self.function(*args, **kwargs)]  # nothing else here refers to it
                if not recorder.looked:
                    results: list[Tensor] = []
                    description = flatten(returned[0], results)
                    device = self._device(recorder, results)
                    recording = None
                    if device is not None and _views(tensors) == views:  # `x.t_()` is nothing that a replay does
                        with contextlib.suppress(Unrecordable):
                            recording = Recording(recorder, tensors, edges, description, results, device)
                    if recording is not None:
                        is_kept = bool(recording.left) or is_held(returned, results, recording.made)
                        if is_kept and self._reads_own(recorder, tensors):
                            self._run_plainly(kind)
                        elif self._leaves_more(kind, recorder, recording.left):
                            self._run_plainly(kind)
                            self._warn("adds tensors that it makes to what it knows (a list, say), which a replay can't do")
                        elif not is_kept or kind in self._left:
                            self._keep(kind, key, recording)
                        if len(self._left) >= _KEYS:
                            self._left.clear()
                        self._left[kind] = [weakref.ref(s) for s in recording.left]
                        self._made.update(recording.made)
                        recording.made.clear()
                        recording.left.clear()
                    else:
                        self._run_plainly(kind)
        finally:
            recorder.end()
        if recorder.looked:
            self._run_plainly(kind)
            self._warn(
                "looks at a tensor's value while it runs (item(), print, bool(), numpy() or the like), so it can't be recorded",
                self.fullgraph,
            )
        return returned[0]

    def _run_plainly(self, kind: Any) -> None:
        """Notes that calls of this kind, whatever the numbers around the function, can't be replayed."""
        if len(self._plain) >= _KEYS:
            self._plain.clear()
        self._plain.add(kind)

    def _warn(self, what: str, is_error: bool = False) -> None:
        """Says once what the function does that a replay can't do."""
        message = f"flambeau.compile: {getattr(self.function, '__qualname__', type(self.function).__name__)} {what}"
        if is_error:
            raise RuntimeError(message)
        if not self._warned:
            self._warned = True
            warnings.warn(message + ": it runs plainly", UserWarning, stacklevel=4)

    def _leaves_more(self, kind: Any, recorder: Recorder, left: list[Storage]) -> bool:
        """Whether a call leaves more tensors behind each time: fewer of those of the last one like it are gone than are new.

        One that is read, and not written, is counted as gone: the recorder alone may keep it.
        """
        if kind not in self._left:
            return False
        before = [reference() for reference in self._left[kind]]
        return sum(s is None or (s in recorder.leaves and s not in recorder.written) for s in before) < len(left)

    def _reads_own(self, recorder: Recorder, arguments: list[Tensor]) -> bool:
        """Whether a call reads, past its arguments, and doesn't write, what an earlier one made: a state that is handed on.

        Such a call, where it makes new tensors that are kept, reads other tensors at the next time.
        """
        given = {t._storage for t in arguments}
        return any(s in self._made and s not in recorder.written and s not in given for s in recorder.leaves)

    def _keep(self, kind: Any, key: Any, recording: Recording) -> None:
        kept = self._recordings.setdefault(key, [])
        kept.append(recording)
        gone = kept[:-_RECORDINGS_PER_KEY]
        del kept[:-_RECORDINGS_PER_KEY]
        if gone and not any(one.used for one in (*gone, *kept)):  # each call reads tensors of its own, which no guard tells of
            self._run_plainly(kind)
            gone += self._recordings.pop(key)
        while len(self._recordings) > _KEYS:
            gone += self._recordings.pop(next(iter(self._recordings)))
        self._unused += 1 - sum(not one.used for one in gone)

    @staticmethod
    def _device(recorder: Recorder, results: list[Tensor]) -> str | None:
        """The one device that a call used; None when there are several, or none that runs plans."""
        names = {s.device for s in recorder.leaves} | {s.device for s in recorder.written} | {t._storage.device for t in results}
        if len(names) != 1:
            return None
        (name,) = names
        return name if devices.backend(name).runs_plans else None


def _views(tensors: list[Tensor]) -> list[Any]:
    """What each tensor is a view of, and how."""
    return [(t._storage, t._shape, t._strides, t._offset) for t in tensors]
