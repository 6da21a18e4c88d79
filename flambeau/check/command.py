"""The command `flambeau check FILE…`. May import `flambeau.check`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from flambeau.check import CHECKERS, CheckError, check

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``flambeau check``."""
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--all", action="store_true", help="the checker's other errors too")
    parser.add_argument("--checker", choices=CHECKERS, help="the type checker to run (the first that is installed)")


def run(options: argparse.Namespace) -> int:
    """Prints what is found: 0 without errors, 1 with some, 2 where the checker could not be run."""
    try:
        problems = check(options.files, checker=options.checker, everything=options.all)
    except (FileNotFoundError, CheckError) as error:
        print(f"flambeau check: {error}", file=sys.stderr)
        return 2
    here = Path.cwd()
    for problem in problems:
        path = Path(problem.path).resolve()
        shown = path.relative_to(here) if path.is_relative_to(here) else path
        print(f"{shown}:{problem.line}:{problem.column}: {problem.message}")
    count = sum(problem.is_error for problem in problems)
    print(f"{count} error{'' if count == 1 else 's'} in {len(options.files)} file{'' if len(options.files) == 1 else 's'}")
    return 1 if count else 0
