"""Fourier transforms of numbers of points with all kinds of factors, in the device's own way and in the form that GPUs run."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy
import pytest
import torch

import flambeau
from flambeau.ops.fft import factors
from tests.helpers.oracle import check, check_gradients, supports, to_flambeau, to_torch

SIZES = [1, 2, 3, 4, 5, 8, 12, 30, 31, 32, 37, 60, 64, 74, 100, 127, 131, 210, 256, 274, 1000, 1024, 1031, 1369]


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No device has transforms of its own."""
    monkeypatch.setattr(factors, "has_kernels", lambda _: False)


@pytest.fixture(params=["own", "composed"])
def form(request: pytest.FixtureRequest) -> None:
    """Both forms."""
    if request.param == "composed":
        request.getfixturevalue("composed")


@pytest.mark.parametrize("n", SIZES)
def test_all_sizes(n: int, device: str, form: None) -> None:
    dtype = torch.complex128 if supports(device, torch.complex128) else torch.complex64
    z = torch.from_numpy(numpy.random.default_rng(n).normal(size=(2, n, 2))).view(torch.complex128)[..., 0].to(dtype)
    mine = to_flambeau(z, device)
    tolerance = 1e-11 if dtype is torch.complex128 else 1e-4
    for name in ("fft", "ifft"):
        found, expected = to_torch(getattr(flambeau.fft, name)(mine)), getattr(torch.fft, name)(z)
        assert torch.allclose(found, expected, rtol=tolerance, atol=tolerance * n**0.5), (name, (found - expected).abs().max())
    signal = torch.fft.irfft(z, n) if n > 1 else z.real
    found, expected = to_torch(flambeau.fft.rfft(to_flambeau(signal, device))), torch.fft.rfft(signal)
    assert torch.allclose(found, expected, rtol=tolerance, atol=tolerance * n**0.5)
    if n > 1:
        found = to_torch(flambeau.fft.irfft(mine, n))
        assert torch.allclose(found, signal, rtol=tolerance, atol=tolerance * n**0.5)


def test_very_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is longer than a kernel takes is made of two."""
    monkeypatch.setattr(factors, "LONGEST", 100)
    x = torch.randn(3, 1000, dtype=torch.float64)
    for name in ("fft", "rfft"):
        spectrum = getattr(flambeau.fft, name)(to_flambeau(x, "cpu"))
        assert torch.allclose(to_torch(spectrum), getattr(torch.fft, name)(x), rtol=1e-9, atol=1e-9)
    assert torch.allclose(to_torch(flambeau.fft.irfft(spectrum)), x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft2", "irfft2", "fftn", "hfft", "ihfft"])
def test_composed_gradients(name: str, device: str, composed: None) -> None:
    exact = supports(device, torch.float64)
    x = torch.from_numpy(numpy.random.default_rng(0).normal(size=(3, 6))).to(torch.float64 if exact else torch.float32)
    args: tuple[Any, ...] = (x if name in ("rfft2", "ihfft") else torch.complex(x, x.flip(0) * 2),)
    check(getattr(flambeau.fft, name), getattr(torch.fft, name), args, device=device, layout=False)
    check_gradients(getattr(flambeau.fft, name), getattr(torch.fft, name), args, device=device, factor=1.0 if exact else 20.0)


def test_stft_is_inverted(device: str) -> None:
    x = flambeau.randn(2, 400, device=device)
    window = flambeau.hann_window(64, device=device)
    spectrum = flambeau.stft(x, 64, 16, window=window, return_complex=True)
    assert spectrum.shape == (2, 33, 26)
    flambeau.testing.assert_close(flambeau.istft(spectrum, 64, 16, window=window), x, rtol=1e-4, atol=1e-4)


def test_the_parts_of_short_transforms_lie_as_in_pytorch(device: str) -> None:
    def parts(library: ModuleType, **on: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return library.stft(library.ones(100, **on), 10, window=library.ones(10, **on), return_complex=False)

    ours, expected = parts(flambeau, device=device), parts(torch)
    assert ours.stride() == expected.stride()
    assert torch.allclose(to_torch(ours), expected, atol=1e-5)


@pytest.mark.parametrize("library", [flambeau, torch], ids=["flambeau", "torch"])
def test_halves_have_no_short_transforms(library: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="support tensors of type: Half"):
        library.stft(library.ones(64, dtype=library.float16), 8, return_complex=True)


def test_a_spectral_layer_learns(device: str) -> None:
    """A Fourier neural operator's layer: complex weights on the lowest frequencies, trained to be a known filter."""
    generator = flambeau.Generator().manual_seed(0)
    x = flambeau.randn(4, 2, 16, 16, generator=generator, device=device)

    def apply(w: Any) -> Any:
        spectrum = flambeau.fft.rfft2(x)
        out = flambeau.zeros_like(spectrum)
        out[..., :4, :4] = flambeau.einsum("bixy,ioxy->boxy", spectrum[..., :4, :4], w)
        return flambeau.fft.irfft2(out, s=(16, 16))

    target = apply(flambeau.randn(2, 2, 4, 4, dtype=flambeau.complex64, generator=generator, device=device))
    w = flambeau.nn.Parameter(flambeau.zeros(2, 2, 4, 4, dtype=flambeau.complex64, device=device))
    optimizer = flambeau.optim.SGD([w], lr=0.02)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = (apply(w) - target).square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] * 0.5, losses
