"""Losses, each with targets of the shape and dtype that it wants."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn as nn
import flambeau.nn.functional as F

pred = torch.randn(8, 5, requires_grad=True)
target = torch.randint(0, 5, (8,))
#~ target = torch.randint(0, 5, (9,))  -> ce
ce = nn.CrossEntropyLoss()(pred, target)  #@ce
#~ ce = nn.CrossEntropyLoss()(target, pred)
#~ ce = nn.CrossEntropyLoss()(pred, F.one_hot(target, 5))
reveal_type(ce)
smooth = F.cross_entropy(pred, F.one_hot(target, 5).float())
#~ smooth = F.cross_entropy(pred, F.one_hot(target, 6).float())
each = F.cross_entropy(pred, target, reduction="none")
reveal_type(each)
weighted = (each * torch.rand(8)).sum()
#~ weighted = (each * torch.rand(5)).sum()
reg = F.mse_loss(pred, torch.zeros(8, 5))
#~ reg = F.mse_loss(pred, torch.zeros(5, 8))
#~ reg = F.mse_loss(pred, torch.zeros(4, 5))
l1 = nn.L1Loss()(pred.sum(1), torch.zeros(8))
#~ l1 = nn.L1Loss()(pred.sum(0), torch.zeros(8))
reveal_type(l1)
huber = nn.HuberLoss(reduction="none")(pred, torch.zeros(8, 5))
reveal_type(huber)
probabilities = torch.sigmoid(pred)
bce = nn.BCELoss()(probabilities, torch.ones(8, 5))
#~ bce = nn.BCELoss()(probabilities, torch.ones(8))
#~ bce = nn.BCELoss()(probabilities, torch.ones(8, 5, dtype=torch.int64))
logp = F.log_softmax(pred, dim=1)
nll = F.nll_loss(logp, target)
#~ nll = F.nll_loss(logp, target[:, None])
kl = F.kl_div(logp, F.softmax(torch.randn(8, 5), 1), reduction="batchmean")
#~ kl = F.kl_div(logp, F.softmax(torch.randn(8, 4), 1), reduction="batchmean")
reveal_type(kl)
segmentation = torch.randn(2, 21, 16, 16)
truth = torch.randint(0, 21, (2, 16, 16))
#~ truth = torch.randint(0, 21, (2, 32, 32))  -> seg
seg = F.cross_entropy(segmentation, truth, ignore_index=255)  #@seg
#~ seg = F.cross_entropy(segmentation.permute(0, 2, 3, 1), truth, ignore_index=255)
reveal_type(seg)
a, p, n = torch.randn(4, 128), torch.randn(4, 128), torch.randn(4, 128)
triplet = F.triplet_margin_loss(a, p, n)
#~ triplet = F.triplet_margin_loss(a, p, n[:, :64])
sims = F.cosine_similarity(a[:, None], p[None], dim=-1)
#~ sims = F.cosine_similarity(a[:, None], p[None, :, :64], dim=-1)
reveal_type(sims)
info_nce = F.cross_entropy(sims / 0.07, torch.arange(4))
#~ info_nce = F.cross_entropy(sims / 0.07, torch.arange(8))
#~ info_nce = F.cross_entropy(sims / 0.07, torch.arange(4).float())
embedding = nn.CosineEmbeddingLoss()(a, p, torch.ones(4))
ctc = nn.CTCLoss()(torch.randn(50, 16, 20).log_softmax(2), torch.randint(1, 20, (16, 30)),
                   torch.full((16,), 50), torch.full((16,), 30))
total = ce + reg + bce + nll + kl + triplet + info_nce + ctc
reveal_type(total)
total.backward()
