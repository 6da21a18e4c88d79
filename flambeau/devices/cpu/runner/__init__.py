"""The native runner: `layout.py` says what lies where in memory, `walking.py` and `helping.py` are its code, `system.py` has what
that asks of the system, `team.py` the threads."""
