"""What the native runner reads and writes in memory, as words and bytes. Imports nothing of flambeau.

A run is five i64: address of the program, of the entries, number of entries, number of threads, and the address of the control
block, for a run that one thread does alone. A program is four i64: address of the argument cells, of the table, of what cells are
filled with (cell, table index, bytes to move that address by), number of those. An entry is three i64: function, its argument
array, and flags: 1 where a barrier follows, 2 where the first thread does it alone. The control block holds, a cache line each:
the generation that helpers wait on, the number of sleepers, what to run (and the processor that the caller ran on), and the
barrier's two words (with the number of its sleepers); then the processors, and the helpers with theirs.
"""

from __future__ import annotations

ENTRY_WORDS, FILL_WORDS, RUN_WORDS, MOVE_WORDS = 3, 3, 5, 8
NOWHERE = -1
BARRIER, ALONE = 1, 2
"""Flags of an entry."""
STOPPABLE = 2
"""Of a run that Ctrl-C may stop. It's what `stopping` has as the word's value then."""
LINE = 64
GENERATION, SLEEPERS, RUN, ARRIVED, TURN = 0, 64, 128, 192, 256
CALLER = 136
"""The processor that the caller ran on."""
WAITERS = 264
"""How many sleep at the barrier."""
ENDED = 272
"""How many walks the first thread has ended."""
STOP_WORD = 280
"""The address of the word that says whether to stop."""
PROCESSORS = 320
"""How many we may run on, then their numbers."""
MOST_PROCESSORS = 1024
HELPERS = PROCESSORS + 8 + 8 * MOST_PROCESSORS
"""Of each thread its identity in the system, and the processor it keeps to."""
CONTROL_BYTES = HELPERS + 16 * MOST_PROCESSORS
