"""A bidirectional LSTM over tokens; the last state is classified."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Sentiment(nn.Module):
    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, 50)
        self.lstm = nn.LSTM(50, 64, num_layers=2, batch_first=True, bidirectional=True)
        #~ self.lstm = nn.LSTM(64, 64, num_layers=2, batch_first=True, bidirectional=True)  -> lstm
        self.fc = nn.Linear(2 * 64, 2)
        #~ self.fc = nn.Linear(64, 2)  -> fc

    @shape_vars("N, T")
    def forward(self, tokens: Shaped[Tensor[int64, cpu], "[N, T]"]) -> Shaped[Tensor[float32, cpu], "[N, 2]"]:
        e = self.embed(tokens)
        reveal_type(e)
        out, (h, c) = self.lstm(e)  #@lstm
        #~ out, h, c = self.lstm(e)
        reveal_type(out)
        reveal_type(h)
        last = torch.cat([h[-2], h[-1]], dim=1)
        #~ last = torch.cat([h[-2], h[-1]], dim=0)  -> fc
        #~ last = h[-1]  -> fc
        #~ last = out  -> fc
        reveal_type(last)
        return self.fc(last)  #@fc


model = Sentiment(500)
tokens = torch.randint(0, 500, (8, 20))
#~ tokens = torch.randint(0, 500, (8, 20)).float()  -> call
scores = model(tokens)  #@call
reveal_type(scores)
loss = F.binary_cross_entropy_with_logits(scores[:, 0], torch.ones(8))
#~ loss = F.binary_cross_entropy_with_logits(scores[:, 0], torch.ones(8, 1))
#~ loss = F.binary_cross_entropy_with_logits(scores, torch.ones(8))
#~s loss = F.binary_cross_entropy_with_logits(scores[:, 0], torch.ones(8, dtype=torch.long))

gru = nn.GRU(10, 20)
x = torch.randn(5, 3, 10)
h0 = torch.zeros(1, 3, 20)
#~ h0 = torch.zeros(1, 5, 20)  -> gru
#~ h0 = torch.zeros(3, 20)  -> gru
#~ h0 = torch.zeros(1, 3, 10)  -> gru
out, hn = gru(x, h0)  #@gru
reveal_type(out)
reveal_type(hn)
cell = nn.LSTMCell(10, 20)
hx, cx = torch.zeros(3, 20), torch.zeros(3, 20)
for t in range(5):
    hx, cx = cell(x[t], (hx, cx))
    #~ hx, cx = cell(x, (hx, cx))
reveal_type(hx)
# sizes: N=8, T=20
