"""The native runner: threads that walk a list of (function, arguments) entries together, with no Python in between.

`Team.run` makes one native call (without the GIL); it fills the entries' argument arrays from a table of addresses, lets the
helper threads in, walks the entries and returns when all threads are done. On Linux whoever waits, helpers for work and all
threads at a barrier, spins for some hundreds of microseconds and then sleeps on a futex: on a busy machine, where the thread that
is waited for may not be running, that lets it run. Elsewhere helpers wait in Python on a semaphore, and barriers yield. Helpers
start when first needed, and again in a forked child. A woken helper often lands on its caller's processor and stays there while
both spin, so that the two take turns. So on Linux each helper keeps to a processor of its own, counted from the caller's first;
when the caller has moved to one of those, it sends the helper there to the one it came from, before it wakes anybody.

A run is five i64: address of the program, of the entries, number of entries, number of threads, and the address of the control
block, for a run that one thread does alone. A program is an array of i64:
address of the argument cells, of the table, of the pairs (cell, table index), number of pairs. An entry is three i64: function,
its argument array, and flags: 1 where a barrier follows, 2 where the first thread does it alone. The control block holds, a cache
line each: the generation that helpers wait on, the number of sleepers, what to run, and the barrier's two words (with the number
of its sleepers); then the processors, and the helpers with theirs.

`flambeau_repeat` is a function for an entry: it walks a list of entries of its own many times, on the threads that it is run on.
Every thread has its own copy of the list and of its argument cells, and before each run moves the cells on, so that nobody waits
for that. Its arguments: how many runs; the first thread's entries, how many they are, bytes to the next thread's; the first
thread's cells, bytes to the next thread's; the moves, how many; the table; the control block. A move is a cell, the table index
of its memory, another that holds at run 0 (or `NOWHERE`), and offset, stride, phase and mask: at run r the cell is
memory + offset + stride·((r + phase) & mask).

May import its neighbours that make and stop native code.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu.jit import Jit
from flambeau.devices.cpu.stopping import WORD, Interruption
from flambeau.devices.cpu.uncut import uncut

__all__ = ["ALONE", "BARRIER", "ENTRY_WORDS", "MOVE_WORDS", "NOWHERE", "RUN_WORDS", "Team"]

ENTRY_WORDS, RUN_WORDS, MOVE_WORDS = 3, 5, 7
NOWHERE = -1
BARRIER, ALONE = 1, 2
"""Flags of an entry."""
_ANNOUNCES, STOPPABLE = 1, 2
"""Flags of a run: helpers take part; Ctrl-C may stop it. The second is what `stopping` has as the word's value then."""
_SPINS = 20000
"""Longer than Python takes between two plans: waking a sleeper takes 20 to 35 µs, twice a plan."""
_LINE = 64
_GENERATION, _SLEEPERS, _RUN, _ARRIVED, _TURN = 0, 64, 128, 192, 256
_WAITERS = 264  # how many sleep at the barrier
_CALLER = 136  # the processor that the caller ran on
_ENDED = 272  # how many walks the first thread has ended
_PROCESSORS = 320  # how many we may run on, then their numbers
_MOST_PROCESSORS = 1024
_HELPERS = _PROCESSORS + 8 + 8 * _MOST_PROCESSORS  # of each thread its identity in the system, and the processor it keeps to
_CONTROL_BYTES = _HELPERS + 16 * _MOST_PROCESSORS
_CALLS = {"x86_64": (202, 186), "aarch64": (98, 178), "arm64": (98, 178)}
"""The numbers of Linux's system calls futex and gettid."""


def _pause(target: Target) -> tuple[str, str]:
    """A hint that a thread spins: (declaration, call)."""
    if target.architecture in ("x86_64", "amd64", "i386", "i686"):
        return "declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"
    if target.architecture in ("aarch64", "arm64"):
        return "declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"
    return "", ""


def _has_futex(target: Target) -> bool:
    return sys.platform.startswith("linux") and target.architecture in _CALLS


def _word(name: str, place: int, type: str = "i64", base: str = "arguments") -> str:
    """IR that loads word `place` of what `base` points to."""
    pointer = f"%{name}.at = getelementptr i64, ptr %{base}, i64 {place}"
    return f"{pointer}\n  %{name} = load {type}, ptr %{name}.at, align 8"


def _source(target: Target) -> str:
    """The runner's LLVM IR."""
    declaration, pause = _pause(target)
    give_way = "call i32 @SwitchToThread()" if sys.platform == "win32" else "call i32 @sched_yield()"
    declared = "declare i32 @SwitchToThread()" if sys.platform == "win32" else "declare i32 @sched_yield()"
    futex, gettid = _CALLS.get(target.architecture, (0, 0))
    if _has_futex(target):  # a waiter notes itself, then looks again inside the kernel; the opener opens, then looks for waiters
        wake_waiters = f"""%waiting = load atomic i32, ptr %waiters seq_cst, align 4
  %some_wait = icmp ne i32 %waiting, 0
  br i1 %some_wait, label %wake, label %latch
wake:
  %woken = call i64 (i64, ...) @syscall(i64 {futex}, ptr %turn, i32 129, i32 2147483647, ptr null, ptr null, i32 0)
  br label %latch"""
        wait_for_turn = f"""%up = atomicrmw add ptr %waiters, i32 1 seq_cst
  %before_sleep = trunc i64 %now to i32
  %slept = call i64 (i64, ...) @syscall(i64 {futex}, ptr %turn, i32 128, i32 %before_sleep, ptr null, ptr null, i32 0)
  %down = atomicrmw sub ptr %waiters, i32 1 seq_cst"""
    else:
        wake_waiters, wait_for_turn = "br label %latch", f"%ignored = {give_way}"
    return f"""
{declaration}
{declared}
declare i64 @syscall(i64, ...)
declare i32 @sched_getcpu()
declare i32 @sched_setaffinity(i32, i64, ptr)

define void @flambeau_nothing(ptr %arguments, i64 %thread, i64 %threads) {{
  ret void
}}

define void @flambeau_fill(ptr %program) {{
entry:
  %cells = load ptr, ptr %program, align 8
  %p1 = getelementptr i64, ptr %program, i64 1
  %table = load ptr, ptr %p1, align 8
  %p2 = getelementptr i64, ptr %program, i64 2
  %pairs = load ptr, ptr %p2, align 8
  %p3 = getelementptr i64, ptr %program, i64 3
  %count = load i64, ptr %p3, align 8
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %top, label %done
top:
  %i = phi i64 [ 0, %entry ], [ %next, %top ]
  %pair = getelementptr [2 x i64], ptr %pairs, i64 %i
  %cell = load i64, ptr %pair, align 8
  %where = getelementptr i64, ptr %pair, i64 1
  %index = load i64, ptr %where, align 8
  %from = getelementptr i64, ptr %table, i64 %index
  %value = load i64, ptr %from, align 8
  %to = getelementptr i64, ptr %cells, i64 %cell
  store i64 %value, ptr %to, align 8
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %top, label %done
done:
  ret void
}}

define void @flambeau_list(ptr %entries, i64 %count, i64 %thread, i64 %threads, ptr %control) {{
entry:
  %arrived = getelementptr i8, ptr %control, i64 {_ARRIVED}
  %turn = getelementptr i8, ptr %control, i64 {_TURN}
  %waiters = getelementptr i8, ptr %control, i64 {_WAITERS}
  %alone = icmp eq i64 %threads, 1
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %top, label %done
top:
  %i = phi i64 [ 0, %entry ], [ %next, %latch ]
  %item = getelementptr [{ENTRY_WORDS} x i64], ptr %entries, i64 %i
  %function = load ptr, ptr %item, align 8
  %second = getelementptr i64, ptr %item, i64 1
  %arguments = load ptr, ptr %second, align 8
  %third = getelementptr i64, ptr %item, i64 2
  %flags = load i64, ptr %third, align 8
  %stop = load atomic i32, ptr {WORD} monotonic, align 4
  %stopped = icmp eq i32 %stop, 1
  br i1 %stopped, label %after, label %goes
goes:
  %sole = and i64 %flags, {ALONE}
  %is_sole = icmp ne i64 %sole, 0
  br i1 %is_sole, label %single, label %shared
single:
  %is_first = icmp eq i64 %thread, 0
  br i1 %is_first, label %do, label %after
do:
  call void %function(ptr %arguments, i64 0, i64 1)
  br label %after
shared:
  call void %function(ptr %arguments, i64 %thread, i64 %threads)
  br label %after
after:
  %waits = and i64 %flags, {BARRIER}
  %free = icmp eq i64 %waits, 0
  %skips = or i1 %free, %alone
  br i1 %skips, label %latch, label %meet
meet:
  %now = load atomic i64, ptr %turn acquire, align 8
  %before = atomicrmw add ptr %arrived, i64 1 acq_rel
  %count1 = add i64 %before, 1
  %last = icmp eq i64 %count1, %threads
  br i1 %last, label %open, label %spin
open:
  store atomic i64 0, ptr %arrived monotonic, align 8
  %following = add i64 %now, 1
  store atomic i64 %following, ptr %turn seq_cst, align 8
  {wake_waiters}
spin:
  %k = phi i64 [ 1, %meet ], [ %k1, %again ]
  {pause}
  %k1 = add i64 %k, 1
  %seen = load atomic i64, ptr %turn acquire, align 8
  %same = icmp eq i64 %seen, %now
  br i1 %same, label %still, label %latch
still:
  %tired = icmp sgt i64 %k1, {_SPINS}
  br i1 %tired, label %rest, label %again
again:
  br label %spin
rest:
  {wait_for_turn}
  %later = load atomic i64, ptr %turn acquire, align 8
  %unchanged = icmp eq i64 %later, %now
  br i1 %unchanged, label %rest, label %latch
latch:
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %top, label %done
done:
  ret void
}}

define void @flambeau_walk(ptr %run, i64 %thread, ptr %control) {{
  %r1 = getelementptr i64, ptr %run, i64 1
  %entries = load ptr, ptr %r1, align 8
  %r2 = getelementptr i64, ptr %run, i64 2
  %count = load i64, ptr %r2, align 8
  %r3 = getelementptr i64, ptr %run, i64 3
  %threads = load i64, ptr %r3, align 8
  call void @flambeau_list(ptr %entries, i64 %count, i64 %thread, i64 %threads, ptr %control)
  %is_caller = icmp eq i64 %thread, 0
  br i1 %is_caller, label %note, label %done
note:
  %runs = getelementptr i8, ptr %control, i64 {_ENDED}
  %ended = load i64, ptr %runs, align 8
  %ended1 = add i64 %ended, 1
  store i64 %ended1, ptr %runs, align 8
  br label %done
done:
  ret void
}}

define void @flambeau_repeat(ptr %arguments, i64 %thread, i64 %threads) {{
entry:
  %times = load i64, ptr %arguments, align 8
  {_word("entries0", 1, "ptr")}
  {_word("count", 2)}
  {_word("entry_bytes", 3)}
  {_word("cells0", 4, "ptr")}
  {_word("cell_bytes", 5)}
  {_word("moves", 6, "ptr")}
  {_word("move_count", 7)}
  {_word("table", 8, "ptr")}
  {_word("control", 9, "ptr")}
  %entry_skip = mul i64 %thread, %entry_bytes
  %entries = getelementptr i8, ptr %entries0, i64 %entry_skip
  %cell_skip = mul i64 %thread, %cell_bytes
  %cells = getelementptr i8, ptr %cells0, i64 %cell_skip
  %some = icmp sgt i64 %times, 0
  br i1 %some, label %begin, label %done
begin:
  %run = phi i64 [ 0, %entry ], [ %run1, %walk ]
  %is_first = icmp eq i64 %run, 0
  %any_moves = icmp sgt i64 %move_count, 0
  br i1 %any_moves, label %move, label %walk
move:
  %m = phi i64 [ 0, %begin ], [ %m1, %set ]
  %item = getelementptr [{MOVE_WORDS} x i64], ptr %moves, i64 %m
  %cell = load i64, ptr %item, align 8
  %to = getelementptr i64, ptr %cells, i64 %cell
  {_word("index", 1, "i64", "item")}
  {_word("first", 2, "i64", "item")}
  %has_first = icmp ne i64 %first, {NOWHERE}
  %starts = and i1 %is_first, %has_first
  br i1 %starts, label %given, label %usual
given:
  %given_from = getelementptr i64, ptr %table, i64 %first
  %given_address = load i64, ptr %given_from, align 8
  br label %set
usual:
  {_word("offset", 3, "i64", "item")}
  {_word("stride", 4, "i64", "item")}
  {_word("phase", 5, "i64", "item")}
  {_word("mask", 6, "i64", "item")}
  %from = getelementptr i64, ptr %table, i64 %index
  %base = load i64, ptr %from, align 8
  %turn = add i64 %run, %phase
  %row = and i64 %turn, %mask
  %bytes = mul i64 %row, %stride
  %skipped = add i64 %bytes, %offset
  %address = add i64 %base, %skipped
  br label %set
set:
  %value = phi i64 [ %given_address, %given ], [ %address, %usual ]
  store i64 %value, ptr %to, align 8
  %m1 = add i64 %m, 1
  %more_moves = icmp slt i64 %m1, %move_count
  br i1 %more_moves, label %move, label %walk
walk:
  call void @flambeau_list(ptr %entries, i64 %count, i64 %thread, i64 %threads, ptr %control)
  %run1 = add i64 %run, 1
  %more = icmp slt i64 %run1, %times
  br i1 %more, label %begin, label %done
done:
  ret void
}}

define void @flambeau_announce(ptr %control, ptr %run) {{
entry:
  %e = getelementptr i8, ptr %control, i64 {_RUN}
  store ptr %run, ptr %e, align 8
  %ends = icmp eq ptr %run, null
  br i1 %ends, label %open, label %place
place:
  %here = call i32 @sched_getcpu()
  %p = getelementptr i8, ptr %control, i64 {_CALLER}
  %before = load i32, ptr %p, align 4
  store i32 %here, ptr %p, align 4
  %stayed = icmp eq i32 %before, %here
  br i1 %stayed, label %open, label %changed
changed:
  %helpers = getelementptr i8, ptr %control, i64 {_HELPERS}
  %r3 = getelementptr i64, ptr %run, i64 3
  %threads = load i64, ptr %r3, align 8
  %taken = sext i32 %here to i64
  %left = sext i32 %before to i64
  br label %look
look:
  %i = phi i64 [ 1, %changed ], [ %next, %other ]
  %more = icmp ult i64 %i, %threads
  br i1 %more, label %helper, label %open
helper:
  %its = getelementptr [2 x i64], ptr %helpers, i64 %i
  %on = getelementptr i64, ptr %its, i64 1
  %processor = load i64, ptr %on, align 8
  %is = icmp eq i64 %processor, %taken
  br i1 %is, label %swap, label %other
other:
  %next = add i64 %i, 1
  br label %look
swap:
  %id = load i64, ptr %its, align 8
  store i64 %left, ptr %on, align 8
  call void @flambeau_pin(i64 %id, i64 %left)
  br label %open
open:
  %old = atomicrmw add ptr %control, i32 1 seq_cst
  %s = getelementptr i8, ptr %control, i64 {_SLEEPERS}
  %sleeping = load atomic i32, ptr %s seq_cst, align 4
  %any = icmp ne i32 %sleeping, 0
  br i1 %any, label %wake, label %done
wake:
  %r = call i64 (i64, ...) @syscall(i64 {futex}, ptr %control, i32 129, i32 2147483647, ptr null, ptr null, i32 0)
  br label %done
done:
  ret void
}}

define void @flambeau_pin(i64 %id, i64 %processor) {{
entry:
  %known = icmp ult i64 %processor, {_MOST_PROCESSORS}
  br i1 %known, label %set, label %done
set:
  %mask = alloca [{_MOST_PROCESSORS // 64} x i64], align 8
  store [{_MOST_PROCESSORS // 64} x i64] zeroinitializer, ptr %mask, align 8
  %which = lshr i64 %processor, 6
  %word = getelementptr i64, ptr %mask, i64 %which
  %bit = and i64 %processor, 63
  %one = shl i64 1, %bit
  store i64 %one, ptr %word, align 8
  %number = trunc i64 %id to i32
  %ignored = call i32 @sched_setaffinity(i32 %number, i64 {_MOST_PROCESSORS // 8}, ptr %mask)
  br label %done
done:
  ret void
}}

define void @flambeau_settle(ptr %control, i64 %thread) {{
entry:
  %p = getelementptr i8, ptr %control, i64 {_CALLER}
  %caller = load i32, ptr %p, align 4
  %n = getelementptr i8, ptr %control, i64 {_PROCESSORS}
  %count = load i64, ptr %n, align 8
  %list = getelementptr i64, ptr %n, i64 1
  %from = sext i32 %caller to i64
  %some = icmp ugt i64 %count, 1
  br i1 %some, label %look, label %done
look:
  %i = phi i64 [ 0, %entry ], [ %next, %other ]
  %place = getelementptr i64, ptr %list, i64 %i
  %number = load i64, ptr %place, align 8
  %is = icmp eq i64 %number, %from
  br i1 %is, label %found, label %other
other:
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %count
  br i1 %more, label %look, label %done
found:
  %sum = add i64 %i, %thread
  %slot = urem i64 %sum, %count
  %target = getelementptr i64, ptr %list, i64 %slot
  %processor = load i64, ptr %target, align 8
  %helpers = getelementptr i8, ptr %control, i64 {_HELPERS}
  %its = getelementptr [2 x i64], ptr %helpers, i64 %thread
  %id = call i64 (i64, ...) @syscall(i64 {gettid})
  store i64 %id, ptr %its, align 8
  %on = getelementptr i64, ptr %its, i64 1
  store i64 %processor, ptr %on, align 8
  call void @flambeau_pin(i64 %id, i64 %processor)
  br label %done
done:
  ret void
}}

define void @flambeau_prepare(ptr %run) {{
  %program = load ptr, ptr %run, align 8
  call void @flambeau_fill(ptr %program)
  ret void
}}

define void @flambeau_alone(ptr %run) {{
  call void @flambeau_prepare(ptr %run)
  store atomic i32 0, ptr {WORD} monotonic, align 4
  {_word("control", 4, "ptr", "run")}
  call void @flambeau_walk(ptr %run, i64 0, ptr %control)
  ret void
}}

define i64 @flambeau_run(ptr %run, ptr %control, i64 %flags) {{
  call void @flambeau_prepare(ptr %run)
  %may_stop = and i64 %flags, {STOPPABLE}
  %word = trunc i64 %may_stop to i32
  store atomic i32 %word, ptr {WORD} seq_cst, align 4
  %announces = and i64 %flags, {_ANNOUNCES}
  %is = icmp ne i64 %announces, 0
  br i1 %is, label %announce, label %walk
announce:
  call void @flambeau_announce(ptr %control, ptr %run)
  br label %walk
walk:
  call void @flambeau_walk(ptr %run, i64 0, ptr %control)
  %last = atomicrmw xchg ptr {WORD}, i32 0 seq_cst
  %stopped = icmp eq i32 %last, 1
  %result = zext i1 %stopped to i64
  ret i64 %result
}}

define void @flambeau_help(ptr %control, i64 %thread, i64 %first) {{
entry:
  %s = getelementptr i8, ptr %control, i64 {_SLEEPERS}
  %e = getelementptr i8, ptr %control, i64 {_RUN}
  %start = trunc i64 %first to i32
  br label %wait
wait:
  %seen = phi i32 [ %start, %entry ], [ %generation, %ran ]
  %settled = phi i1 [ 0, %entry ], [ 1, %ran ]
  br label %spin
spin:
  %k = phi i64 [ 1, %wait ], [ %k1, %again ]
  %now = load atomic i32, ptr %control acquire, align 4
  %is = icmp ne i32 %now, %seen
  br i1 %is, label %got, label %idle
idle:
  {pause}
  %k1 = add i64 %k, 1
  %more = icmp slt i64 %k1, {_SPINS}
  br i1 %more, label %again, label %sleep
again:
  br label %spin
sleep:
  %up = atomicrmw add ptr %s, i32 1 seq_cst
  %r = call i64 (i64, ...) @syscall(i64 {futex}, ptr %control, i32 128, i32 %seen, ptr null, ptr null, i32 0)
  %down = atomicrmw sub ptr %s, i32 1 seq_cst
  %now2 = load atomic i32, ptr %control acquire, align 4
  %is2 = icmp ne i32 %now2, %seen
  br i1 %is2, label %got, label %sleep
got:
  %generation = load atomic i32, ptr %control acquire, align 4
  %run = load ptr, ptr %e, align 8
  %stop = icmp eq ptr %run, null
  br i1 %stop, label %done, label %work
work:
  br i1 %settled, label %begin, label %settle
settle:
  call void @flambeau_settle(ptr %control, i64 %thread)
  br label %begin
begin:
  call void @flambeau_walk(ptr %run, i64 %thread, ptr %control)
  br label %ran
ran:
  br label %wait
done:
  ret void
}}
"""


class _Natives:
    """The runner's functions as Python callables. Each call lets go of the GIL, but `run_alone`: some microseconds."""

    def __init__(self, jit: Jit) -> None:
        self._jit = jit
        source = _source(jit.target)
        if not _has_futex(jit.target):
            for name in ("i64 @syscall(i64, ...)", "i32 @sched_getcpu()", "i32 @sched_setaffinity(i32, i64, ptr)"):
                source = source.replace(f"declare {name}", "")
            after = source[source.index("define void @flambeau_prepare") :]
            source = source[: source.index("define void @flambeau_announce")] + after
            source = source[: source.index("define void @flambeau_help")]
            source = source.replace("call void @flambeau_announce(ptr %control, ptr %run)", "")
        names = ["flambeau_run", "flambeau_alone", "flambeau_prepare", "flambeau_walk", "flambeau_nothing", "flambeau_repeat"]
        if _has_futex(jit.target):
            names += ["flambeau_announce", "flambeau_help"]
        image = jit.assemble(source)
        self.code = jit.load([image])
        addresses = {name: self.code.bases[0] + image.functions[name] for name in names}
        p, i = ctypes.c_void_p, ctypes.c_int64
        self.run = ctypes.CFUNCTYPE(i, p, p, i)(addresses["flambeau_run"])
        self.run_alone = ctypes.PYFUNCTYPE(None, p)(addresses["flambeau_alone"])
        self.prepare = ctypes.CFUNCTYPE(None, p)(addresses["flambeau_prepare"])
        self.walk = ctypes.CFUNCTYPE(None, p, i, p)(addresses["flambeau_walk"])
        self.nothing, self.repeat = addresses["flambeau_nothing"], addresses["flambeau_repeat"]
        self.interruption = Interruption(jit.own["flambeau_interrupt"])
        self.announce: Any = None
        self.help: Any = None
        if "flambeau_help" in addresses:
            self.announce = ctypes.CFUNCTYPE(None, p, p)(addresses["flambeau_announce"])
            self.help = ctypes.CFUNCTYPE(None, p, i, i)(addresses["flambeau_help"])


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
        self._memory = ctypes.create_string_buffer(_CONTROL_BYTES + _LINE)
        self.control = ctypes.addressof(self._memory) + -ctypes.addressof(self._memory) % _LINE
        """The address of the control block, the same as long as the team lives."""
        self._reset()

    def _reset(self) -> None:
        ctypes.memset(self.control, 0, _CONTROL_BYTES)
        self._ended = ctypes.c_int64.from_address(self.control + _ENDED)
        if hasattr(os, "sched_getaffinity"):
            usable = [p for p in sorted(os.sched_getaffinity(0)) if p < _MOST_PROCESSORS]
            words = (ctypes.c_int64 * (1 + _MOST_PROCESSORS)).from_address(self.control + _PROCESSORS)
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
        flags = STOPPABLE if stoppable else 0
        if self.threads == 1:
            stopped = self._natives.run(run, self.control, flags)
        else:
            if len(self._helpers) < self.threads - 1:
                uncut(self._start)
            if self._natives.help is not None:
                stopped = self._natives.run(run, self.control, flags | _ANNOUNCES)
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
        generation = ctypes.c_uint32.from_address(self.control + _GENERATION).value
        for number in range(len(self._helpers) + 1, self.threads):
            if self._natives.help is not None:
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
        uncut(self._stop)

    def _stop(self) -> None:
        helpers, self._helpers = self._helpers, []
        if not helpers:
            return
        if self._natives.announce is not None:
            self._natives.announce(self.control, None)
        else:
            self._work = None
            for start in self._starts:
                start.release()
            self._starts = []
        for helper in helpers:
            helper.join()
