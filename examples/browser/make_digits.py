"""Writes `digits.bin` from scikit-learn's handwritten digits: 1,797 records of 64 brightnesses (0 to 16) and a label, in bytes.

python examples/browser/make_digits.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def main() -> None:
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    records = np.concatenate([digits.data.astype(np.uint8), digits.target.astype(np.uint8)[:, None]], axis=1)[order]
    Path(__file__).with_name("digits.bin").write_bytes(records.tobytes())


if __name__ == "__main__":
    main()
