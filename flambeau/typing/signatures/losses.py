"""Normalization and losses. May import `flambeau.typing.signatures.table`."""

from __future__ import annotations

from flambeau.typing.signatures.table import INPUT, SAME, add

add("batch_norm", "f", f"{INPUT}, running_mean: Tensor[D, V, T], running_var: Tensor[D, V, U], "
     "weight: Tensor[D, V] | None = None, bias: Tensor[D, V] | None = None, training: bool = False, momentum: float = 0.1, "
     "eps: float = 1e-05", "Tensor[D, V, channel_vector(channel_vector(S, T), U)]")  # fmt: skip
add("batch_norm", "f", f"{INPUT}, running_mean: Tensor[D, V] | None, running_var: Tensor[D, V] | None, "
     "weight: Tensor[D, V] | None = None, bias: Tensor[D, V] | None = None, training: bool = False, momentum: float = 0.1, "
     "eps: float = 1e-05", SAME)  # fmt: skip
add("layer_norm", "f", f"{INPUT}, normalized_shape: Sizes, weight: Tensor[D, V] | None = None, "
     "bias: Tensor[D, V] | None = None, eps: float = 1e-05", "Tensor[D, V, normalized(S, Sizes)]")  # fmt: skip
add("rms_norm", "f", f"{INPUT}, normalized_shape: Sizes, weight: Tensor[D, V] | None = None, eps: float | None = None",
     "Tensor[D, V, normalized(S, Sizes)]")  # fmt: skip
add("group_norm", "f", f"{INPUT}, num_groups: Dim, weight: Tensor[D, V, T], bias: Tensor[D, V, U], eps: float = 1e-05",
     "Tensor[D, V, channel_vector(channel_vector(grouped(S, Dim), T), U)]")  # fmt: skip
add("group_norm", "f", f"{INPUT}, num_groups: Dim, weight: Tensor[D, V] | None = None, bias: Tensor[D, V] | None = None, "
     "eps: float = 1e-05", "Tensor[D, V, grouped(S, Dim)]")  # fmt: skip
add("instance_norm", "f", f"{INPUT}, running_mean: Tensor[D, V] | None = None, running_var: Tensor[D, V] | None = None, "
     "weight: Tensor[D, V] | None = None, bias: Tensor[D, V] | None = None, use_input_stats: bool = True, "
     "momentum: float = 0.1, eps: float = 1e-05", SAME)  # fmt: skip

add("mse_loss l1_loss", "f", "input: Tensor[DF, V, S], target: Tensor[DF, V, T], *, reduction: Text = 'mean'",
     "Tensor[DF, V, loss(broadcast(S, T), Text)]")  # fmt: skip
add("smooth_l1_loss", "f", "input: Tensor[DF, V, S], target: Tensor[DF, V, T], *, reduction: Text = 'mean', beta: float = 1.0",
     "Tensor[DF, V, loss(broadcast(S, T), Text)]")  # fmt: skip
add("huber_loss", "f", "input: Tensor[DF, V, S], target: Tensor[DF, V, T], reduction: Text = 'mean', delta: float = 1.0",
     "Tensor[DF, V, loss(broadcast(S, T), Text)]")  # fmt: skip
add("kl_div", "f", "input: Tensor[DF, V, S], target: Tensor[DF, V, T], size_average: None = None, reduce: None = None, "
     "reduction: Text = 'mean', log_target: bool = False", "Tensor[DF, V, divergence(S, T, Text)]")  # fmt: skip
_THREE = "{}: Tensor[DF, V, S], {}: Tensor[DF, V, T], {}: Tensor[DF, V, U]"
_AVERAGED = "size_average: None = None, reduce: None = None, reduction: Text = 'mean'"
add("triplet_margin_loss", "f", _THREE.format("anchor", "positive", "negative") + ", margin: float = 1.0, p: float = 2, "
     f"eps: float = 1e-06, swap: bool = False, {_AVERAGED}", "Tensor[DF, V, triple_loss(S, T, U, Text)]")  # fmt: skip
add("cosine_embedding_loss", "f", f"{_THREE.format('input1', 'input2', 'target')}, margin: float = 0, {_AVERAGED}",
     "Tensor[DF, V, cosine_loss(S, T, U, Text)]")  # fmt: skip
add("margin_ranking_loss", "f", f"{_THREE.format('input1', 'input2', 'target')}, margin: float = 0, {_AVERAGED}",
     "Tensor[DF, V, ranking_loss(S, T, U, Text)]")  # fmt: skip
add("ctc_loss", "f", "log_probs: Tensor[DF, V, S], targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, "
     "reduction: Text = 'mean', zero_infinity: bool = False", "Tensor[DF, V, scalar_loss(Text)]")  # fmt: skip
add("gaussian_nll_loss", "f", f"{_THREE.format('input', 'target', 'var')}, full: bool = False, eps: float = 1e-06, "
     "reduction: Text = 'mean'", "Tensor[DF, V, scalar_loss(Text)]")  # fmt: skip
add("poisson_nll_loss", "f", "input: Tensor[DF, V, S], target: Tensor[DF, V, T], log_input: bool = True, full: bool = False, "
     "size_average: None = None, eps: float = 1e-08, reduce: None = None, reduction: Text = 'mean'",
     "Tensor[DF, V, loss(broadcast(S, T), Text)]")  # fmt: skip
add("binary_cross_entropy", "f",
     "input: Tensor[DF, V, S], target: Tensor[DF, V, T], weight: Tensor[DF, V] | None = None, *, reduction: Text = 'mean'",
     "Tensor[DF, V, loss(same(S, T), Text)]")  # fmt: skip
add("binary_cross_entropy_with_logits", "f",
     "input: Tensor[DF, V, S], target: Tensor[DF, V, T], weight: Tensor[DF, V] | None = None, *, reduction: Text = 'mean', "
     "pos_weight: Tensor[DF, V] | None = None",
     "Tensor[DF, V, loss(same(S, T), Text)]")  # fmt: skip
add("nll_loss", "f", "input: Tensor[DF, V, S], target: Tensor[int64, V, T], weight: Tensor[DF, V] | None = None, *, "
     "ignore_index: int = -100, reduction: Text = 'mean'", "Tensor[DF, V, class_loss(S, T, Text)]")  # fmt: skip
add("cross_entropy", "f", "input: Tensor[DF, V, S], target: Tensor[int64, V, T], weight: Tensor[DF, V] | None = None, *, "
     "ignore_index: int = -100, reduction: Text = 'mean', label_smoothing: float = 0.0",
     "Tensor[DF, V, class_loss(S, T, Text)]")  # fmt: skip
add("cross_entropy", "f", "input: Tensor[DF, V, S], target: Tensor[DF, V, T], weight: Tensor[DF, V] | None = None, *, "
     "ignore_index: int = -100, reduction: Text = 'mean', label_smoothing: float = 0.0",
     "Tensor[DF, V, probability_loss(S, T, Text)]")  # fmt: skip

add("soft_margin_loss", "f",
     "input: Tensor[DF, V, S], target: Tensor[DF, V, T], size_average: None = None, reduce: None = None, "
     "reduction: Text = 'mean'",
     "Tensor[DF, V, loss(broadcast(S, T), Text)]")  # fmt: skip
add("hinge_embedding_loss", "f",
     "input: Tensor[DF, V, S], target: Tensor[DF, V, T], margin: float = 1.0, size_average: None = None, reduce: None = None, "
     "reduction: Text = 'mean'", "Tensor[DF, V, loss(broadcast(S, T), Text)]")  # fmt: skip
add("cosine_similarity", "tf", "x1: Tensor[DF, V, S], x2: Tensor[DF, V, T], dim: Dim = 1, eps: float = 1e-8",
     "Tensor[DF, V, reduce(broadcast(S, T), Dim, False)]")  # fmt: skip
add("pairwise_distance", "tf",
     "x1: Tensor[DF, V, S], x2: Tensor[DF, V, T], p: float = 2.0, eps: float = 1e-6, keepdim: Keep = False",
     "Tensor[DF, V, reduce(broadcast(S, T), -1, Keep)]")  # fmt: skip
