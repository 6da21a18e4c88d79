"""`python -m flambeau.interpretation FILE…`: prints what is found, a JSON object a line. `flambeau check` starts it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from pathlib import Path

from flambeau.interpretation import Finding, interpret


def main() -> None:
    """Follows the files of the command line."""
    out = sys.stdout

    def note(finding: Finding) -> None:
        print(json.dumps(finding._asdict()), file=out, flush=True)

    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
        warnings.simplefilter("ignore")
        interpret([Path(argument) for argument in sys.argv[1:]], note)


if __name__ == "__main__":
    main()
