"""Our modules under another name of the package: after `sys.modules["torch"] = flambeau`, `import torch.nn` is `flambeau.nn`.

Without this, Python would find `nn`'s file through the package's path and run it again: there would be two `Parameter` classes,
of which neither knows the other. And `torch.__name__` is then "torch", which libraries check (pyro, before it patches a
function that it finds by name). Libraries that ask which version of the distribution "torch" is installed are
told, too. Imports `flambeau.version`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from flambeau.version import __version__

_PACKAGE = __name__.partition(".")[0]


def package_name() -> str:
    """The package's `__name__`: "torch" while it stands in PyTorch's place."""
    return "torch" if sys.modules.get("torch") is sys.modules[_PACKAGE] else _PACKAGE


class _Loader:
    """Gives a module that is loaded already, as it is."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import machinery has put that of the other name here


class _Finder:
    """Finds what is asked for below a name that stands for one of our packages and isn't its own."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        parent, _, child = name.rpartition(".")
        own = getattr(getattr(sys.modules.get(parent), "__spec__", None), "name", parent)
        if own == parent or own.partition(".")[0] != _PACKAGE:
            return None
        try:
            module = importlib.import_module(f"{own}.{child}")
        except ModuleNotFoundError as error:
            if error.name != f"{own}.{child}":
                raise
            return None  # the machinery then says that there is no such module, by the name that was asked for
        return ModuleSpec(name, _Loader(module))  # type: ignore[arg-type]

    def find_distributions(self, context: Any) -> Iterator[Any]:
        """For `importlib.metadata`: the distribution "torch", while we are in its place."""
        if context.name == "torch" and package_name() == "torch":
            from importlib.metadata import Distribution

            class Metadata(Distribution):
                def read_text(self, filename: str) -> str | None:
                    is_metadata = filename == "METADATA"
                    return f"Metadata-Version: 2.1\nName: torch\nVersion: {__version__}\n" if is_metadata else None

                def locate_file(self, path: Any) -> Any:
                    raise FileNotFoundError(path)

            yield Metadata()


sys.meta_path.insert(0, _Finder())
