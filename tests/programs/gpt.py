"""A character-level GPT: trained with gradient accumulation, clipping and a warm-up, then sampled from with a key-value cache."""

from __future__ import annotations

import math

from tests.programs.weights import fill

BLOCK, VOCABULARY, WIDTH, HEADS = 16, 27, 32, 4


def build(torch):
    nn, F = torch.nn, torch.nn.functional

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
            self.out = nn.Linear(WIDTH, WIDTH)

        def forward(self, x, cache=None):
            batch, length, _ = x.shape
            q, k, v = (t.view(batch, length, HEADS, WIDTH // HEADS).transpose(1, 2) for t in self.qkv(x).split(WIDTH, dim=2))
            if cache:
                k, v = torch.cat([cache[0], k], dim=2), torch.cat([cache[1], v], dim=2)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=length > 1)
            return self.out(y.transpose(1, 2).contiguous().view(batch, length, WIDTH)), (k, v)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.attention = Attention()
            self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(approximate="tanh"), nn.Linear(4 * WIDTH, WIDTH))

        def forward(self, x, cache=None):
            attended, cache = self.attention(self.norm1(x), cache)
            x = x + attended
            return x + self.mlp(self.norm2(x)), cache

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(BLOCK, WIDTH)
            self.blocks = nn.ModuleList([Block() for _ in range(2)])
            self.norm = nn.LayerNorm(WIDTH)
            self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
            self.tokens.weight = self.head.weight

        def forward(self, ids, targets=None, caches=None, start=0):
            positions = torch.arange(start, start + ids.size(1), device=ids.device)
            x = self.tokens(ids) + self.positions(positions)
            kept = []
            for i, block in enumerate(self.blocks):
                x, cache = block(x, caches[i] if caches else None)
                kept.append(cache)
            logits = self.head(self.norm(x))
            if targets is None:
                return logits, kept
            return logits, F.cross_entropy(logits.view(-1, VOCABULARY), targets.view(-1), ignore_index=-1)

        @torch.no_grad()
        def generate(self, ids, count, top_k):
            caches, fed = None, ids
            for _ in range(count):
                logits, caches = self(fed, caches=caches, start=ids.size(1) - fed.size(1))
                logits = logits[:, -1, :] / 0.8
                values, _ = torch.topk(logits, top_k)
                logits[logits < values[:, [-1]]] = -float("inf")
                fed = F.softmax(logits, dim=-1).argmax(dim=-1, keepdim=True)
                ids = torch.cat((ids, fed), dim=1)
            return ids

    return GPT()


def run(torch, rng):
    model = fill(torch, build(torch))
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=1e-2)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1, (s + 1) / 2) * (1 + math.cos(s)) / 2)
    text = torch.from_numpy(rng.randint(0, VOCABULARY, 200))
    found = []
    for _ in range(4):
        for _ in range(2):
            starts = rng.randint(0, 200 - BLOCK - 1, 3)
            x = torch.stack([text[i : i + BLOCK] for i in starts])
            y = torch.stack([text[i + 1 : i + 1 + BLOCK] for i in starts])
            _, loss = model(x, y)
            (loss / 2).backward()
            found.append(loss.item())
        found.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
    model.eval()
    return found, model.generate(text[:4].view(1, 4), 8, top_k=5).tolist()
