"""gather, scatter, topk, sort and what chooses elements."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
logits = torch.randn(32, 10)
labels = torch.randint(0, 10, (32,))
values, indices = logits.topk(5, dim=1)
#~ values, indices = logits.topk(11, dim=1)
reveal_type(values)
reveal_type(indices)
correct = indices.eq(labels.view(-1, 1))
#~ correct = indices.eq(labels)
reveal_type(correct)
top1 = correct[:, :1].float().sum()
reveal_type(top1)
picked = logits.gather(1, labels.unsqueeze(1)).squeeze(1)
#~ picked = logits.gather(1, labels).squeeze(1)
reveal_type(picked)
onehot = torch.zeros(32, 10).scatter_(1, labels.unsqueeze(1), 1.0)
reveal_type(onehot)
hot = F.one_hot(labels, 10)
reveal_type(hot)
best = logits.max(dim=1)
reveal_type(best.values)
reveal_type(best.indices)
ordered, order = torch.sort(logits, dim=0, descending=True)
reveal_type(order)
rows = logits[order[:, 0]]
reveal_type(rows)
some = torch.index_select(logits, 0, torch.tensor([1, 5, 7]))
reveal_type(some)
taken = torch.take_along_dim(logits, logits.argsort(dim=1), dim=1)
reveal_type(taken)
masked = logits.masked_select(logits > 0)
reveal_type(masked.ndim)
added = torch.zeros(10).index_add(0, labels, torch.ones(32))
#~ added = torch.zeros(10).index_add(0, labels, torch.ones(31))
reveal_type(added)
where = torch.nonzero(logits > 0)
nll = -F.log_softmax(logits, dim=1)[torch.arange(32), labels]
#~ nll = -F.log_softmax(logits, dim=2)[torch.arange(32), labels]
reveal_type(nll)
unique = torch.unique(labels)
counts = torch.bincount(labels, minlength=10)
value, position = logits.min(0, keepdim=True)
reveal_type(value)
kth = logits.kthvalue(2, dim=1).values
reveal_type(kth)
bins = torch.searchsorted(torch.linspace(0, 1, 11), torch.rand(6))
reveal_type(bins)
