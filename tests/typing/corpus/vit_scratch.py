"""A vision transformer with a class token and learned positions."""

from typing import reveal_type

import flambeau as torch
from flambeau import Tensor, float32, nn, rearrange
from flambeau.typing import Shaped, cpu, shape_vars

class PatchEmbedding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, 96, kernel_size=8, stride=8)
        #~ self.proj = nn.Conv2d(3, 96, kernel_size=8)  -> pos
        #~ self.proj = nn.Conv2d(3, 128, kernel_size=8, stride=8)  -> cls
        self.cls = nn.Parameter(torch.zeros(1, 1, 96))
        self.pos = nn.Parameter(torch.zeros(1, 17, 96))
        #~ self.pos = nn.Parameter(torch.zeros(1, 16, 96))  -> pos

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 3, 32, 32]"]) -> Shaped[Tensor[float32, cpu], "[N, 17, 96]"]:
        h = self.proj(x).flatten(2).transpose(1, 2)
        #~ h = self.proj(x).flatten(2)  -> cls
        #~ h = self.proj(x).flatten(1).transpose(1, 2)
        reveal_type(h)
        cls = self.cls.expand(x.shape[0], -1, -1)
        #~ cls = self.cls  -> cls, pos
        h = torch.cat([cls, h], dim=1)  #@cls
        reveal_type(h)
        return h + self.pos  #@pos


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.to_qkv = nn.Linear(96, 3 * 96, bias=False)
        self.out = nn.Linear(96, 96)

    @shape_vars("N, T")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, T, 96]"]) -> Shaped[Tensor[float32, cpu], "[N, T, 96]"]:
        q, k, v = self.to_qkv(x).chunk(3, dim=-1)
        q = rearrange(q, "b t (h d) -> b h t d", h=6)
        #~ q = rearrange(q, "b t (h d) -> b h t d", h=7)
        #~ q = rearrange(q, "b (h d) -> b h d", h=6)
        k = rearrange(k, "b t (h d) -> b h t d", h=6)
        v = rearrange(v, "b t (h d) -> b h t d", h=6)
        reveal_type(k)
        dots = torch.einsum("bhid,bhjd->bhij", q, k) * 16**-0.5
        #~s dots = torch.einsum("bhid,bhdj->bhij", q, k) * 16**-0.5
        #~ dots = torch.einsum("bhid,bjd->bhij", q, k) * 16**-0.5
        reveal_type(dots)
        out = torch.einsum("bhij,bhjd->bhid", dots.softmax(dim=-1), v)
        out = rearrange(out, "b h t d -> b t (h d)")
        #~ out = rearrange(out, "b h t d -> b t h d")  -> out
        reveal_type(out)
        return self.out(out)  #@out


class ViT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = PatchEmbedding()
        self.layers = nn.ModuleList([nn.ModuleList([nn.LayerNorm(96), Attention()]) for _ in range(2)])
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(96, 6, batch_first=True), 2)
        #~ self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, batch_first=True), 2)  -> enc
        self.norm = nn.LayerNorm(96)
        self.head = nn.Linear(96, 10)

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 3, 32, 32]"]) -> Shaped[Tensor[float32, cpu], "[N, 10]"]:
        h = self.patches(x)
        h = self.encoder(h)  #@enc
        reveal_type(h)
        pooled = self.norm(h)[:, 0]
        #~s pooled = self.norm(h)[0]  -> ret
        #~ pooled = self.norm(h[:, :, 0])
        return self.head(pooled)  #@ret
        #~s return self.head(h)


vit = ViT()
logits = vit(torch.rand(4, 3, 32, 32))
#~ logits = vit(torch.rand(4, 3, 64, 64))
#~ logits = vit(torch.rand(3, 32, 32))
reveal_type(logits)
attended = Attention()(torch.rand(4, 17, 96))
reveal_type(attended)
# sizes: N=4, T=17
