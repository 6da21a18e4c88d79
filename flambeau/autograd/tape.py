"""The tape: gradient functions linked to those of their inputs, and the engine that walks them backwards.

Knows nothing of kernels, and of tensors only what they can do: gradients add with `+`. May import `flambeau.autograd.modes`.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import traceback
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

from flambeau.autograd.modes import set_grad_enabled, state

__all__ = [
    "GradientFunction",
    "added",
    "FreedError",
    "freed_error",
    "next_sequence",
    "AccumulateGrad",
    "anomaly",
    "saved_hooks",
    "SavedTensor",
    "RemovableHandle",
    "reachable",
    "run_backward",
    "Edge",
]

_sequence = itertools.count(1)
_sequence_of = attrgetter("sequence")
_handles = itertools.count()


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook back. Usable as a context manager."""

    def __init__(self, hooks: OrderedDict[int, Any]) -> None:
        self.id = next(_handles)
        self._hooks = hooks

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def next_sequence() -> int:
    """A number that functions made from now on exceed."""
    return next(_sequence)


Edge = tuple["GradientFunction | None", int]


class _Anomaly:
    """Whether functions remember where they were made, and gradients are searched for NaN (`autograd.anomaly_mode`)."""

    enabled = False
    check_nan = True


anomaly = _Anomaly()


class _SavedHooks(threading.local):
    """What this thread does with tensors that are saved for backward: pairs of pack and unpack, the innermost last."""

    def __init__(self) -> None:
        self.stack: list[tuple[Callable[..., Any], Callable[..., Any]]] = []
        self.refusal: str | None = None

    def push(self, pack: Callable[..., Any], unpack: Callable[..., Any]) -> None:
        if self.refusal is not None:
            raise RuntimeError(self.refusal)
        self.stack.append((pack, unpack))
        _ENTERED.append(None)

    def pop(self) -> None:
        self.stack.pop()
        _ENTERED.pop()


saved_hooks = _SavedHooks()
_ENTERED: list[None] = []
"""One entry for each pair of any thread: while there are none, nobody asks for this thread's."""


class GradientFunction:
    """One step of the tape: turns the gradients of its outputs into those of its inputs.

    `edges` holds, for each input, the function that made it and which of that function's outputs it was.
    `sequence` grows with creation, so decreasing order visits a function after everything that used its outputs.
    """

    __slots__ = ("edges", "sequence", "outputs", "hooks", "pre_hooks", "tensor_hooks", "metadata", "__weakref__")

    def __init__(self, edges: tuple[Edge, ...], outputs: int = 1) -> None:
        self.edges = edges
        self.sequence = next(_sequence)
        self.outputs = outputs
        self.hooks: OrderedDict[int, Any] | None = None
        self.pre_hooks: OrderedDict[int, Any] | None = None
        self.tensor_hooks: dict[int, OrderedDict[int, Any]] | None = None
        if anomaly.enabled:
            self.metadata = "".join(traceback.format_stack()[:-2])

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        """Gradients of the inputs from those of the outputs (None where one is not needed or is zero)."""
        raise AssertionError("a gradient function defines its backward")

    def release(self) -> None:
        """Lets go of saved values; a further backward raises."""

    def saved_values(self) -> list[Any]:
        """The tensors kept for the backward (not those that hooks keep)."""
        return []

    def shown(self) -> GradientFunction:
        """This function as a program sees it: of a class with PyTorch's name."""
        return self

    @property
    def next_functions(self) -> tuple[Edge, ...]:
        """For each input, the function that made it and which of that function's outputs it was."""
        return tuple([(None if function is None else function.shown(), output) for function, output in self.edges])

    def name(self) -> str:
        return type(self.shown()).__name__

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(grad_inputs, grad_outputs)` runs after this function; what it returns replaces grad_inputs."""
        if self.hooks is None:
            self.hooks = OrderedDict()
        handle = RemovableHandle(self.hooks)
        self.hooks[handle.id] = hook
        return handle

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(grad_outputs)` runs before this function; what it returns replaces grad_outputs."""
        if self.pre_hooks is None:
            self.pre_hooks = OrderedDict()
        handle = RemovableHandle(self.pre_hooks)
        self.pre_hooks[handle.id] = hook
        return handle

    def add_tensor_hook(self, output: int, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(grad)` runs when the gradient of that output is complete; what it returns replaces the gradient."""
        if self.tensor_hooks is None:
            self.tensor_hooks = {}
        hooks = self.tensor_hooks.setdefault(output, OrderedDict())
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        return handle

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class AccumulateGrad(GradientFunction):
    """The end of the tape: adds into a leaf's `.grad`, as soon as its last gradient is there. Where that can't be told (what
    would give one more isn't reached) it runs after all others: its sequence is 0."""

    __slots__ = ("variable", "post_hooks")

    def __init__(self, variable: Any) -> None:
        super().__init__(())
        self.sequence = 0
        self.variable = variable
        self.post_hooks: OrderedDict[int, Any] | None = None

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        if not self.variable.requires_grad:  # any more
            return ()
        self.variable._accumulate_grad(gradients[0])
        if self.post_hooks:
            for hook in list(self.post_hooks.values()):
                hook(self.variable)
        return ()


class SavedTensor:
    """A tensor kept for backward: its value as it was, with a check that nobody wrote over it since; `is_value`: and memory of
    its own for that, so that anyone may.

    `restore` rebuilds the tensor with its place on the tape, so that a backward can itself be recorded.
    """

    __slots__ = ("tensor", "counter", "version", "function", "output", "packed", "unpack")

    def __init__(self, tensor: Any, is_output: bool, is_value: bool = False) -> None:
        if tensor._inference:
            raise RuntimeError(
                "Inference tensors cannot be saved for backward. To work around you can make a clone to get a normal tensor and "
                "use it in autograd."
            )
        self.counter = tensor._counter
        self.version = tensor._counter.autograd_version
        self.function = tensor._grad_fn if tensor._base is None else tensor._history()
        self.output = tensor._output_index
        self.unpack: Callable[..., Any] | None = None
        if _ENTERED and saved_hooks.stack:
            pack, self.unpack = saved_hooks.stack[-1]
            if self.function is None and tensor._requires_grad and not is_output:
                self.function = tensor._edge()[0]
            self.tensor: Any = None
            with set_grad_enabled(False):
                self.packed = pack(tensor._without_tape())
            return
        if is_value:
            if self.function is None and tensor._requires_grad:
                self.function = tensor._edge()[0]
            self.tensor = tensor._with_memory()
            self.counter, self.version = self.tensor._counter, self.tensor._counter.autograd_version
            return
        # A leaf is kept itself (its gradient is accumulated into it); anything else without its tape, to make no cycle.
        self.tensor = tensor if self.function is None and not is_output else tensor._without_tape()

    def restore(self, function: GradientFunction | None = None) -> Any:
        """The tensor; `function` is the tape entry that made it, for a saved output."""
        if self.unpack is not None:
            return self._unpacked(function or self.function)
        tensor, function = self.checked(function), function or self.function
        return tensor if function is None else tensor._with_tape(function, self.output)

    def edge(self, function: GradientFunction | None = None) -> Edge:
        """Where a gradient for the tensor goes; `function` is as in `restore`."""
        function = function or self.function
        if function is not None:
            return function, self.output
        return self.tensor._edge() if self.tensor.requires_grad else (None, 0)

    def checked(self, function: GradientFunction | None = None) -> Any:
        """The tensor (of one that is no leaf: without its tape), if nobody wrote over it; for one that no hooks keep."""
        found = self.counter.autograd_version
        if found != self.version:
            t, made_by = self.tensor, function or self.function
            origin = "" if made_by is None else f", which is output {self.output} of {made_by.name()},"
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation: "
                f"[{t.type()} {list(t.shape)}]{origin} is at version {found}; expected version {self.version} instead. "
                "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
                "torch.autograd.set_detect_anomaly(True)."
            )
        return self.tensor

    def _unpacked(self, function: GradientFunction | None) -> Any:
        """What the hooks give back."""
        assert self.unpack is not None
        with set_grad_enabled(False):
            tensor = self.unpack(self.packed)
        if not hasattr(tensor, "_without_tape"):
            raise TypeError("Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                            f"{type(tensor).__name__}")  # fmt: skip
        return tensor._without_tape() if function is None else tensor._with_tape(function, self.output)


class FreedError(RuntimeError):
    """A backward through a graph whose saved values are gone."""


def freed_error() -> FreedError:
    return FreedError(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
        "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
        "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
        "after calling backward."
    )


def reachable(roots: Sequence[Edge]) -> list[GradientFunction]:
    """Every function that the roots depend on, in increasing sequence."""
    seen: dict[Any, None] = dict.fromkeys([function for function, _ in roots])
    found = list(seen)
    for function in found:  # grows while it is walked
        if function is not None:
            for following, _ in function.edges:
                if following not in seen:
                    seen[following] = None
                    found.append(following)
    return sorted([f for f in found if f is not None], key=_sequence_of)


def added(known: Any, gradient: Any) -> Any:
    """The sum of two gradients; of which one that is sparse must be added to one that is dense."""
    return gradient + known if known.is_sparse else known + gradient


def _uses_of_leaves(roots: Sequence[Edge]) -> dict[GradientFunction, int]:
    """For each leaf that the roots depend on, or that is one, how many gradients may come to it."""
    seen: set[GradientFunction] = set()
    found: dict[GradientFunction, int] = {}
    stack = [roots]
    while stack:
        for function, _ in stack.pop():
            if function is None:
                continue
            if not function.sequence:
                found[function] = found.get(function, 0) + 1
            elif function not in seen:
                seen.add(function)
                stack.append(function.edges)
    return found


def _observed(function: GradientFunction, gradients: list[Any]) -> Sequence[Any]:
    """`function.backward`, with what it was called for where it fails or gives NaN."""
    try:
        results = function.backward(gradients)
        if anomaly.check_nan:
            for index, result in enumerate(results):
                if result is not None and bool(result.isnan().any()):
                    raise RuntimeError(f"Function '{function.name()}' returned nan values in its {index}th output.")
    except Exception:
        made = getattr(function, "metadata", None)
        known = (
            f" Traceback of forward call that caused the error:\n{made}"
            if made
            else (" No forward pass information available. Enable detect anomaly during forward pass for more information.")
        )
        warnings.warn(f"Error detected in {function.name()}.{known}", stacklevel=2)
        raise
    return results


class _Running(threading.local):
    """The backward pass that this thread is in."""

    run: BackwardRun | None = None


running = _Running()


class BackwardRun:
    """One backward pass, while it lasts: what hooks may ask of it."""

    def __init__(self, roots: Sequence[Edge], needed: set[GradientFunction] | None, wanted: set[Edge]) -> None:
        self._roots, self._needed, self._wanted = roots, needed, wanted

    @cached_property
    def functions(self) -> set[GradientFunction]:
        """The functions that gradients come to in this pass."""
        found = set(reachable(self._roots))
        if self._needed is None:
            return found
        return found & (self._needed | {f for f, _ in self._wanted if f is not None})


def _on_the_way(roots: Sequence[Edge], inputs: Sequence[Edge], stop_at_inputs: bool) -> set[GradientFunction]:
    """The functions that lead from `roots` to `inputs`; with `stop_at_inputs` without those of the inputs themselves."""
    targets = {f for f, _ in inputs if f is not None}
    needed: set[GradientFunction] = set()
    for function in reachable(roots):
        for following, _ in function.edges:
            if following in needed or following in targets:
                needed.add(function)
                break
    return needed - targets if stop_at_inputs else needed


def run_backward(
    roots: Sequence[Edge],
    gradients: Sequence[Any],
    inputs: Sequence[Edge] | None,
    retain_graph: bool,
    create_graph: bool,
    hooks_at_inputs: bool = True,
    stop_at_inputs: bool = False,
) -> dict[tuple[int, int], Any]:
    """Walks the tape from `roots`, whose gradients are given.

    With `inputs` None, gradients are accumulated into all leaves. Otherwise only what leads to those places is walked and
    the gradients at them are returned, by (id of function, output); `hooks_at_inputs` tells whether tensor hooks at those
    places run first. With `stop_at_inputs` nothing goes on from one of those places to another.
    """
    wanted = set(inputs or ())
    needed = None if inputs is None else _on_the_way(roots, inputs, stop_at_inputs)  # None: all
    collected: dict[tuple[int, int], Any] = {}
    pending: dict[GradientFunction, list[Any]] = {}
    queue: list[tuple[float, int, GradientFunction]] = []
    arrivals = 0  # leaves come in the order in which gradients reach them: the same graph at each step
    to_come = _uses_of_leaves(roots)

    run = BackwardRun(roots, needed, wanted)
    before = state.enabled, state.autocast, running.run
    # gradients are computed in the precision of what they are gradients of, also inside `autocast`
    state.enabled, state.autocast, running.run = create_graph, None, run
    try:
        edges, results = roots, gradients
        while True:
            for edge, gradient in zip(edges, results):
                following, output = edge
                if following is None:
                    continue
                slots = pending.get(following)
                if gradient is None:
                    pass
                elif slots is not None:
                    known = slots[output]
                    slots[output] = gradient if known is None else added(known, gradient)
                elif needed is None or following in needed or edge in wanted:
                    slots = pending[following] = [None] * following.outputs
                    slots[output] = gradient
                    arrivals += 1
                    heapq.heappush(queue, (-following.sequence, arrivals, following))
                if following in to_come:
                    to_come[following] -= 1
                    if slots is not None and not to_come[following]:
                        arrivals += 1
                        heapq.heappush(queue, (-math.inf, arrivals, following))
            if not queue:
                return collected
            function = heapq.heappop(queue)[2]
            if function not in pending:  # a leaf that was ready before its turn
                edges = results = ()
                continue
            grads = pending.pop(function)
            goes_on = needed is None or function in needed
            if function.tensor_hooks and (hooks_at_inputs or goes_on):
                _run_tensor_hooks(function.tensor_hooks, grads)
            if wanted:
                for output, gradient in enumerate(grads):
                    if gradient is not None and (function, output) in wanted:
                        collected[id(function), output] = gradient
                if not goes_on:
                    edges = results = ()
                    continue
            if function.pre_hooks:
                grads = _run_pre_hooks(function.pre_hooks, grads)
            results = _observed(function, grads) if anomaly.enabled else function.backward(grads)
            if function.hooks:
                results = _run_hooks(function.hooks, results, grads)
            if not retain_graph:
                function.release()
            edges = function.edges
    finally:
        state.enabled, state.autocast, running.run = before


def _run_tensor_hooks(by_output: dict[int, OrderedDict[int, Any]], grads: list[Any]) -> None:
    """Lets hooks look at, and replace, the gradients that are there."""
    for output, hooks in by_output.items():
        for hook in list(hooks.values()):
            if grads[output] is not None:
                replaced = hook(grads[output])
                if replaced is not None:
                    grads[output] = replaced


def _run_pre_hooks(hooks: OrderedDict[int, Any], grads: list[Any]) -> list[Any]:
    """The gradients that a function is called for, after its hooks looked at them or replaced them."""
    for hook in list(hooks.values()):
        replaced = hook(tuple(grads))
        if replaced is not None:
            grads = list(replaced)
    return grads


def _run_hooks(hooks: OrderedDict[int, Any], results: Sequence[Any], grads: list[Any]) -> Sequence[Any]:
    """The gradients that a function gave for `grads`, after its hooks looked at them or replaced them."""
    for hook in list(hooks.values()):
        replaced = hook(tuple(results), tuple(grads))
        if replaced is not None:
            results = replaced
    return results
