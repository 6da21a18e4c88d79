"""An encoder and a decoder with additive attention."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 24)
        self.gru = nn.GRU(24, 48, batch_first=True)
        #~ self.gru = nn.GRU(48, 48, batch_first=True)  -> gru
        #~ self.gru = nn.GRU(24, 64, batch_first=True)  -> gru, encret

    @shape_vars("N, S")
    def forward(
        self, source: Shaped[Tensor[int64, cpu], "[N, S]"]
    ) -> tuple[Shaped[Tensor[float32, cpu], "[N, S, 48]"], Shaped[Tensor[float32, cpu], "[1, N, 48]"]]:
        out, hidden = self.gru(self.embedding(source))  #@gru
        return out, hidden  #@encret
        #~s return hidden, out


class Additive(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(48, 32)
        self.key = nn.Linear(48, 32)
        #~ self.key = nn.Linear(48, 16)  -> add
        self.score = nn.Linear(32, 1)
        #~ self.score = nn.Linear(32, 2)  -> sq, sum

    @shape_vars("N, S")
    def forward(
        self, query: Shaped[Tensor[float32, cpu], "[N, 48]"], keys: Shaped[Tensor[float32, cpu], "[N, S, 48]"]
    ) -> Shaped[Tensor[float32, cpu], "[N, 48]"]:
        energy = torch.tanh(self.query(query).unsqueeze(1) + self.key(keys))  #@add
        #~ energy = torch.tanh(self.query(query) + self.key(keys))
        reveal_type(energy)
        weights = F.softmax(self.score(energy).squeeze(2), dim=1)  #@sq
        reveal_type(weights)
        return torch.bmm(weights.unsqueeze(1), keys).squeeze(1)  #@sum
        #~ return torch.bmm(weights, keys).squeeze(1)
        #~ return torch.bmm(keys, weights.unsqueeze(1)).squeeze(1)
        #~ return torch.bmm(weights.unsqueeze(2), keys).squeeze(1)


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(120, 24)
        self.cell = nn.GRUCell(24 + 48, 48)
        #~ self.cell = nn.GRUCell(24, 48)  -> cell
        self.out = nn.Linear(48, 120)

    @shape_vars("N")
    def forward(
        self,
        token: Shaped[Tensor[int64, cpu], "[N]"],
        state: Shaped[Tensor[float32, cpu], "[N, 48]"],
        context: Shaped[Tensor[float32, cpu], "[N, 48]"],
    ) -> tuple[Shaped[Tensor[float32, cpu], "[N, 120]"], Shaped[Tensor[float32, cpu], "[N, 48]"]]:
        x = torch.cat([self.embedding(token), context], dim=-1)  #@cat
        #~ x = torch.cat([self.embedding(token), context], dim=0)
        reveal_type(x)
        new = self.cell(x, state)  #@cell
        return self.out(new), new
        #~s return new, self.out(new)


encoder, attention, decoder = Encoder(), Additive(), Decoder()
memory, hidden = encoder(torch.randint(0, 100, (3, 11)))
reveal_type(memory)
state = hidden[0]
#~ state = hidden  -> ctx
reveal_type(state)
token = torch.zeros(3, dtype=torch.int64)
#~ token = torch.zeros(3)  -> dec
loss = torch.tensor(0.0)
for step in range(4):
    context = attention(state, memory)  #@ctx
    #~ context = attention(memory, state)
    logits, state = decoder(token, state, context)  #@dec
    loss = loss + F.cross_entropy(logits, token)
    token = logits.argmax(1)
    #~ token = logits.argmax(1, keepdim=True)  -> dec, cat
reveal_type(loss)
# sizes: N=3, S=11
