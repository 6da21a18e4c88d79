"""Short-time Fourier transforms: `stft` and its inverse `istft`. May import what `flambeau.ops` may."""

from __future__ import annotations

import warnings

from flambeau.dtypes import int64
from flambeau.ops.creation import iota, ones
from flambeau.ops.fft.transform import complex_to_complex, complex_to_real, real_to_complex
from flambeau.ops.joining import pad_constant
from flambeau.ops.operands import check_tensor, integer
from flambeau.ops.padding import pad
from flambeau.ops.registry import operator, scalar_name
from flambeau.tensor import Tensor

__all__ = ["istft", "stft"]


def _window(name: str, window: Tensor | None, n_fft: int, win_length: int, like: Tensor) -> Tensor | None:
    """The window in the middle of n_fft points; None for one that changes nothing."""
    if window is None:
        if win_length == n_fft:
            return None
        window = ones(win_length, dtype=like.dtype.real, device=like.device)
    elif len(check_tensor(window, name, "window", 5)._shape) != 1 or window._shape[0] != win_length:
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, but got window with size "
            f"{list(window.shape)}"
        )
    before = (n_fft - win_length) // 2
    return pad_constant(window, ((before, n_fft - win_length - before),)) if win_length < n_fft else window


@operator()
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """The transforms of n_fft samples each, every `hop_length` (n_fft // 4) samples, of a signal [T] or signals [B, T]:
    [(B,) frequencies, frames], complex or (`return_complex` False) with the parts behind.

    The samples are weighted by `window`, of `win_length` (n_fft) points in their middle. With `center` the signal is padded, by
    `pad_mode`, so that frame t is centred at sample t·hop_length. `onesided`: only the first n_fft // 2 + 1 frequencies, as is
    usual for real signals; `normalized` divides by √n_fft. Raises RuntimeError for arguments that don't fit.
    """
    check_tensor(input, "stft", "input")
    if center:
        if align_to_window is not None:
            raise RuntimeError("stft align_to_window should only be set when center = false.")
        padded = pad(input.reshape((1,) * (3 - input.ndim) + tuple(input._shape)), (n_fft // 2, n_fft // 2), pad_mode)
        input = padded.reshape(tuple(padded._shape[3 - input.ndim :]))
    is_complex = input.is_complex() or (window is not None and window.is_complex())
    if return_complex is None:
        if not is_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release."
            )
        return_complex = True
    elif not return_complex:
        warnings.warn(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex tensors for all "
            "inputs, and return_complex=False will raise an error.",
            UserWarning,
            stacklevel=3,
        )
    if input.dtype.category < 2:
        raise RuntimeError("stft: expected a tensor of floating point or complex values")
    if input.dtype.itemsize == 2:
        raise RuntimeError(f"MKL FFT doesn't support tensors of type: {scalar_name(input)}")
    if input.ndim not in (1, 2):
        raise RuntimeError(f"stft: expected a 1D or 2D tensor, got {input.ndim}D")
    hop = n_fft // 4 if hop_length is None else integer(hop_length, "stft", "hop_length")
    length = n_fft if win_length is None else integer(win_length, "stft", "win_length")
    samples = input._shape[-1]
    if not 0 < n_fft <= samples:
        raise RuntimeError(f"stft: expected 0 < n_fft < {samples}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"stft: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        raise RuntimeError(f"stft: expected 0 < win_length <= n_fft, but got win_length={length}")
    weights = _window("stft", window, n_fft, length, input)
    if onesided is None:
        onesided = not is_complex
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    frames = input.unfold(-1, n_fft, hop)
    if weights is not None:
        frames = frames * weights
    scale = 1 if normalized else 0
    y = real_to_complex(frames, -1, scale) if onesided else complex_to_complex(frames, (-1,), False, scale)
    y = y.transpose(-1, -2)
    return y if return_complex else y.view_as_real()


def _overlapped(frames: Tensor, hop: int) -> Tensor:
    """[..., frames, n] added up, each `hop` further than the one before."""
    *lead, count, n = frames._shape
    device = frames._storage.device
    places = (iota(count, int64, device) * hop).unsqueeze(1) + iota(n, int64, device)
    total = frames.new_zeros((*lead, (count - 1) * hop + n))
    return total.index_add(len(lead), places.reshape(-1), frames.reshape(*lead, count * n))


@operator()
def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal [(B,) T] whose `stft` with these arguments is the input, as near as may be: overlapping frames, weighted by the
    window again, are added up and divided by the sum of the squares of the windows.

    `length` cuts the signal, or fills it up with zeros. Computes the window's sum, and raises RuntimeError where it vanishes.
    """
    if not check_tensor(input, "istft", "input").is_complex():
        raise RuntimeError("istft requires a complex-valued input tensor matching the output from stft with return_complex=True.")
    if input.ndim not in (2, 3) or not input.numel():
        raise RuntimeError(f"istft: expected 2 or 3 dimensions and some elements, but got shape {list(input.shape)}")
    hop = n_fft // 4 if hop_length is None else integer(hop_length, "istft", "hop_length")
    width = n_fft if win_length is None else integer(win_length, "istft", "win_length")
    found, count = input._shape[-2], input._shape[-1]
    if onesided is None:
        onesided = found != n_fft
    expected = n_fft // 2 + 1 if onesided else n_fft
    if found != expected:
        raise RuntimeError(
            f"istft: expected the frequency dimension of the input tensor to match n_fft{' / 2 + 1' if onesided else ''} when "
            f"onesided={onesided}, but got {found}"
        )
    if not 0 < width <= n_fft:
        raise RuntimeError(f"istft: expected 0 < win_length <= n_fft, but got win_length={width}")
    if not 0 < hop <= width:
        raise RuntimeError(f"istft: expected 0 < hop_length <= win_length, but got hop_length={hop}")
    if return_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    weights = _window("istft", window, n_fft, width, input)
    if weights is None:
        weights = ones(n_fft, dtype=input.dtype.real, device=input.device)
    if weights.is_complex() and not return_complex:
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    spectra, scale = input.transpose(-1, -2), 1 if normalized else 2
    if return_complex:
        frames = complex_to_complex(spectra, (-1,), True, scale)
    else:
        frames = complex_to_real(spectra.narrow(-1, 0, n_fft // 2 + 1), -1, n_fft, scale)
    signal = _overlapped(frames * weights, hop)
    envelope = _overlapped((weights * weights).expand(count, n_fft), hop)
    whole = signal._shape[-1]
    start = n_fft // 2 if center else 0
    end = whole - start if length is None else start + length
    kept = max(min(end, whole) - start, 0)
    signal, envelope = signal.narrow(-1, start, kept), envelope.narrow(-1, start, kept)
    lowest = envelope.abs().min().item() if kept else 1.0
    if not lowest > 1e-11:
        raise RuntimeError(f"istft: window overlap add min: {lowest}: the windows leave samples out")
    signal = signal / envelope
    if end > whole:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. Please "
            "check your center, hop_length, and any other parameters.",
            UserWarning,
            stacklevel=3,
        )
        signal = pad_constant(signal, (*((0, 0),) * (signal.ndim - 1), (0, end - whole)))
    return signal
