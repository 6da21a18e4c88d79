"""Writes the stubs: signatures as definitions for Pyrefly and for other checkers, put into `templates/`.

May import flambeau.
"""
