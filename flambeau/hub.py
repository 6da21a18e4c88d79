"""`torch.hub`: files of weights fetched from an address, and kept; models that a directory's `hubconf.py` makes.

May import `flambeau.serialization`.

The directory is `$TORCH_HOME/hub`, by default `~/.cache/torch/hub`, as PyTorch's, so that files that it fetched are found.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
import tempfile
from typing import Any
from urllib.parse import urlparse
from urllib.request import Request, urlopen

from flambeau.serialization import load as _load

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
"""Where a file's name tells the beginning of its SHA-256."""
_BLOCK = 1 << 17  # bytes read at a time

_chosen: str | None = None


def _get_torch_home() -> str:
    """Where PyTorch keeps what it fetches; packages that keep their files beside it ask by this name."""
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.getenv("TORCH_HOME", os.path.join(cache, "torch")))


def get_dir() -> str:
    """Where fetched files are kept."""
    return _chosen if _chosen is not None else os.path.join(_get_torch_home(), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Keeps fetched files there."""
    global _chosen
    _chosen = os.path.expanduser(d)


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Writes what an address gives to a file, which is there whole or not at all.

    Raises RuntimeError where the SHA-256 of the bytes doesn't begin with `hash_prefix`, urllib's errors where they don't come.
    """
    dst = os.path.expanduser(dst)
    digest = hashlib.sha256()
    with urlopen(Request(url, headers={"User-Agent": "torch.hub"})) as response:
        length = response.headers.get("Content-Length")
        partial = tempfile.NamedTemporaryFile(delete=False, dir=os.path.dirname(dst) or ".", suffix=".partial")  # noqa: SIM115
        try:
            with partial:
                done = 0
                while block := response.read(_BLOCK):
                    partial.write(block)
                    digest.update(block)
                    done += len(block)
                    if progress:
                        sys.stderr.write(f"\r{done / 1e6:.1f}{f' of {int(length) / 1e6:.1f}' if length else ''} MB")
            if progress:
                sys.stderr.write("\n")
            found = digest.hexdigest()
            if hash_prefix is not None and found[: len(hash_prefix)] != hash_prefix:
                raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{found}")')
            os.replace(partial.name, dst)
        finally:
            if os.path.exists(partial.name):
                os.remove(partial.name)


def _is_fetched(repo: Any) -> NotImplementedError:
    return NotImplementedError(f"torch.hub fetches weights, not programs: clone {repo} and load its directory, source='local'")


def load(
    repo_or_dir: Any,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: Any = "check",
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """What the function `model` of a directory's `hubconf.py` gives. Programs aren't fetched, so `source` must be "local".

    Raises NotImplementedError for "github", FileNotFoundError where there is no such file, RuntimeError where it has no such
    function or needs what isn't installed.
    """
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        raise _is_fetched(repo_or_dir)
    directory = os.fspath(repo_or_dir)
    path = os.path.join(directory, "hubconf.py")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"No such file: {path}")
    spec = importlib.util.spec_from_file_location("hubconf", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, directory)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(directory)
    missing = [name for name in getattr(module, "dependencies", ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    found = getattr(module, model, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return found(*args, **kwargs)


def help(github: str, model: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Any = "check") -> Any:
    """Raises NotImplementedError: programs aren't fetched."""
    raise _is_fetched(github)


def list(
    github: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Any = "check", verbose: bool = True
) -> Any:
    """Raises NotImplementedError: programs aren't fetched."""
    raise _is_fetched(github)


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """What `torch.load` makes of the file at an address, which is fetched unless it is in `model_dir` already.

    With `check_hash`, the file's name must tell the beginning of its SHA-256 (`name-<digits>.ext`), and RuntimeError is raised
    where another file comes.
    """
    directory = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(directory, exist_ok=True)
    name = file_name or os.path.basename(urlparse(url).path)
    path = os.path.join(directory, name)
    if not os.path.exists(path):
        sys.stderr.write(f'Downloading: "{url}" to {path}\n')
        digits = HASH_REGEX.search(name) if check_hash else None
        download_url_to_file(url, path, digits.group(1) if digits else None, progress)
    return _load(path, map_location=map_location, weights_only=weights_only)
