"""What takes long and is the same for all of pytest's processes is computed by one of them."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")


def once(factory: pytest.TempPathFactory, name: str, compute: Callable[[], T]) -> T:
    """What `compute` gives or raises, computed by the first process that asks; the others wait for it."""
    folder = factory.getbasetemp()
    folder = folder.parent if folder.name.startswith("popen-") else folder  # pytest-xdist's processes have one each
    result = folder / f"{name}.pickle"
    try:
        (folder / f"{name}.begun").touch(exist_ok=False)
    except FileExistsError:
        end = time.monotonic() + 1200
        while not result.exists():
            if time.monotonic() > end:
                raise TimeoutError(f"no other process came to the end of {name}") from None
            time.sleep(0.2)
    else:
        try:
            found: tuple[bool, object] = True, compute()
        except Exception as error:
            found = False, error
        partial = folder / f"{name}.partial"
        partial.write_bytes(pickle.dumps(found))
        partial.rename(result)
    succeeded, value = pickle.loads(result.read_bytes())
    if not succeeded:
        raise value
    return value
