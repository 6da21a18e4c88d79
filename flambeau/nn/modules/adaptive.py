"""Adaptive softmax for many classes. May import: nn.functional, nn.modules (linear, container, module), ops, tensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from flambeau.nn import functional as F
from flambeau.nn.modules.container import ModuleList, Sequential
from flambeau.nn.modules.linear import Linear
from flambeau.nn.modules.module import Module
from flambeau.ops import choices, joining
from flambeau.tensor import Tensor

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    """`output`: the log-probability of each target; `loss`: its negative mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-softmax over classes sorted by frequency, rare ones in clusters with smaller projections (Grave et al. 2017).

    `cutoffs` are the class numbers where clusters begin. Input (N, in_features) or (in_features), target (N) or ().
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if len(cutoffs) == 0:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (
            cutoffs != sorted(set(cutoffs))
            or cutoffs[0] <= 0
            or cutoffs[-1] > n_classes - 1
            or any(int(cutoff) != cutoff for cutoff in cutoffs)
        ):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, "
                "where each value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        factory = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **factory)
        self.tail = ModuleList()
        for cluster, (first, end) in enumerate(self._clusters()):
            hidden = int(in_features // div_value ** (cluster + 1))
            to_hidden = Linear(in_features, hidden, bias=False, **factory)
            self.tail.append(Sequential(to_hidden, Linear(hidden, end - first, bias=False, **factory)))

    def _clusters(self) -> list[tuple[int, int]]:
        """The first class and the end of each cluster."""
        return list(zip(self.cutoffs[:-1], self.cutoffs[1:]))

    def reset_parameters(self) -> None:
        """As every linear layer."""
        self.head.reset_parameters()
        clusters: Iterable[Any] = self.tail
        for to_hidden, to_classes in clusters:
            to_hidden.reset_parameters()
            to_classes.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        if target_.dim() == 1:
            if input_.size(0) != target_.size(0):
                raise RuntimeError("Input and target should have the same size in the batch dimension.")
            if input_.dim() != 2:
                raise RuntimeError(f"1D target tensor expects 2D input tensors, but found inputs with size {input_.size()}")
        elif target_.dim() == 0:
            if input_.dim() != 1:
                raise RuntimeError(f"0D target tensor expects 1D input tensors, but found inputs with size {input_.size()}")
        else:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        input = input_ if target_.dim() else input_.unsqueeze(0)
        target = target_ if target_.dim() else target_.unsqueeze(0)
        if bool(((target < 0) | (target >= self.n_classes)).any()):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], "
                f"but values in range [{target.min().item()}, {target.max().item()}] were found. "
            )
        # A target in a cluster takes the head's probability of the cluster, times that of the class within it. Every
        # row is put through every cluster that occurs, and what isn't its own is masked: shapes don't depend on values.
        place = target
        output = input.new_zeros(target.size(0))
        for cluster, (first, end) in enumerate(self._clusters()):
            mine = (target >= first) & (target < end)
            place = choices.where(mine, self.shortlist_size + cluster, place)
            within = choices.where(mine, target - first, 0)
            log_probs = F.log_softmax(self.tail[cluster](input), dim=1)
            own = log_probs.gather(1, within.unsqueeze(1)).squeeze(1)
            output = choices.where(mine, own, output)
        head = F.log_softmax(self.head(input), dim=1)
        output = output + head.gather(1, place.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if target_.dim() else output.squeeze(0), loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """Log-probabilities of all classes (N, n_classes) of input (N, in_features)."""
        head = F.log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for cluster, tail in enumerate(self.tail):
            place = self.shortlist_size + cluster
            parts.append(F.log_softmax(tail(input), dim=1) + head[:, place : place + 1])
        return joining.cat(parts, dim=1)

    def predict(self, input: Tensor) -> Tensor:
        """The most likely class (N) of input (N, in_features): the head decides between the shortlist and the clusters."""
        in_head = self.head(input).argmax(dim=1)
        clustered = in_head >= self.shortlist_size
        if not bool(clustered.any()):
            return in_head
        return choices.where(clustered, self.log_prob(input).argmax(dim=1), in_head)
