"""Examples for operators: Fourier transforms."""

from __future__ import annotations

import torch

from tests.ops.draw import COMPLEX, WIDE, add

BOTH = (*WIDE, *COMPLEX)

# --- one dimension -----------------------------------------------------------------------------------------------------
ONE = (
    lambda r: (r.f(8),), lambda r: (r.f(3, 5),), lambda r: (r.f(4, 3), None, 0), lambda r: (r.f(2, 7), 5),
    lambda r: (r.f(2, 6), 9),
    lambda r: (r.f(2, 6), None, -1, "ortho"), lambda r: (r.f(2, 5), 6, 1, "forward"),
    lambda r: (r.f(5, 2).t(), {"norm": "backward"}),
    lambda r: (r.f(3), 0), lambda r: (r.f(3), None, 1), lambda r: (r.f(3), None, -1, "up"), lambda r: (r.f(),),
)  # fmt: skip
add("fft ifft irfft hfft", *ONE, ns="fft", dtypes=BOTH)
add("fft ifft irfft hfft", *ONE[:8], ns="fft", dtypes=COMPLEX)
add("rfft ihfft", *ONE, ns="fft", dtypes=WIDE)
add("rfft ihfft", ONE[0], ns="fft", dtypes=COMPLEX, diff=False)
add("fft rfft irfft", ONE[0], ns="fft", dtypes=(torch.int64, torch.bool, torch.float16), diff=False)
add("fft", lambda r: (r.f(64),), lambda r: (r.f(2, 35),), lambda r: (r.f(37),), ns="fft", dtypes=COMPLEX)

# --- several dimensions ------------------------------------------------------------------------------------------------
SEVERAL = (
    lambda r: (r.f(4, 6),), lambda r: (r.f(2, 4, 5), None, (0, 2)), lambda r: (r.f(3, 4), (5, 3)), lambda r: (r.f(3, 4), (-1, 6)),
    lambda r: (r.f(2, 3, 4), None, (1, 0), "ortho"), lambda r: (r.f(3, 4), (2, 3), (1, 0), "forward"),
    lambda r: (r.f(3, 4), (2,), (0, 1)), lambda r: (r.f(3, 4), None, (0, 0)), lambda r: (r.f(3, 4), (2, 2, 2), None),
    lambda r: (r.f(3),),
)  # fmt: skip
add("fft2 fftn ifft2 ifftn irfft2 irfftn hfft2 hfftn", *SEVERAL, ns="fft", dtypes=BOTH)
add("fft2 ifftn irfft2 irfftn hfftn", *SEVERAL[:6], ns="fft", dtypes=COMPLEX)
add("rfft2 rfftn ihfft2 ihfftn", *SEVERAL, ns="fft", dtypes=WIDE)
add("fftn ifftn rfftn", lambda r: (r.f(),), lambda r: (r.f(3, 4), None, ()), ns="fft", dtypes=WIDE)

# --- frequencies -------------------------------------------------------------------------------------------------------
add("fftfreq rfftfreq", lambda r: (8,), lambda r: (5, 0.25), lambda r: (0,),
    lambda r: (6, {"dtype": r.dtype}), ns="fft", dtypes=WIDE,
    diff=False)  # fmt: skip
add("fftshift ifftshift", lambda r: (r.f(5),), lambda r: (r.f(4, 5),), lambda r: (r.f(4, 5), 1),
    lambda r: (r.f(2, 3, 4), (0, -1)),
    ns="fft", dtypes=BOTH)  # fmt: skip

# --- short times -------------------------------------------------------------------------------------------------------
add("stft", lambda r: (r.f(20), 8, {"return_complex": True}), lambda r: (r.f(2, 20), 8, 2, 6, {"return_complex": True}),
    lambda r: (r.f(20), 8, 3, 8, r.pos(8), {"return_complex": True, "normalized": True}),
    lambda r: (r.f(20), 7, 2, 5, r.pos(5), False, {"return_complex": True, "onesided": False}),
    lambda r: (r.f(20), 8, {"return_complex": True, "pad_mode": "constant"}), lambda r: (r.f(20), 8),
    lambda r: (r.f(20), 8, 0, {"return_complex": True}), lambda r: (r.f(20), 8, 2, 9, {"return_complex": True}),
    lambda r: (r.f(6), 8, {"return_complex": True, "center": False}),
    lambda r: (r.f(20), 8, {"return_complex": False}), dtypes=WIDE)  # fmt: skip
add("stft", lambda r: (r.f(20), 8), lambda r: (r.f(20), 8, {"onesided": True}), dtypes=COMPLEX)
add("istft", lambda r: (r.f(5, 6), 8), lambda r: (r.f(2, 5, 6), 8, 2, 8, r.pos(8).real), lambda r: (r.f(5, 6), 8, {"length": 9}),
    lambda r: (r.f(5, 6), 8, 2, {"normalized": True}), lambda r: (r.f(8, 6), 8, 2, {"onesided": False}),
    lambda r: (r.f(8, 6), 8, 2, {"return_complex": True}), lambda r: (r.f(5, 6), 8, {"length": 40}),
    lambda r: (r.f(5, 6), 9, {"return_complex": True}), lambda r: (r.f(5, 6).real, 8), lambda r: (r.f(4, 6), 8),
    lambda r: (r.f(5, 6), 8, 2, 8, torch.zeros(8)), dtypes=COMPLEX)  # fmt: skip
