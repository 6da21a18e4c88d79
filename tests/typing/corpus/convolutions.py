"""Convolutions with strides, dilations, padding and groups, one after the other."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
images = torch.randn(4, 3, 65, 48)
h = nn.Conv2d(3, 32, kernel_size=7, stride=2, padding=3)(images)
#~ h = nn.Conv2d(1, 32, kernel_size=7, stride=2, padding=3)(images)
reveal_type(h)
h2 = nn.Conv2d(32, 32, 3, padding=2, dilation=2, groups=32)(h)
#~ h2 = nn.Conv2d(33, 33, 3, padding=2, dilation=2, groups=33)(h)
reveal_type(h2)
h3 = nn.Conv2d(32, 64, (1, 5), stride=(1, 2), padding=(0, 2), bias=False)(h2)
reveal_type(h3)
h4 = nn.Conv2d(64, 64, 3, padding="same")(h3)
#~ h4 = nn.Conv2d(32, 64, 3, padding="same")(h3)
reveal_type(h4)
kernels = torch.randn(16, 8, 3, 3)
h5 = F.conv2d(h4, kernels, stride=2, padding=1, groups=8)
#~ h5 = F.conv2d(h4, kernels, stride=2, padding=1, groups=4)
reveal_type(h5)
h6 = F.conv2d(h5, torch.randn(4, 16, 9, 9), torch.randn(4), padding=4)
#~ h6 = F.conv2d(h5, torch.randn(4, 16, 9, 9), torch.randn(5), padding=4)
#~ h6 = F.conv2d(h5, torch.randn(4, 16, 19, 9))
reveal_type(h6)
wave = torch.randn(2, 1, 16000)
spectrum = nn.Conv1d(1, 257, 400, stride=160, padding=200)(wave)
reveal_type(spectrum)
frames = nn.Conv1d(257, 80, 1)(spectrum)
#~ frames = nn.Conv1d(256, 80, 1)(spectrum)
reveal_type(frames)
volume = nn.Conv3d(1, 8, 3, stride=(1, 2, 2), padding=1)(torch.randn(1, 1, 16, 32, 32))
#~ volume = nn.Conv3d(1, 8, 3, stride=(1, 2, 2), padding=1)(torch.randn(16, 32, 32))
reveal_type(volume)
single = nn.Conv2d(3, 6, 3)(torch.randn(3, 8, 8))
reveal_type(single)
