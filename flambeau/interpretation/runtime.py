"""What a rewritten program calls: calls, imports, tries, and the `blocks`. See `flambeau.interpretation.rewriting`.

May import `flambeau.storage`, `flambeau.tensor`, `flambeau.utils.data` and the modules of `flambeau.interpretation`.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from flambeau.interpretation.blocks import Frame, Loop, first_batch
from flambeau.interpretation.findings import Finding, finding_of
from flambeau.interpretation.known import BUILTINS, is_known, module_named, takes_unknown
from flambeau.interpretation.rewriting import FRAME, RUNTIME, rewritten
from flambeau.interpretation.unknown import UNKNOWN, Leave, Looked, Undecided, has_unknown, joined
from flambeau.storage import pending
from flambeau.tensor import Tensor
from flambeau.utils.data import DataLoader

__all__ = ["Exhausted", "Runtime"]

CALLS = 200_000
"""After how many calls a program is left."""
DEPTH = 100
"""How deep calls may be nested."""
_MISSING = object()


class Exhausted(BaseException):
    """The program goes on for too long."""


class Runtime:
    """Runs one program. Tensors in it have shapes and no values."""

    unknown = UNKNOWN

    def __init__(self, note: Callable[[Finding], None]) -> None:
        self.note = note
        self.files: dict[str, ModuleType] = {}
        self.calls = self.depth = self.tries = self.branches = self.batches = 0
        self.noted: set[tuple[str, int]] = set()

    # --- programs ---------------------------------------------------------------------------------------------------------
    def run(self, path: Path, name: str = "__main__") -> ModuleType:
        """Runs a file as a module of that name. Raises SyntaxError, UnicodeDecodeError or OSError for one that can't be read."""
        module = ModuleType(name)
        code = compile(rewritten(path.read_text(encoding="utf-8"), str(path)), str(path), "exec", dont_inherit=True)
        self.files[str(path)] = module
        vars(module).update({"__builtins__": BUILTINS, "__file__": str(path), RUNTIME: self, FRAME: Frame(self)})
        vars(module)["reveal_type"] = self.reveal
        with contextlib.suppress(Leave):
            exec(code, vars(module))
        return module

    def imported(self, name: str, is_named: bool) -> Any:
        """What `import name` binds: the module itself where it is given another name, else the one that its name begins with."""
        found = self._module(name)
        if found is UNKNOWN or is_named or "." not in name:
            return found
        return self._module(name.partition(".")[0])

    def imported_from(self, module: str, name: str) -> Any:
        """What `from module import name` binds."""
        found = self._module(module)
        if name == "reveal_type":
            return self.reveal
        if found is UNKNOWN:
            return UNKNOWN if module.partition(".")[0] != "tqdm" else _passed_on
        try:
            return getattr(found, name)
        except AttributeError:
            return self._module(f"{module}.{name}")

    def all_of(self, module: str) -> dict[str, Any]:
        """What `from module import *` binds."""
        found = self._module(module)
        if found is UNKNOWN:
            return {}
        names = getattr(found, "__all__", [name for name in vars(found) if not name.startswith("_")])
        return {name: getattr(found, name) for name in names if hasattr(found, name)}

    def _module(self, name: str) -> Any:
        sibling = Path(next(iter(self.files))).parent / (name.lstrip(".").replace(".", "/") + ".py")
        if sibling.is_file():
            if str(sibling) in self.files:
                return self.files[str(sibling)]
            try:
                return self.run(sibling, name.lstrip("."))
            except (SyntaxError, UnicodeDecodeError, OSError):
                return UNKNOWN
        try:
            return module_named(name) or UNKNOWN
        except Exception:  # whatever a module that isn't there, or isn't whole, raises
            return UNKNOWN

    # --- what happens -----------------------------------------------------------------------------------------------------
    def caught(self, error: BaseException) -> None:
        """Notes an exception that a statement raised; what ends more than the statement goes on."""
        if isinstance(error, (Undecided, Looked, RecursionError)):
            return
        if not isinstance(error, Exception) or self.tries:
            raise error
        finding = finding_of(error, self.files)
        if finding is not None and (finding.path, finding.line) not in self.noted:
            self.noted.add((finding.path, finding.line))
            self.note(finding)

    def place(self) -> FrameType:
        """Where the program is."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename not in self.files:
            frame = frame.f_back
        assert frame is not None
        return frame

    def variables(self) -> dict[str, Any]:
        """The variables of the function that runs."""
        return dict(self.place().f_locals)

    def check(self, test: Any) -> None:
        """`assert test`."""
        if test is not UNKNOWN and not test and not self.branches:
            place = self.place()
            message = "this assertion does not hold"
            self.note(Finding(place.f_code.co_filename, place.f_lineno, 1, message))

    def reveal(self, value: Any, *_: Any) -> Any:
        """`reveal_type(value)`."""
        place = self.place()
        if isinstance(value, Tensor):
            text = f"Tensor[{str(value.dtype).rpartition('.')[2]}, {value.device.type}, {list(value.shape)}]"
            self.note(Finding(place.f_code.co_filename, place.f_lineno, 1, f"revealed type: {text}", False))
        return value

    def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """`function(*args, **kwargs)`, where it is the program's own, or only computes and all that it takes is known."""
        self.calls += 1
        if self.calls > CALLS:
            raise Exhausted
        pending.storages.clear()  # what nobody asks for is never computed
        if function is UNKNOWN:
            return UNKNOWN
        own = self._is_own(function)
        if not own:
            if not is_known(function) and function is not BUILTINS["print"] and function not in (self.reveal, _passed_on):
                return UNKNOWN
            if (has_unknown(args) or has_unknown(kwargs)) and not takes_unknown(function):
                return UNKNOWN
            if any(self._is_foreign(value) for value in (*args, *kwargs.values())):
                return UNKNOWN
            if args and isinstance(args[0], (list, tuple)) and not args[0] and _is_librarys(function):
                return UNKNOWN  # a statement that wasn't run may have filled it
        if self.depth >= DEPTH:
            return UNKNOWN
        self.depth += 1
        try:
            return function(*args, **kwargs)
        except SystemExit:  # a parser of arguments that lacks some
            if own:
                raise
            return UNKNOWN
        finally:
            self.depth -= 1

    def iterate(self, loader: DataLoader) -> Iterator[Any]:
        """A loader's batches: the first one, whatever makes them in a run (other processes, for one)."""
        self.batches += 1
        yield first_batch(loader)

    def _is_own(self, function: Any) -> bool:
        """Whether a function, class or object is one of the program."""
        if isinstance(function, MethodType):
            function = function.__func__
        if isinstance(function, FunctionType):
            return inspect.unwrap(function).__code__.co_filename in self.files
        kind = function if isinstance(function, type) else type(function)
        return any(kind.__module__ == module.__name__ for module in self.files.values())

    def _is_foreign(self, value: Any) -> bool:
        """Whether a function that is handed on is none that may be called."""
        return isinstance(value, (FunctionType, MethodType, type(len))) and not self._is_own(value) and not is_known(value)

    def decorator(self, found: Any) -> Any:
        """What a function is decorated with."""
        if found is UNKNOWN or not (self._is_own(found) or is_known(found)):
            return lambda decorated: decorated
        return found

    def set_attribute(self, target: Any, name: str, value: Any) -> None:
        """`target.name = value`; in a branch that may not be taken, what is known of both values."""
        if self.branches and target is not UNKNOWN:
            before = getattr(target, name, _MISSING)
            value = value if before is _MISSING else joined(before, value)
        try:
            setattr(target, name, value)
        except Exception:
            if value is not UNKNOWN:
                raise

    def chosen(self, test: Callable[[], Any], first: Callable[[], Any], second: Callable[[], Any]) -> Any:
        """`first if test else second`."""
        try:
            found = bool(test())
        except (Undecided, Looked):
            return joined(first(), second())
        return first() if found else second()

    # --- blocks -----------------------------------------------------------------------------------------------------------
    def frame(self) -> Frame:
        """A call of a function begins."""
        return Frame(self)

    def loop(self, iterable: Any) -> Loop:
        """A loop begins."""
        return Loop(self, iterable)

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        """The program handles exceptions."""
        self.tries += 1
        try:
            yield
        finally:
            self.tries -= 1

    def exceptions(self, kinds: Any) -> tuple[type[Exception], ...]:
        """What an `except` catches."""
        found = kinds if isinstance(kinds, tuple) else (kinds,)
        known = [kind for kind in found if isinstance(kind, type) and issubclass(kind, BaseException)]
        return tuple(kind if issubclass(kind, Exception) else Exception for kind in known)

    def context(self, value: Any) -> Any:
        """What `with` enters."""
        return value if hasattr(type(value), "__enter__") and (self._is_own(value) or is_known(type(value))) else UNKNOWN


def _is_librarys(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).startswith("flambeau")


def _passed_on(iterable: Any = UNKNOWN, *args: Any, **kwargs: Any) -> Any:
    """A progress bar."""
    return range(iterable) if isinstance(iterable, int) else iterable
