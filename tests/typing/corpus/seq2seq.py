"""A sentiment classifier over padded sequences, and an encoder-decoder with attention."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(500, 32, padding_idx=0)
        self.lstm = nn.LSTM(32, 24, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(48, 2)
        #~ self.fc = nn.Linear(24, 2)  -> fc

    @shape_vars("B, T")
    def forward(self, tokens: Shaped[Tensor[int64, cpu], "[B, T]"]) -> Shaped[Tensor[float32, cpu], "[B, 2]"]:
        embedded = self.embedding(tokens)
        output, (hidden, _) = self.lstm(embedded)
        reveal_type(output)
        last = torch.cat((hidden[0], hidden[1]), dim=1)
        reveal_type(last)
        return self.fc(last)  #@fc
        #~s return self.fc(output)


@shape_vars("B, S, H")
def attend(
    query: Shaped[Tensor[float32, cpu], "[B, H]"], keys: Shaped[Tensor[float32, cpu], "[B, S, H]"]
) -> Shaped[Tensor[float32, cpu], "[B, H]"]:
    scores = torch.bmm(keys, query.unsqueeze(2)).squeeze(2)
    #~ scores = torch.bmm(keys, query.unsqueeze(1)).squeeze(2)
    reveal_type(scores)
    weights = F.softmax(scores, dim=1)
    context = torch.bmm(weights.unsqueeze(1), keys)
    reveal_type(context)
    return context.squeeze(1)


logits = Classifier()(torch.randint(0, 500, (3, 9)))
#~ logits = Classifier()(torch.rand(3, 9))
reveal_type(logits)
context = attend(torch.randn(3, 16), torch.randn(3, 9, 16))
#~ context = attend(torch.randn(3, 16), torch.randn(3, 9, 32))
#~ context = attend(torch.randn(2, 16), torch.randn(3, 9, 16))
reveal_type(context)
# sizes: B=3, T=9, S=9, H=16
