"""Ctrl-C in the middle of a kernel: a word in memory, a function that looks at it for kernels, and the handler that sets it.

Python learns of a signal when the native call returns, which may be long after. So for the time of a long call from the main
thread, `Interruption` puts a handler of its own before Python's: it sets the word and goes on to Python's. Kernels see the word
at their outer loops and return early; the runner says so, and KeyboardInterrupt is raised. This is done only where Python's own
handler of SIGINT raises it, too. On systems without `sigaction` Ctrl-C is seen between native calls.

The word is 0, or 2 in a run that may be stopped, which is 1 once it is: the runner sets it at the beginning and at the end.
May import `codegen.llvm.builder`.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
from typing import Any

from flambeau.codegen.llvm.builder import STOP

__all__ = ["FUNCTIONS", "WORD", "Interruption", "stop"]

_words = (ctypes.c_int64 * 2)()
"""What says whether to stop, and the address of the handler that follows."""
WORD = ctypes.addressof(_words)
"""Where the first is."""

FUNCTIONS = f"""
define i32 @{STOP}() nounwind {{
  %word = load atomic i32, ptr inttoptr (i64 {WORD} to ptr) monotonic, align 4
  %is = icmp eq i32 %word, 1
  %result = zext i1 %is to i32
  ret i32 %result
}}

define void @flambeau_interrupt(i32 %signal, ptr %information, ptr %context) nounwind {{
  %ignored = cmpxchg ptr inttoptr (i64 {WORD} to ptr), i32 2, i32 1 seq_cst seq_cst
  %next = load ptr, ptr inttoptr (i64 {WORD + 8} to ptr), align 8
  call void %next(i32 %signal, ptr %information, ptr %context)
  ret void
}}
"""


def stop() -> None:
    """Has the running plan, if any, return early, whoever runs it: the process is ending."""
    _words[0] = 1


_STRUCT_BYTES = 256
"""More than any system's `struct sigaction`; its first member is the handler's address."""


class Interruption:
    """Around a run that may be stopped: Ctrl-C stops its kernels. `handler` is the address of `flambeau_interrupt`."""

    def __init__(self, handler: int) -> None:
        self._handler = handler
        self._before = (ctypes.c_uint8 * _STRUCT_BYTES)()
        self._ours = (ctypes.c_uint8 * _STRUCT_BYTES)()
        self._sigaction: Any = None
        if sys.platform != "win32":
            self._sigaction = getattr(ctypes.CDLL(None), "sigaction", None)

    def __enter__(self) -> bool:
        """Whether the run may be stopped."""
        if (
            self._sigaction is None
            or threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
            or self._sigaction(signal.SIGINT, None, self._ours)
        ):
            return False
        installed = ctypes.c_int64.from_buffer(self._ours)
        if installed.value in (0, 1):  # the system's default, or ignored
            return False
        if installed.value != self._handler:  # which an exception in here may have left
            ctypes.memmove(self._before, self._ours, _STRUCT_BYTES)
            _words[1] = installed.value
            installed.value = self._handler
            self._sigaction(signal.SIGINT, self._ours, None)
        return True

    def __exit__(self, *_: Any) -> None:
        if _words[1]:
            self._sigaction(signal.SIGINT, self._before, None)
