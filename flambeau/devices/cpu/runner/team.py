"""`Team`: threads that walk a list of (function, arguments) entries together, with no Python in between.

`Team.run` makes one native call (without the GIL); it fills the entries' argument arrays from a table of addresses, lets the
helper threads in, walks the entries and returns when all threads are done. Elsewhere than on Linux helpers wait in Python on a
semaphore, and barriers yield. Helpers start when first needed, and again in a forked child. May import its neighbours, and those
that make and stop native code.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from functools import cache

from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu.jit import Jit
from flambeau.devices.cpu.kept import kept_image
from flambeau.devices.cpu.runner.helping import helping
from flambeau.devices.cpu.runner.layout import (
    CONTROL_BYTES,
    ENDED,
    GENERATION,
    LINE,
    MOST_PROCESSORS,
    PROCESSORS,
    STOP_WORD,
    STOPPABLE,
)
from flambeau.devices.cpu.runner.system import has_futex
from flambeau.devices.cpu.runner.walking import walking
from flambeau.devices.cpu.stopping import WORD, Interruption
from flambeau.devices.cpu.uncut import uncut

__all__ = ["Team"]


class _Natives:
    """The runner's functions as Python callables. Each call lets go of the GIL, but `run_alone`: some microseconds."""

    def __init__(self, jit: Jit) -> None:
        source, names = walking(jit.target), ["run", "alone", "prepare", "walk", "nothing", "repeat"]
        if has_futex(jit.target):
            source += helping(jit.target)
            names += ["run_together", "announce", "help"]
        image = kept_image(jit, source)
        self.code = jit.load([image])
        addresses = {name: self.code.bases[0] + image.functions[f"flambeau_{name}"] for name in names}
        p, i = ctypes.c_void_p, ctypes.c_int64
        self.run = ctypes.CFUNCTYPE(i, p, p, i)(addresses["run"])
        self.run_alone = ctypes.PYFUNCTYPE(None, p)(addresses["alone"])
        self.prepare = ctypes.CFUNCTYPE(None, p)(addresses["prepare"])
        self.walk = ctypes.CFUNCTYPE(None, p, i, p)(addresses["walk"])
        self.nothing, self.repeat = addresses["nothing"], addresses["repeat"]
        self.interruption = Interruption(jit.own["flambeau_interrupt"])
        self.has_helpers = has_futex(jit.target)
        """Whether helpers wait in native code."""
        if self.has_helpers:
            self.run_together = ctypes.CFUNCTYPE(i, p, p, i)(addresses["run_together"])
            self.announce = ctypes.CFUNCTYPE(None, p, p)(addresses["announce"])
            self.help = ctypes.CFUNCTYPE(None, p, i, i)(addresses["help"])


@cache
def _natives(target: Target) -> _Natives:
    """Made once and never dropped: a helper may sleep there as long as the process lives."""
    return _Natives(Jit(target))


class Team:
    """`threads` threads, the caller's among them. One call of `run` at a time."""

    def __init__(self, target: Target, threads: int) -> None:
        self._natives = _natives(target)
        self.threads = threads
        self.run_alone: Callable[[int], None] = self._natives.run_alone
        """Does the short run at an address on the caller's thread, other Python threads waiting."""
        self.nothing = self._natives.nothing
        """The address of a function for entries that do nothing in this run."""
        self.repeat = self._natives.repeat
        """The address of `flambeau_repeat`."""
        self._helpers: list[threading.Thread] = []
        self._memory = ctypes.create_string_buffer(CONTROL_BYTES + LINE)
        self.control = ctypes.addressof(self._memory) + -ctypes.addressof(self._memory) % LINE
        """The address of the control block, the same as long as the team lives."""
        self._reset()

    def _reset(self) -> None:
        ctypes.memset(self.control, 0, CONTROL_BYTES)
        self._ended = ctypes.c_int64.from_address(self.control + ENDED)
        ctypes.c_int64.from_address(self.control + STOP_WORD).value = WORD
        if hasattr(os, "sched_getaffinity"):
            usable = [p for p in sorted(os.sched_getaffinity(0)) if p < MOST_PROCESSORS]
            words = (ctypes.c_int64 * (1 + MOST_PROCESSORS)).from_address(self.control + PROCESSORS)
            words[: 1 + len(usable)] = [len(usable), *usable]
        self._helpers = []
        self._starts: list[threading.Semaphore] = []
        self._work: int | None = None

    def after_fork(self) -> None:
        """In a forked child: the parent's threads don't exist here."""
        self._reset()

    def set_threads(self, threads: int) -> None:
        """Changes the number of threads; helpers start when they are next needed."""
        if threads != self.threads:
            self.stop()
            self.threads = threads

    def run(self, run: int, stoppable: bool = False) -> None:
        """Does the run at the address `run` on all threads.

        Raises KeyboardInterrupt when it was stopped, which only a `stoppable` run is (see `stopping`).
        """
        may_stop = STOPPABLE if stoppable else 0
        if self.threads == 1:
            stopped = self._natives.run(run, self.control, may_stop)
        else:
            if len(self._helpers) < self.threads - 1:
                uncut(self._start)
            if self._natives.has_helpers:
                stopped = self._natives.run_together(run, self.control, may_stop)
            else:
                stopped = 0
                self._natives.prepare(run)
                self._work = run
                for start in self._starts:
                    start.release()
                self._natives.walk(run, 0, self.control)
        if stopped:
            raise KeyboardInterrupt

    def run_long(self, run: int) -> None:
        """`run`, which Ctrl-C stops half-way."""
        with self._natives.interruption as stoppable:
            self.run(run, stoppable)

    def finish(self, run: int, alone: bool) -> BaseException | None:
        """Does a run (of at least one entry) to its end; gives the exception that a signal's handler raised meanwhile, if any.

        A handler runs when the native call has returned, or just before it is made.
        """
        held = None
        before = self._ended.value
        while self._ended.value == before:
            try:
                if alone:
                    self.run_alone(run)
                else:
                    self.run(run)
            except BaseException as error:
                held = error
        return held

    def _start(self) -> None:
        generation = ctypes.c_uint32.from_address(self.control + GENERATION).value
        for number in range(len(self._helpers) + 1, self.threads):
            if self._natives.has_helpers:
                target, arguments = self._natives.help, (self.control, number, generation)
            else:
                start = threading.Semaphore(0)
                self._starts.append(start)
                target, arguments = self._wait_for_work, (number, start)  # type: ignore[assignment]
            helper = threading.Thread(target=target, args=arguments, name=f"flambeau-{number}", daemon=True)
            helper.start()
            self._helpers.append(helper)

    def _wait_for_work(self, number: int, start: threading.Semaphore) -> None:
        while True:
            start.acquire()
            work = self._work
            if work is None:
                return
            self._natives.walk(work, number, self.control)

    def stop(self) -> None:
        """Ends the helper threads."""
        for helper in uncut(self._dismissed):
            helper.join()

    def _dismissed(self) -> list[threading.Thread]:
        """The helpers, told to end."""
        helpers, self._helpers = self._helpers, []
        if helpers and self._natives.has_helpers:
            self._natives.announce(self.control, None)
        elif helpers:
            self._work = None
            for start in self._starts:
                start.release()
            self._starts = []
        return helpers
