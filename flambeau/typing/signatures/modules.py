"""The modules: what a constructor takes, and the shape that a call gives. May import `flambeau.typing.signatures.table`."""

from __future__ import annotations

from typing import NamedTuple

from flambeau.typing.signatures.table import SPREAD, WINDOWS


class Module(NamedTuple):
    """One module: its constructor's parameters (as in `Signature`) and the shape of its result for an input of shape S.

    ``T``, ``U`` are the shapes of a second and third argument (of the tensors in it, where it is a tuple). A result with
    ``DTYPE:`` before it gives a tensor of that dtype. `checks` are rules whose errors count where all that they need is known:
    at the constructor, where they need nothing of an input. ``Classes`` says whether the second argument holds integers.
    """

    name: str
    parameters: str
    result: str
    checks: tuple[str, ...] = ()


MODULES: dict[str, Module] = {}


def _module(names: str, parameters: str, result: str, *checks: str) -> None:
    MODULES.update({name: Module(name, parameters, result, checks) for name in names.split()})


# Modules whose results have their input's shape, whatever it is.
SHAPE_KEEPING_MODULES = (
    "ReLU ReLU6 ELU CELU SELU GELU SiLU Mish Sigmoid Tanh Softplus Softsign Softshrink Hardshrink Hardsigmoid Hardswish Hardtanh "
    "LeakyReLU LogSigmoid Tanhshrink Threshold RReLU PReLU Softmax LogSoftmax Softmin Softmax2d Identity Dropout Dropout1d "
    "Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout LocalResponseNorm CrossMapLRN2d ChannelShuffle"
)


_module("Linear", "in_features: Size1, out_features: Size2", "linear(S, pair(Size2, Size1))")
_module("Embedding", "num_embeddings: Size1, embedding_dim: Size2", "float32: embedding(S, pair(Size1, Size2))")
for _n in (1, 2, 3):
    _kernel = f"spread(Axes1, {_n})"
    _module(
        f"Conv{_n}d",
        "in_channels: Size1, out_channels: Size2, kernel_size: Axes1, stride: Axes2 = 1, padding: Padding = 0, "
        "dilation: Axes4 = 1, groups: Dim1 = 1",
        f"conv_module(S, Size1, Size2, {_kernel}, spread(Axes2, {_n}), "
        f"padding_or_same(Padding, {_kernel}, spread(Axes4, {_n})), spread(Axes4, {_n}), {_n})",
        "in_groups(Size1, Size2, Dim1)",
    )
    _module(
        f"ConvTranspose{_n}d",
        "in_channels: Size1, out_channels: Size2, kernel_size: Axes1, stride: Axes2 = 1, padding: Axes3 = 0, "
        "output_padding: Axes5 = 0, groups: Dim1 = 1, bias: bool = True, dilation: Axes4 = 1",
        f"conv_transpose_module(S, Size1, Size2, {_kernel}, spread(Axes2, {_n}), twice(spread(Axes3, {_n})), "
        f"spread(Axes5, {_n}), spread(Axes4, {_n}), {_n})",
        "in_groups(Size1, Size2, Dim1)",
    )
    _module(
        f"MaxPool{_n}d",
        "kernel_size: Axes1, stride: Axes2 = None, padding: Axes3 = 0, dilation: Axes4 = 1, return_indices: bool = False, "
        "ceil_mode: Keep = False",
        f"pool(S, {_kernel}, spread_or(Axes2, {_kernel}), twice(spread(Axes3, {_n})), spread(Axes4, {_n}), Keep, {_n})",
    )
    _module(
        f"AvgPool{_n}d",
        "kernel_size: Axes1, stride: Axes2 = None, padding: Axes3 = 0, ceil_mode: Keep = False",
        f"pool(S, {_kernel}, spread_or(Axes2, {_kernel}), twice(spread(Axes3, {_n})), spread(1, {_n}), Keep, {_n})",
    )
    _module(
        f"MaxUnpool{_n}d",
        "kernel_size: Axes1, stride: Axes2 = None, padding: Axes3 = 0",
        f"unpool(S, T, {_kernel}, spread_or(Axes2, {_kernel}), spread(Axes3, {_n}), {_n})",
    )
    _module(
        f"AdaptiveAvgPool{_n}d AdaptiveMaxPool{_n}d",
        "output_size: Axes1",
        f"replace_last(S, spread_or(Axes1, last_sizes(S, {_n})), {_n})",
    )
    _module(f"BatchNorm{_n}d", "num_features: Size1", f"batch_channels(S, Size1, {_n})")
    _module(f"InstanceNorm{_n}d", "num_features: Size1", "S")
_module("GroupNorm", "num_groups: Dim1, num_channels: Size1", "channels(S, Size1, 2, 100)", "grouped(S, Dim1)")
_module("LayerNorm RMSNorm", "normalized_shape: Axes1", "normalized(S, trailing(Axes1))")
_OUTPUT = "Tensor[D, V, rnn_output(S, Size1, Size2, Keep1)]"
_STATE = "Tensor[D, V, rnn_state(S, Size2, Dim1, Keep1, Keep2)]"
_SIZES = "input_size: Size1, hidden_size: Size2, num_layers: Dim1 = 1"
_HOW = "bias: bool = True, batch_first: Keep2 = False, dropout: float = 0.0, bidirectional: Keep1 = False"
_STATE_CHECKS = tuple(f"state(S, {_given}, rnn_state(S, Size2, Dim1, Keep1, Keep2))" for _given in "TU")
_module("RNN", f"{_SIZES}, nonlinearity: str = 'tanh', {_HOW}", f"tuple[{_OUTPUT}, {_STATE}]", *_STATE_CHECKS)
_module("GRU", f"{_SIZES}, {_HOW}", f"tuple[{_OUTPUT}, {_STATE}]", *_STATE_CHECKS)
_module("LSTM", f"{_SIZES}, {_HOW}", f"tuple[{_OUTPUT}, tuple[{_STATE}, {_STATE}]]", *_STATE_CHECKS)
_CELL = "Tensor[D, V, cell(S, Size1, Size2)]"
_module("RNNCell GRUCell", "input_size: Size1, hidden_size: Size2", _CELL)
_module("LSTMCell", "input_size: Size1, hidden_size: Size2", f"tuple[{_CELL}, {_CELL}]")
_module("MultiheadAttention", "embed_dim: Size1, num_heads: Dim1", "tuple[Tensor[D, V, features(S, Size1)], Tensor[D, V]]",
        "in_heads(Size1, Dim1)")  # fmt: skip
_module("TransformerEncoderLayer TransformerDecoderLayer", "d_model: Size1, nhead: Dim1", "features(S, Size1)",
        "in_heads(Size1, Dim1)")  # fmt: skip
_module("Transformer", "d_model: Size1 = 512", "features(T, Size1)")
_module("GLU", "dim: Dim1 = -1", "glu(S, Dim1)")
_module("PixelUnshuffle", "downscale_factor: Dim1", "pixel_unshuffle(S, Dim1)")
_module("CosineSimilarity", "dim: Dim1 = 1", "reduce(broadcast(S, T), Dim1, False)")
for _n in (1, 2, 3):
    _module(f"ZeroPad{_n}d ConstantPad{_n}d ReflectionPad{_n}d ReplicationPad{_n}d CircularPad{_n}d", "padding: Axes1",
            f"pad_module(S, Axes1, {_n})")  # fmt: skip
_module("Upsample UpsamplingNearest2d UpsamplingBilinear2d", "size: Axes1 = None, scale_factor: Axes2 = None",
        "upsampled(S, Axes1, Axes2)")  # fmt: skip
_module("Unflatten", "dim: Dim1, unflattened_size: Axes1", "unflatten(S, Dim1, trailing(Axes1))")
_module("Unfold", WINDOWS, f"unfolded(S, {SPREAD})")
_module("Fold", f"output_size: Axes5, {WINDOWS}", f"folded(S, spread(Axes5, 2), {SPREAD})")
_module("EmbeddingBag", "num_embeddings: Size1, embedding_dim: Size2", "float32: bag(S, pair(Size1, Size2))")
_module(
    "Bilinear", "in1_features: Size1, in2_features: Size2, out_features: Size3", "bilinear(S, T, triple(Size3, Size1, Size2))"
)
_module("PairwiseDistance", "keepdim: Keep1 = False", "reduce(broadcast(S, T), -1, Keep1)")
_REDUCTION = "reduction: Text = 'mean'"
_module("TripletMarginLoss", _REDUCTION, "triple_loss(S, T, U, Text)")
_module("CosineEmbeddingLoss", _REDUCTION, "cosine_loss(S, T, U, Text)")
_module("MarginRankingLoss", _REDUCTION, "ranking_loss(S, T, U, Text)")
_module("PoissonNLLLoss SoftMarginLoss HingeEmbeddingLoss", _REDUCTION, "loss(broadcast(S, T), Text)")
_module("KLDivLoss", _REDUCTION, "divergence(S, T, Text)")
_module("GaussianNLLLoss CTCLoss MultiMarginLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss", _REDUCTION, "scalar_loss(Text)")
_module("NLLLoss", _REDUCTION, "class_loss(S, T, Text)")
_module("Flatten", "start_dim: Dim1 = 1, end_dim: Dim2 = -1", "flatten(S, Dim1, Dim2)")
_module("PixelShuffle", "upscale_factor: Dim1", "pixel_shuffle(S, Dim1)")
_module("CrossEntropyLoss", _REDUCTION, "class_or_probability_loss(S, T, Text, Classes)")
_module("MSELoss L1Loss SmoothL1Loss HuberLoss", _REDUCTION, "loss(broadcast(S, T), Text)")
_module("BCELoss BCEWithLogitsLoss", _REDUCTION, "loss(same(S, T), Text)")

# The parameters that a module has, by the sizes that its constructor was given.
PARAMETERS = {
    "Linear": {"weight": "pair(Size2, Size1)", "bias": "single(Size2)"},
    "Embedding": {"weight": "pair(Size1, Size2)"},
    "LayerNorm": {"weight": "trailing(Axes1)", "bias": "trailing(Axes1)"},
    **{f"Conv{n}d": {"bias": "single(Size2)"} for n in (1, 2, 3)},
    **{f"BatchNorm{n}d": {"weight": "single(Size1)", "bias": "single(Size1)"} for n in (1, 2, 3)},
}
