"""A waveform classifier of strided 1-d convolutions, and a WaveNet layer."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class M5(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(1, 32, kernel_size=80, stride=16)
        #~ self.conv1 = nn.Conv2d(1, 32, kernel_size=80, stride=16)  -> conv1
        self.bn1 = nn.BatchNorm1d(32)
        #~ self.bn1 = nn.BatchNorm2d(32)  -> conv1
        self.pool1 = nn.MaxPool1d(4)
        self.conv2 = nn.Conv1d(32, 64, kernel_size=3)
        #~ self.conv2 = nn.Conv1d(1, 64, kernel_size=3)  -> conv2
        self.fc1 = nn.Linear(64, 35)

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 1, 8000]"]) -> Shaped[Tensor[float32, cpu], "[N, 35]"]:
        h = self.pool1(F.relu(self.bn1(self.conv1(x))))  #@conv1
        reveal_type(h)
        h = F.relu(self.conv2(h))  #@conv2
        h = F.avg_pool1d(h, h.shape[-1])
        #~ h = F.avg_pool2d(h, h.shape[-1])
        reveal_type(h)
        h = h.permute(0, 2, 1)
        #~ h = h.permute(0, 2)
        #~ h = h.permute(0, 2, 3, 1)
        h = self.fc1(h)
        return F.log_softmax(h.squeeze(1), dim=1)
        #~s return F.log_softmax(h, dim=2)


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.filter = nn.Conv1d(16, 16, 2, dilation=4)
        #~ self.filter = nn.Conv1d(16, 16, 2, dilation=2)  -> gate
        self.gate = nn.Conv1d(16, 16, 2, dilation=4)
        self.mix = nn.Conv1d(16, 16, 1)

    @shape_vars("N, L")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 16, L]"]) -> Shaped[Tensor[float32, cpu], "[N, 16, L]"]:
        padded = F.pad(x, (4, 0))
        #~ padded = F.pad(x, (2, 0))  -> skip
        h = torch.tanh(self.filter(padded)) * torch.sigmoid(self.gate(padded))  #@gate
        return x + self.mix(h)  #@skip


scores = M5()(torch.randn(3, 1, 8000))
#~ scores = M5()(torch.randn(3, 8000))
#~ scores = M5()(torch.randn(3, 2, 8000))
reveal_type(scores)
wave = Gated()(torch.randn(2, 16, 100))
reveal_type(wave)
spectrum = torch.fft.rfft(wave, dim=-1).abs()
reveal_type(spectrum)
mel = torch.einsum("ncf,mf->ncm", spectrum, torch.rand(40, 51))
#~ mel = torch.einsum("ncf,mf->ncm", spectrum, torch.rand(40, 50))
#~ mel = torch.einsum("ncf,fm->ncm", spectrum, torch.rand(40, 51))
#~ mel = torch.einsum("nf,mf->nm", spectrum, torch.rand(40, 51))
reveal_type(mel)
# sizes: N=3, L=100
