"""A vision transformer: patches, class token, positions, encoder, head."""

from typing import reveal_type

import flambeau as torch
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class ViT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 96, kernel_size=8, stride=8)
        self.cls = nn.Parameter(torch.zeros(1, 1, 96))
        self.positions = nn.Parameter(torch.randn(1, 17, 96) * 0.02)
        #~ self.positions = nn.Parameter(torch.randn(1, 16, 96) * 0.02)  -> positions
        layer = nn.TransformerEncoderLayer(96, 4, 192, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.norm = nn.LayerNorm(96)
        self.head = nn.Linear(96, 10)

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 3, 32, 32]"]) -> Shaped[Tensor[float32, cpu], "[N, 10]"]:
        h = self.patch(x)
        tokens = h.flatten(2).transpose(1, 2)
        #~ tokens = h.flatten(1).unsqueeze(1)  -> cat
        reveal_type(tokens)
        cls = self.cls.expand(x.shape[0], -1, -1)
        reveal_type(cls)
        seq = torch.cat((cls, tokens), dim=1)  #@cat
        #~ seq = torch.cat((cls, h.flatten(2)), dim=1)
        seq = seq + self.positions  #@positions
        reveal_type(seq)
        encoded = self.encoder(seq)
        return self.head(self.norm(encoded[:, 0]))
        #~s return self.head(self.norm(encoded))


scores = ViT()(torch.randn(2, 3, 32, 32))
reveal_type(scores)
prediction = scores.argmax(dim=-1)
reveal_type(prediction)
# sizes: N=2
