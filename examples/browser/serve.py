"""Serves the example on localhost: `python examples/browser/serve.py`, then open the address that it prints.

Builds flambeau's wheel, and takes Pyodide from `npm install` in this folder (or from --pyodide FOLDER).
"""

from __future__ import annotations

import argparse
import http.server
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=8000)
    arguments.add_argument("--pyodide", type=Path, default=HERE / "node_modules" / "pyodide", help="folder with pyodide.mjs")
    chosen = arguments.parse_args()
    if not (chosen.pyodide / "pyodide.mjs").exists():
        sys.exit(f"no Pyodide in {chosen.pyodide}: run `npm install` in {HERE} first, or pass --pyodide FOLDER")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(ROOT)], check=True
        )
        (wheel,) = Path(folder).glob("*.whl")

        class Handler(http.server.SimpleHTTPRequestHandler):
            extensions_map = {  # the base class' attribute
                **http.server.SimpleHTTPRequestHandler.extensions_map,
                ".mjs": "text/javascript",
                ".wasm": "application/wasm",
            }

            def translate_path(self, path: str) -> str:
                name = path.split("?")[0]
                if name == "/flambeau.whl":
                    return str(wheel)
                if name.startswith("/pyodide/"):
                    return str(chosen.pyodide / Path(name).name)
                return str(HERE / (Path(name).name or "index.html"))

            def log_message(self, format: str, *args: object) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", chosen.port), Handler) as server:
            print(f"open http://localhost:{chosen.port}/ in a browser with WebGPU; Ctrl-C ends it", flush=True)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print()


if __name__ == "__main__":
    main()
