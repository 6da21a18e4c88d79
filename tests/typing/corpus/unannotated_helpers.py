"""Helpers without annotations, called with known shapes."""

from typing import reveal_type

import flambeau as torch
from flambeau import nn

def attention(q, k, v):
    weights = (q @ k.transpose(-2, -1)).softmax(-1)  #@scores
    return weights @ v


class Head(nn.Module):
    def __init__(self, width, size):
        super().__init__()
        self.key = nn.Linear(width, size, bias=False)
        self.query = nn.Linear(width, size, bias=False)
        self.value = nn.Linear(width, size, bias=False)

    def forward(self, x):
        return attention(self.query(x), self.key(x), self.value(x))  #@query


x = torch.randn(2, 5, 32)
head = Head(32, 16)
#~ head = Head(16, 16)  -> query
out = head(x)  #@head
reveal_type(out)
scores = nn.Linear(16, 4)(out)
#~ scores = nn.Linear(32, 4)(out)
reveal_type(scores)
direct = attention(torch.randn(2, 3, 4), torch.randn(2, 5, 4), torch.randn(2, 5, 6))
#~ direct = attention(torch.randn(2, 3, 4), torch.randn(2, 5, 3), torch.randn(2, 5, 6))  -> scores
reveal_type(direct)
