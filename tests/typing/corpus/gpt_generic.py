"""A GPT whose sizes are the parameters of its constructors."""

import math
from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars

class CausalSelfAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(64, 3 * 64)
        #~ self.qkv = nn.Linear(64, 2 * 64)  -> split
        self.proj = nn.Linear(64, 64)
        self.register_buffer("mask", torch.tril(torch.ones(128, 128)))

    @shape_vars("B, T")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[B, T, 64]"]) -> Shaped[Tensor[float32, cpu], "[B, T, 64]"]:
        B, T, C = x.shape
        q, k, v = self.qkv(x).split(64, dim=2)  #@split
        #~ q, k, v = self.qkv(x).split(32, dim=2)
        q = q.view(B, T, 4, 16).transpose(1, 2)
        #~ q = q.view(B, T, 4, 32).transpose(1, 2)  -> score
        k = k.view(B, T, 4, 16).transpose(1, 2)
        #~ k = k.view(B, T, 4, 16)  -> score
        v = v.view(B, T, 4, 16).transpose(1, 2)
        reveal_type(q)
        att = q @ k.transpose(-2, -1) / math.sqrt(16)  #@score
        #~ att = q @ k / math.sqrt(16)
        reveal_type(att)
        att = att.masked_fill(torch.triu(torch.ones(T, T), 1) == 1, float("-inf"))
        #~ att = att.masked_fill(torch.triu(torch.ones(T, T), 1), float("-inf"))
        att = F.softmax(att, dim=-1)
        #~ att = F.softmax(att, dim=4)
        y = (att @ v).transpose(1, 2).reshape(B, T, C)
        #~ y = (att @ v).transpose(1, 2).reshape(B, T, 32)  -> proj
        #~ y = (v @ att).transpose(1, 2).reshape(B, T, C)
        reveal_type(y)
        return self.proj(y)  #@proj


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(64)
        #~ self.ln1 = nn.LayerNorm(128)  -> ln1
        self.attn = CausalSelfAttention()
        self.ln2 = nn.LayerNorm(64)
        self.mlp = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64))
        #~ self.mlp = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(64, 64))  -> mlp
        #~ self.mlp = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 128))  -> mlp

    @shape_vars("B, T")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[B, T, 64]"]) -> Shaped[Tensor[float32, cpu], "[B, T, 64]"]:
        h = x + self.attn(self.ln1(x))  #@ln1
        return h + self.mlp(self.ln2(h))  #@mlp


class GPT(nn.Module):
    def __init__(self, layers: int) -> None:
        super().__init__()
        self.tok = nn.Embedding(1000, 64)
        self.pos = nn.Embedding(128, 64)
        #~ self.pos = nn.Embedding(128, 32)  -> add
        self.blocks = nn.ModuleList([Block() for _ in range(layers)])
        self.ln_f = nn.LayerNorm(64)
        self.head = nn.Linear(64, 1000, bias=False)
        #~ self.head = nn.Linear(128, 1000, bias=False)  -> head

    @shape_vars("B, T")
    def forward(self, idx: Shaped[Tensor[int64, cpu], "[B, T]"]) -> Shaped[Tensor[float32, cpu], "[B, T, 1000]"]:
        positions = torch.arange(idx.shape[1])
        x = self.tok(idx) + self.pos(positions)  #@add
        reveal_type(x)
        for block in self.blocks:
            x = block(x)
        reveal_type(x)
        return self.head(self.ln_f(x))  #@head


model = GPT(2)
idx = torch.randint(0, 1000, (2, 32))
#~ idx = torch.rand(2, 32)  -> model
logits = model(idx)  #@model
#~ logits = model(idx.flatten())
reveal_type(logits)
targets = idx.roll(-1, 1)
loss = F.cross_entropy(logits.view(-1, 1000), targets.view(-1))
#~ loss = F.cross_entropy(logits, targets)
#~ loss = F.cross_entropy(logits.view(-1, 1000), targets)
loss.backward()
next_token = torch.multinomial(F.softmax(logits[:, -1, :], dim=-1), num_samples=1)
reveal_type(next_token)
idx = torch.cat([idx, next_token], dim=1)
#~ idx = torch.cat([idx, next_token], dim=0)
#~ idx = torch.cat([idx, next_token.squeeze(1)], dim=1)
reveal_type(idx)
# sizes: B=2, T=32
