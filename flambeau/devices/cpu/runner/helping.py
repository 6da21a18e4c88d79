"""Helper threads' code in LLVM IR, on Linux: they wait for work, and each keeps to a processor. May import `codegen.llvm`.

Whoever waits spins for some hundreds of microseconds and then sleeps on a futex: on a busy machine, where the thread that is
waited for may not be running, that lets it run. A woken helper often lands on its caller's processor and stays there while both
spin, so that the two take turns. So each helper keeps to a processor of its own, counted from the caller's first; when the caller
has moved to one of those, it sends the helper there to the one it came from, before it wakes anybody.
"""

from __future__ import annotations

from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu.runner.layout import CALLER, HELPERS, MOST_PROCESSORS, PROCESSORS, RUN, SLEEPERS
from flambeau.devices.cpu.runner.system import FUTEX_WAIT, FUTEX_WAKE, calls, pause
from flambeau.devices.cpu.runner.walking import SPINS, load_word

__all__ = ["helping"]


def helping(target: Target) -> str:
    """What belongs after `walking` where there are futexes."""
    _, spins = pause(target)
    futex, gettid = calls(target)
    return _DECLARED + _announce(futex) + _PIN + _settle(gettid) + _RUN_TOGETHER + _help(futex, spins)


_DECLARED = """
declare i32 @sched_getcpu()
declare i32 @sched_setaffinity(i32, i64, ptr)
"""


def _announce(futex: int) -> str:
    """The caller tells the helpers of a run (null: that they end): it settles them anew where it has moved, and wakes them."""
    return f"""
define void @flambeau_announce(ptr %control, ptr %run) {{
entry:
  %e = getelementptr i8, ptr %control, i64 {RUN}
  store ptr %run, ptr %e, align 8
  %ends = icmp eq ptr %run, null
  br i1 %ends, label %open, label %place
place:
  %here = call i32 @sched_getcpu()
  %p = getelementptr i8, ptr %control, i64 {CALLER}
  %before = load i32, ptr %p, align 4
  store i32 %here, ptr %p, align 4
  %stayed = icmp eq i32 %before, %here
  br i1 %stayed, label %open, label %changed
changed:
  %helpers = getelementptr i8, ptr %control, i64 {HELPERS}
  {load_word("threads", 3, "i64", "run")}
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
  %s = getelementptr i8, ptr %control, i64 {SLEEPERS}
  %sleeping = load atomic i32, ptr %s seq_cst, align 4
  %any = icmp ne i32 %sleeping, 0
  br i1 %any, label %wake, label %done
wake:
  %r = call i64 (i64, ...) @syscall(i64 {futex}, ptr %control, i32 {FUTEX_WAKE}, i32 2147483647, ptr null, ptr null, i32 0)
  br label %done
done:
  ret void
}}
"""


_PIN = f"""
define void @flambeau_pin(i64 %id, i64 %processor) {{
entry:
  %known = icmp ult i64 %processor, {MOST_PROCESSORS}
  br i1 %known, label %set, label %done
set:
  %mask = alloca [{MOST_PROCESSORS // 64} x i64], align 8
  store [{MOST_PROCESSORS // 64} x i64] zeroinitializer, ptr %mask, align 8
  %which = lshr i64 %processor, 6
  %word = getelementptr i64, ptr %mask, i64 %which
  %bit = and i64 %processor, 63
  %one = shl i64 1, %bit
  store i64 %one, ptr %word, align 8
  %number = trunc i64 %id to i32
  %ignored = call i32 @sched_setaffinity(i32 %number, i64 {MOST_PROCESSORS // 8}, ptr %mask)
  br label %done
done:
  ret void
}}
"""
"""Keeps a thread to one processor."""


def _settle(gettid: int) -> str:
    """A helper chooses its processor, counted from the caller's, and keeps to it."""
    return f"""
define void @flambeau_settle(ptr %control, i64 %thread) {{
entry:
  %p = getelementptr i8, ptr %control, i64 {CALLER}
  %caller = load i32, ptr %p, align 4
  %n = getelementptr i8, ptr %control, i64 {PROCESSORS}
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
  %helpers = getelementptr i8, ptr %control, i64 {HELPERS}
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
"""


_RUN_TOGETHER = """
define i64 @flambeau_run_together(ptr %run, ptr %control, i64 %may_stop) {
  call void @flambeau_begin(ptr %run, i64 %may_stop)
  call void @flambeau_announce(ptr %control, ptr %run)
  %stopped = call i64 @flambeau_finish(ptr %run, ptr %control)
  ret i64 %stopped
}
"""


def _help(futex: int, spins: str) -> str:
    """A helper's life: it waits for a run, spinning and then asleep, walks it, and waits again."""
    return f"""
define void @flambeau_help(ptr %control, i64 %thread, i64 %first) {{
entry:
  %s = getelementptr i8, ptr %control, i64 {SLEEPERS}
  %e = getelementptr i8, ptr %control, i64 {RUN}
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
  {spins}
  %k1 = add i64 %k, 1
  %more = icmp slt i64 %k1, {SPINS}
  br i1 %more, label %again, label %sleep
again:
  br label %spin
sleep:
  %up = atomicrmw add ptr %s, i32 1 seq_cst
  %r = call i64 (i64, ...) @syscall(i64 {futex}, ptr %control, i32 {FUTEX_WAIT}, i32 %seen, ptr null, ptr null, i32 0)
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
