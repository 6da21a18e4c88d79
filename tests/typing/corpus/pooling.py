"""Pooling of all kinds."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
x = torch.randn(2, 8, 15, 20)
a = F.max_pool2d(x, 2)
reveal_type(a)
b = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
#~ b = F.max_pool2d(x, kernel_size=3, stride=2, padding=2)
reveal_type(b)
c = F.avg_pool2d(x, (3, 5), stride=(1, 5))
reveal_type(c)
d = nn.MaxPool2d(2, ceil_mode=True)(x)
reveal_type(d)
e = nn.AdaptiveAvgPool2d((4, 4))(x)
reveal_type(e)
f = nn.AdaptiveAvgPool2d(1)(x).flatten(1)
reveal_type(f)
g = nn.Linear(8, 3)(f)
#~ g = nn.Linear(16, 3)(f)
i = F.adaptive_max_pool2d(x, (None, 5))
reveal_type(i)  # open: pyrefly, mypy
j = nn.AvgPool1d(4)(torch.randn(2, 6, 13))
#~ j = nn.AvgPool1d(14)(torch.randn(2, 6, 13))
reveal_type(j)
k = F.max_pool1d(torch.randn(2, 6, 13), 3, 1, 1)
reveal_type(k)
values, where = F.max_pool2d(x, 2, return_indices=True)
reveal_type(values)
reveal_type(where)
m = F.max_unpool2d(values, where, 2)
reveal_type(m)
n = F.lp_pool2d(x, 2, 3)
reveal_type(n)
p = nn.AdaptiveMaxPool1d(3)(torch.randn(4, 9))
reveal_type(p)
q = nn.MaxPool2d(2)(torch.randn(3, 15, 20))
#~ q = nn.MaxPool2d(2)(torch.randn(2, 8, 3, 15, 20))
reveal_type(q)
