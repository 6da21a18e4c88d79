"""The runner's own code in LLVM IR: a thread walks a list of entries, with barriers between them. May import `codegen.llvm`.

`flambeau_repeat` is a function for an entry: it walks a list of entries of its own many times, on the threads that it is run on.
Every thread has its own copy of the list and of its argument cells, and before each run moves the cells on, so that nobody waits
for that. Its arguments: how many runs; the first thread's entries, how many they are, bytes to the next thread's; the first
thread's cells, bytes to the next thread's; the moves, how many; the table; the control block. A move is a cell, the table index
of its memory, another that holds at run 0 (or `NOWHERE`), and offset, stride, phase and mask: at run r the cell is
memory + offset + stride·((r + phase) & mask).
"""

from __future__ import annotations

from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu.runner.layout import (
    ALONE,
    ARRIVED,
    BARRIER,
    ENDED,
    ENTRY_WORDS,
    FILL_WORDS,
    MOVE_WORDS,
    NOWHERE,
    STOP_WORD,
    TURN,
    WAITERS,
)
from flambeau.devices.cpu.runner.system import FUTEX_WAIT, FUTEX_WAKE, calls, give_way, has_futex, pause

__all__ = ["SPINS", "load_word", "walking"]

SPINS = 20000
"""Longer than Python takes between two plans: waking a sleeper takes 20 to 35 µs, twice a plan."""


def load_word(name: str, place: int, type: str = "i64", base: str = "arguments") -> str:
    """IR that loads word `place` of what `base` points to."""
    pointer = f"%{name}.at = getelementptr i64, ptr %{base}, i64 {place}"
    return f"{pointer}\n  %{name} = load {type}, ptr %{name}.at, align 8"


_STOP_WORD = load_word("word", STOP_WORD // 8, "ptr", "control")


def walking(target: Target) -> str:
    """What every system has: functions that run lists of entries."""
    return _list(target) + _FUNCTIONS


def _list(target: Target) -> str:
    """Walks a list of entries; where a barrier follows, threads meet there."""
    declarations, barrier = _barrier(target)
    return f"""
{declarations}

define void @flambeau_list(ptr %entries, i64 %count, i64 %thread, i64 %threads, ptr %control) {{
entry:
  %arrived = getelementptr i8, ptr %control, i64 {ARRIVED}
  %turn = getelementptr i8, ptr %control, i64 {TURN}
  %waiters = getelementptr i8, ptr %control, i64 {WAITERS}
  {_STOP_WORD}
  %alone = icmp eq i64 %threads, 1
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %top, label %done
top:
  %i = phi i64 [ 0, %entry ], [ %next, %latch ]
  %item = getelementptr [{ENTRY_WORDS} x i64], ptr %entries, i64 %i
  %function = load ptr, ptr %item, align 8
  {load_word("arguments", 1, "ptr", "item")}
  {load_word("flags", 2, "i64", "item")}
  %stop = load atomic i32, ptr %word monotonic, align 4
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
{barrier}latch:
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %top, label %done
done:
  ret void
}}
"""


def _barrier(target: Target) -> tuple[str, str]:
    """Declarations, and the blocks from `meet` to before `latch`: the last thread to arrive opens the barrier; the others spin,
    then sleep or give way."""
    spin_declaration, spins = pause(target)
    if has_futex(target):  # a waiter notes itself, then looks again inside the kernel; the opener opens, then looks for waiters
        declaration = "declare i64 @syscall(i64, ...)"
        number, _ = calls(target)
        futex = f"call i64 (i64, ...) @syscall(i64 {number}, ptr %turn, i32"
        wake_waiters = f"""%waiting = load atomic i32, ptr %waiters seq_cst, align 4
  %some_wait = icmp ne i32 %waiting, 0
  br i1 %some_wait, label %wake, label %latch
wake:
  %woken = {futex} {FUTEX_WAKE}, i32 2147483647, ptr null, ptr null, i32 0)
  br label %latch"""
        wait_for_turn = f"""%up = atomicrmw add ptr %waiters, i32 1 seq_cst
  %before_sleep = trunc i64 %now to i32
  %slept = {futex} {FUTEX_WAIT}, i32 %before_sleep, ptr null, ptr null, i32 0)
  %down = atomicrmw sub ptr %waiters, i32 1 seq_cst"""
    else:
        declaration, yields = give_way()
        wake_waiters, wait_for_turn = "br label %latch", f"%ignored = {yields}"
    blocks = f"""meet:
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
  {spins}
  %k1 = add i64 %k, 1
  %seen = load atomic i64, ptr %turn acquire, align 8
  %same = icmp eq i64 %seen, %now
  br i1 %same, label %still, label %latch
still:
  %tired = icmp sgt i64 %k1, {SPINS}
  br i1 %tired, label %rest, label %again
again:
  br label %spin
rest:
  {wait_for_turn}
  %later = load atomic i64, ptr %turn acquire, align 8
  %unchanged = icmp eq i64 %later, %now
  br i1 %unchanged, label %rest, label %latch
"""
    return f"{declaration}\n{spin_declaration}", blocks


_FUNCTIONS = f"""
define void @flambeau_nothing(ptr %arguments, i64 %thread, i64 %threads) {{
  ret void
}}

define void @flambeau_fill(ptr %program) {{
entry:
  %cells = load ptr, ptr %program, align 8
  {load_word("table", 1, "ptr", "program")}
  {load_word("fills", 2, "ptr", "program")}
  {load_word("count", 3, "i64", "program")}
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %top, label %done
top:
  %i = phi i64 [ 0, %entry ], [ %next, %top ]
  %fill = getelementptr [{FILL_WORDS} x i64], ptr %fills, i64 %i
  %cell = load i64, ptr %fill, align 8
  {load_word("index", 1, "i64", "fill")}
  {load_word("moved", 2, "i64", "fill")}
  %from = getelementptr i64, ptr %table, i64 %index
  %address = load i64, ptr %from, align 8
  %value = add i64 %address, %moved
  %to = getelementptr i64, ptr %cells, i64 %cell
  store i64 %value, ptr %to, align 8
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %top, label %done
done:
  ret void
}}

define void @flambeau_walk(ptr %run, i64 %thread, ptr %control) {{
  {load_word("entries", 1, "ptr", "run")}
  {load_word("count", 2, "i64", "run")}
  {load_word("threads", 3, "i64", "run")}
  call void @flambeau_list(ptr %entries, i64 %count, i64 %thread, i64 %threads, ptr %control)
  %is_caller = icmp eq i64 %thread, 0
  br i1 %is_caller, label %note, label %done
note:
  %runs = getelementptr i8, ptr %control, i64 {ENDED}
  %ended = load i64, ptr %runs, align 8
  %ended1 = add i64 %ended, 1
  store i64 %ended1, ptr %runs, align 8
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
  {load_word("control", 4, "ptr", "run")}
  {_STOP_WORD}
  store atomic i32 0, ptr %word monotonic, align 4
  call void @flambeau_walk(ptr %run, i64 0, ptr %control)
  ret void
}}

define void @flambeau_begin(ptr %run, i64 %may_stop) {{
  call void @flambeau_prepare(ptr %run)
  {load_word("control", 4, "ptr", "run")}
  {_STOP_WORD}
  %begins = trunc i64 %may_stop to i32
  store atomic i32 %begins, ptr %word seq_cst, align 4
  ret void
}}

define i64 @flambeau_finish(ptr %run, ptr %control) {{
  call void @flambeau_walk(ptr %run, i64 0, ptr %control)
  {_STOP_WORD}
  %last = atomicrmw xchg ptr %word, i32 0 seq_cst
  %stopped = icmp eq i32 %last, 1
  %result = zext i1 %stopped to i64
  ret i64 %result
}}

define i64 @flambeau_run(ptr %run, ptr %control, i64 %may_stop) {{
  call void @flambeau_begin(ptr %run, i64 %may_stop)
  %stopped = call i64 @flambeau_finish(ptr %run, ptr %control)
  ret i64 %stopped
}}

define void @flambeau_repeat(ptr %arguments, i64 %thread, i64 %threads) {{
entry:
  %times = load i64, ptr %arguments, align 8
  {load_word("entries0", 1, "ptr")}
  {load_word("count", 2)}
  {load_word("entry_bytes", 3)}
  {load_word("cells0", 4, "ptr")}
  {load_word("cell_bytes", 5)}
  {load_word("moves", 6, "ptr")}
  {load_word("move_count", 7)}
  {load_word("table", 8, "ptr")}
  {load_word("control", 9, "ptr")}
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
  {load_word("index", 1, "i64", "item")}
  {load_word("first", 2, "i64", "item")}
  %has_first = icmp ne i64 %first, {NOWHERE}
  %starts = and i1 %is_first, %has_first
  br i1 %starts, label %given, label %usual
given:
  %given_from = getelementptr i64, ptr %table, i64 %first
  %given_address = load i64, ptr %given_from, align 8
  br label %set
usual:
  {load_word("offset", 3, "i64", "item")}
  {load_word("stride", 4, "i64", "item")}
  {load_word("phase", 5, "i64", "item")}
  {load_word("mask", 6, "i64", "item")}
  %from = getelementptr i64, ptr %table, i64 %index
  %base = load i64, ptr %from, align 8
  %turn = add i64 %run, %phase
  %row = and i64 %turn, %mask
  %bytes = mul i64 %row, %stride
  %skipped = add i64 %bytes, %offset
  %address = add i64 %base, %skipped
  br label %set
set:
  %place = phi i64 [ %given_address, %given ], [ %address, %usual ]
  {load_word("moved", 7, "i64", "item")}
  %value = add i64 %place, %moved
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
"""
