"""Functions that PyTorch has removed: they raise RuntimeError, which names what is there instead, as PyTorch's do.

May import `flambeau.absent`.
"""

from flambeau.absent import refusing

_INSTEAD = {
    "eig": "torch.linalg.eig, which returns complex tensors",
    "lstsq": "torch.linalg.lstsq, whose arguments are reversed",
    "matrix_rank": "torch.linalg.matrix_rank, whose parameter is `hermitian`",
    "solve": "torch.linalg.solve, whose arguments are reversed",
    "symeig": "torch.linalg.eigh, which reads the lower triangle by default",
}

for _name, _instead in _INSTEAD.items():
    globals().update(
        refusing((_name,), RuntimeError, f"This function was deprecated since version 1.9 and is now removed. Use {_instead}.")
    )

__all__ = sorted(_INSTEAD)
