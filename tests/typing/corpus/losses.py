"""Losses as functions and as modules."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
logits, labels = torch.randn(16, 5, requires_grad=True), torch.randint(0, 5, (16,))
ce = F.cross_entropy(logits, labels)
#~ ce = F.cross_entropy(logits, labels[:8])
#~ ce = F.cross_entropy(logits, labels.float())
#~ ce = F.cross_entropy(labels, logits)
reveal_type(ce)
each = F.cross_entropy(logits, labels, reduction="none", label_smoothing=0.1)
reveal_type(each)
soft = F.cross_entropy(logits, torch.softmax(torch.randn(16, 5), 1))
reveal_type(soft)
nll = F.nll_loss(logits.log_softmax(1), labels)
criterion = nn.CrossEntropyLoss(weight=torch.ones(5))
loss = criterion(logits, labels)
#~ loss = criterion(logits.T, labels)
reveal_type(loss)
dense = criterion(torch.randn(2, 5, 8, 8), torch.zeros(2, 8, 8, dtype=torch.long))
#~ dense = criterion(torch.randn(2, 5, 8, 8), torch.zeros(2, 1, 8, 8, dtype=torch.long))
reveal_type(dense)
scores = torch.randn(16, 1)
target = torch.ones(16, 1)
bce = nn.BCEWithLogitsLoss()(scores, target)
#~ bce = nn.BCEWithLogitsLoss()(scores, target.squeeze(1))
#~ bce = nn.BCEWithLogitsLoss()(scores, labels)
reveal_type(bce)
mse = nn.MSELoss(reduction="sum")(torch.randn(4, 3), torch.randn(4, 3))
reveal_type(mse)
l1 = F.smooth_l1_loss(torch.randn(4, 3), torch.randn(4, 3), reduction="none")
#~ l1 = F.smooth_l1_loss(torch.randn(4, 3), torch.randn(4, 2), reduction="none")
reveal_type(l1)
kl = F.kl_div(logits.log_softmax(1), logits.softmax(1), reduction="batchmean")
reveal_type(kl)
triplet = nn.TripletMarginLoss()(torch.randn(8, 16), torch.randn(8, 16), torch.randn(8, 16))
#~ triplet = nn.TripletMarginLoss()(torch.randn(8, 16), torch.randn(8, 17), torch.randn(8, 16))
reveal_type(triplet)
cos = nn.CosineEmbeddingLoss()(torch.randn(8, 16), torch.randn(8, 16), torch.ones(8))
reveal_type(cos)
margin = F.margin_ranking_loss(torch.randn(8), torch.randn(8), torch.ones(8))
reveal_type(margin)
ctc = F.ctc_loss(
    torch.randn(20, 4, 6).log_softmax(2), torch.randint(1, 6, (4, 5)),
    torch.full((4,), 20, dtype=torch.long), torch.full((4,), 5, dtype=torch.long),
)
reveal_type(ctc)
gauss = nn.GaussianNLLLoss()(torch.randn(4, 2), torch.randn(4, 2), torch.ones(4, 2))
reveal_type(gauss)
huber = nn.HuberLoss()(torch.randn(4), torch.randn(4))
reveal_type(huber)
total = ce + 0.5 * loss + bce
reveal_type(total)
total.backward()
