"""Helper functions without annotations, called with known shapes."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn as nn
import flambeau.nn.functional as F

def mse(prediction, target):
    return ((prediction - target) ** 2).mean()  #@mse


def attention(q, k, v):
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    #~ scores = q @ k / q.shape[-1] ** 0.5
    return F.softmax(scores, dim=-1) @ v  #@apply


class Attention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.q = nn.Linear(32, 32)
        #~ self.q = nn.Linear(64, 32)  -> q
        self.k = nn.Linear(32, 32)
        self.v = nn.Linear(32, 32)
        self.out = nn.Linear(32, 16)

    def forward(self, x, mask=None):
        q, k, v = self.q(x), self.k(x), self.v(x)  #@q
        h = attention(q, k, v)
        if mask is not None:
            h = h * mask.unsqueeze(-1)
        return self.out(h)
        #~ return self.out(h.mT)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = Attention(32)
        self.head = nn.Linear(16, 5)
        #~ self.head = nn.Linear(32, 5)  -> head

    def forward(self, x):
        h = self.attn(x)
        return self.head(h.mean(1))  #@head
        #~ return self.head(h.mean(2))


model = Model()
x = torch.randn(2, 7, 32)
#~ x = torch.randn(2, 7, 16)  -> q, model
y = model(x)  #@model
reveal_type(y)
loss = mse(y, torch.zeros(2, 5))
#~ loss = mse(y, torch.zeros(3, 5))  -> mse
#~ loss = mse(y, torch.zeros(2, 4))  -> mse
reveal_type(loss)
