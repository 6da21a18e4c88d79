"""Every layer beside PyTorch's: repr, state_dict, results and gradients with the same weights."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch

import flambeau
from tests.helpers.oracle import to_flambeau, to_torch

F32 = {"rtol": 2e-4, "atol": 2e-5}


def image(*shape, positive=False, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape).astype("float32")
    return np.abs(values) + 0.1 if positive else values


def labels(n, high, seed=0):
    return np.random.default_rng(seed).integers(0, high, n)


x1, x2, x3 = image(2, 4, 9), image(2, 4, 9, 7), image(2, 4, 5, 6, 7)
flat = image(3, 6)

# name, constructor arguments, inputs (arrays; floats get gradients)
LAYERS = [
    ("Identity", (1, 2), {"x": 3}, [flat]),
    ("Linear", (6, 5), {}, [flat]),
    ("Linear", (6, 5), {"bias": False}, [image(2, 3, 6)]),
    ("Bilinear", (6, 4, 5), {}, [flat, image(3, 4)]),
    ("Bilinear", (6, 4, 5), {"bias": False}, [flat, image(3, 4)]),
    ("Conv1d", (4, 6, 3), {}, [x1]),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2, "bias": False}, [x1]),
    ("Conv2d", (4, 6, 3), {"padding": 1}, [x2]),
    ("Conv2d", (4, 6, (3, 2)), {"padding": "same", "dilation": (1, 2)}, [x2]),
    ("Conv2d", (4, 8, 3), {"padding": (1, 2), "padding_mode": "circular", "groups": 4}, [x2]),
    ("Conv2d", (4, 6, 3), {"padding": 2, "padding_mode": "reflect"}, [x2]),
    ("Conv2d", (4, 6, 4), {"padding": "same", "padding_mode": "replicate"}, [image(4, 9, 7)]),
    ("Conv3d", (4, 2, 3), {"padding": 1, "stride": (1, 2, 1)}, [x3]),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1}, [x1]),
    ("ConvTranspose2d", (4, 6, 3), {"stride": (2, 1), "groups": 2, "dilation": 2}, [x2]),
    ("ConvTranspose3d", (4, 2, 2), {"stride": 2, "bias": False}, [x3]),
    ("MaxPool1d", (3,), {"stride": 2, "padding": 1}, [x1]),
    ("MaxPool2d", (3,), {"stride": (2, 1), "dilation": (1, 2), "ceil_mode": True}, [x2]),
    ("MaxPool2d", (2,), {"return_indices": True}, [x2]),
    ("MaxPool3d", (2,), {}, [x3]),
    ("AvgPool1d", (3,), {"padding": 1, "count_include_pad": False}, [x1]),
    ("AvgPool2d", ((3, 2),), {"ceil_mode": True, "divisor_override": 5}, [x2]),
    ("AvgPool3d", (2,), {"stride": 1}, [x3]),
    ("LPPool1d", (2.0, 3), {}, [x1]),
    ("LPPool2d", (3.0, 2), {"stride": 1, "ceil_mode": True}, [image(2, 4, 9, 7, positive=True)]),
    ("LPPool3d", (2.0, 2), {}, [x3]),
    ("AdaptiveAvgPool1d", (4,), {}, [x1]),
    ("AdaptiveAvgPool2d", ((3, None),), {}, [x2]),
    ("AdaptiveAvgPool3d", (2,), {}, [x3]),
    ("AdaptiveMaxPool1d", (4,), {}, [x1]),
    ("AdaptiveMaxPool2d", ((3, 4),), {"return_indices": True}, [x2]),
    ("AdaptiveMaxPool3d", (2,), {}, [x3]),
    ("BatchNorm1d", (4,), {}, [x1]),
    ("BatchNorm1d", (6,), {"momentum": None, "eps": 1e-3}, [flat]),
    ("BatchNorm2d", (4,), {"affine": False}, [x2]),
    ("BatchNorm2d", (4,), {"track_running_stats": False}, [x2]),
    ("BatchNorm2d", (4,), {"bias": False}, [x2]),
    ("BatchNorm3d", (4,), {"momentum": 0.5}, [x3]),
    ("InstanceNorm1d", (4,), {}, [x1]),
    ("InstanceNorm2d", (4,), {"affine": True, "track_running_stats": True}, [x2]),
    ("InstanceNorm3d", (4,), {"affine": True}, [image(4, 5, 6, 7)]),
    ("LayerNorm", ((9, 7),), {}, [x2]),
    ("LayerNorm", (6,), {"bias": False, "eps": 1e-3}, [flat]),
    ("LayerNorm", (6,), {"elementwise_affine": False}, [flat]),
    ("GroupNorm", (2, 4), {}, [x2]),
    ("GroupNorm", (4, 4), {"affine": False}, [x1]),
    ("RMSNorm", (6,), {}, [flat]),
    ("RMSNorm", ((9, 7),), {"eps": 1e-3, "elementwise_affine": False}, [x2]),
    ("LocalResponseNorm", (3,), {"alpha": 0.1, "k": 2.0}, [x2]),
    ("ReLU", (), {}, [flat]),
    ("ReLU", (), {"inplace": True}, [flat]),
    ("ReLU6", (), {}, [flat * 5]),
    ("Threshold", (0.1, 20.0), {}, [flat]),
    ("Hardtanh", (-0.5, 0.7), {}, [flat]),
    ("Hardsigmoid", (), {}, [flat * 3]),
    ("Hardswish", (), {}, [flat * 3]),
    ("Hardshrink", (0.3,), {}, [flat]),
    ("Softshrink", (0.3,), {}, [flat]),
    ("Tanhshrink", (), {}, [flat]),
    ("Sigmoid", (), {}, [flat]),
    ("LogSigmoid", (), {}, [flat]),
    ("Tanh", (), {}, [flat]),
    ("SiLU", (), {}, [flat]),
    ("Mish", (), {}, [flat]),
    ("ELU", (0.7,), {"inplace": True}, [flat]),
    ("CELU", (0.7,), {}, [flat]),
    ("SELU", (), {}, [flat]),
    ("GELU", (), {}, [flat]),
    ("GELU", ("tanh",), {}, [flat]),
    ("GLU", (), {}, [flat]),
    ("LeakyReLU", (0.2,), {}, [flat]),
    ("PReLU", (), {}, [flat]),
    ("PReLU", (4,), {"init": 0.1}, [x2]),
    ("Softplus", (2.0, 1.0), {}, [flat]),
    ("Softsign", (), {}, [flat]),
    ("Softmax", (1,), {}, [flat]),
    ("Softmax2d", (), {}, [x2]),
    ("Softmin", (0,), {}, [flat]),
    ("LogSoftmax", (-1,), {}, [flat]),
    ("RReLU", (), {}, [flat]),
    ("Dropout", (0.3,), {}, [flat]),
    ("Dropout1d", (0.3,), {}, [x1]),
    ("Dropout2d", (0.3,), {"inplace": True}, [x2]),
    ("Dropout3d", (0.3,), {}, [x3]),
    ("AlphaDropout", (0.3,), {}, [flat]),
    ("FeatureAlphaDropout", (0.3,), {}, [x2]),
    ("ConstantPad1d", (2, 3.5), {}, [x1]),
    ("ConstantPad2d", ((1, 2, 0, -1), 0.5), {}, [x2]),
    ("ConstantPad3d", (1, 0.5), {}, [x3]),
    ("ZeroPad1d", (1,), {}, [x1]),
    ("ZeroPad2d", ((1, 2, 3, 4),), {}, [x2]),
    ("ZeroPad3d", (1,), {}, [x3]),
    ("ReflectionPad1d", (2,), {}, [x1]),
    ("ReflectionPad2d", ((1, 2, 3, 0),), {}, [x2]),
    ("ReflectionPad3d", (1,), {}, [x3]),
    ("ReplicationPad1d", ((2, 3),), {}, [x1]),
    ("ReplicationPad2d", (2,), {}, [x2]),
    ("ReplicationPad3d", (1,), {}, [x3]),
    ("CircularPad1d", (2,), {}, [x1]),
    ("CircularPad2d", ((1, 2, 3, 0),), {}, [x2]),
    ("CircularPad3d", (1,), {}, [x3]),
    ("Flatten", (), {}, [x2]),
    ("Flatten", (2, 3), {}, [x2]),
    ("Unflatten", (1, (2, 3)), {}, [flat]),
    ("Upsample", (), {"scale_factor": 2}, [x2]),
    ("Upsample", ((5, 11),), {"mode": "bilinear"}, [x2]),
    ("Upsample", (), {"scale_factor": (1.5, 2.0), "mode": "bicubic", "align_corners": True}, [x2]),
    ("UpsamplingNearest2d", (), {"scale_factor": 3}, [x2]),
    ("UpsamplingBilinear2d", (12,), {}, [x2]),
    ("PixelShuffle", (2,), {}, [x2]),
    ("PixelUnshuffle", (3,), {}, [image(2, 4, 9, 6)]),
    ("ChannelShuffle", (2,), {}, [x2]),
    ("Unfold", ((3, 2),), {"padding": 1, "stride": 2}, [x2]),
    ("Fold", ((5, 6), (2, 3)), {}, [image(2, 12, 16)]),
    ("CosineSimilarity", (), {"dim": 1}, [flat, image(3, 6, seed=1)]),
    ("PairwiseDistance", (), {"p": 3.0, "keepdim": True}, [flat, image(3, 6, seed=1)]),
    ("Embedding", (7, 3), {"padding_idx": -2}, [labels((4, 5), 7)]),
    ("Embedding", (7, 3), {"scale_grad_by_freq": True}, [labels((4, 5), 7)]),
    ("EmbeddingBag", (7, 3), {"mode": "sum"}, [labels((4, 5), 7)]),
    ("EmbeddingBag", (7, 3), {"padding_idx": 2}, [labels(9, 7), np.array([0, 4, 4, 7])]),
    ("EmbeddingBag", (7, 3), {"mode": "max"}, [labels((4, 5), 7)]),
    ("RNN", (6, 4), {}, [image(5, 3, 6)]),
    ("RNN", (6, 4, 2), {"nonlinearity": "relu", "batch_first": True, "bidirectional": True}, [image(3, 5, 6)]),
    ("LSTM", (6, 4), {"num_layers": 2, "bidirectional": True}, [image(5, 3, 6)]),
    ("LSTM", (6, 4), {"proj_size": 2, "bias": False, "batch_first": True}, [image(5, 6)]),
    ("GRU", (6, 4), {"num_layers": 2, "dropout": 0.0}, [image(5, 3, 6), image(2, 3, 4)]),
    ("RNNCell", (6, 4), {"nonlinearity": "relu"}, [flat]),
    ("LSTMCell", (6, 4), {}, [flat]),
    ("GRUCell", (6, 4), {"bias": False}, [image(6), image(4)]),
    ("MultiheadAttention", (6, 2), {}, [image(4, 3, 6), image(5, 3, 6), image(5, 3, 6, seed=1)]),
    ("MultiheadAttention", (6, 3), {"kdim": 5, "vdim": 4, "add_bias_kv": True}, [image(4, 3, 6), image(7, 3, 5), image(7, 3, 4)]),
    ("MultiheadAttention", (6, 2), {"batch_first": True, "bias": False, "add_zero_attn": True}, [image(3, 4, 6)] * 3),
    ("TransformerEncoderLayer", (6, 2, 8), {"activation": "gelu"}, [image(4, 3, 6)]),
    ("TransformerEncoderLayer", (6, 2, 8), {"norm_first": True, "batch_first": True}, [image(4, 3, 6)]),
    ("TransformerDecoderLayer", (6, 2, 8), {"bias": False}, [image(4, 3, 6), image(5, 3, 6)]),
    ("Transformer", (6, 2, 2, 1, 8), {}, [image(4, 3, 6), image(5, 3, 6)]),
    ("L1Loss", (), {}, [flat, image(3, 6, seed=1)]),
    ("MSELoss", (), {"reduction": "sum"}, [flat, image(3, 6, seed=1)]),
    ("SmoothL1Loss", (), {"beta": 0.5}, [flat, image(3, 6, seed=1)]),
    ("HuberLoss", (), {"delta": 0.5, "reduction": "none"}, [flat, image(3, 6, seed=1)]),
    ("CrossEntropyLoss", (), {}, [flat, labels(3, 6)]),
    ("LinearCrossEntropyLoss", (6, 4), {"bias": True, "ignore_index": 1}, [flat, labels(3, 4)]),
    ("LinearCrossEntropyLoss", (6, 4), {"out_features": (2,), "reduction": "sum"}, [flat, labels((3, 2), 4)]),
    ("CrossEntropyLoss", (), {"label_smoothing": 0.1, "ignore_index": 1}, [image(3, 6, 4), labels((3, 4), 6)]),
    ("NLLLoss", (), {"reduction": "none"}, [flat, labels(3, 6)]),
    ("BCELoss", (), {}, [1 / (1 + np.exp(-flat)), image(3, 6, positive=True) % 1]),
    ("BCEWithLogitsLoss", (), {}, [flat, image(3, 6, positive=True) % 1]),
    ("KLDivLoss", (), {"reduction": "batchmean"}, [flat, image(3, 6, positive=True)]),
    ("KLDivLoss", (), {"log_target": True}, [flat, image(3, 6)]),
    ("PoissonNLLLoss", (), {"full": True}, [flat, image(3, 6, positive=True)]),
    ("GaussianNLLLoss", (), {"full": True}, [flat, image(3, 6, seed=1), image(3, 6, positive=True)]),
    ("HingeEmbeddingLoss", (), {"margin": 0.5}, [flat, np.sign(flat)]),
    ("SoftMarginLoss", (), {}, [flat, np.sign(flat)]),
    ("MultiLabelMarginLoss", (), {}, [flat, np.array([[1, 2, -1, 0, 0, 0], [5, -1, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5]])]),
    ("MultiLabelSoftMarginLoss", (), {}, [flat, (flat > 0).astype("float32")]),
    ("MultiMarginLoss", (), {"p": 2, "margin": 0.5}, [flat, labels(3, 6)]),
    ("CosineEmbeddingLoss", (), {"margin": 0.2}, [flat, image(3, 6, seed=1), np.array([1.0, -1.0, 1.0], "float32")]),
    ("MarginRankingLoss", (), {"margin": 0.2}, [flat, image(3, 6, seed=1), np.sign(flat)]),
    ("TripletMarginLoss", (), {"swap": True}, [flat, image(3, 6, seed=1), image(3, 6, seed=2)]),
    ("TripletMarginWithDistanceLoss", (), {"margin": 0.5}, [flat, image(3, 6, seed=1), image(3, 6, seed=2)]),
    ("AdaptiveLogSoftmaxWithLoss", (6, 10, [3, 6]), {"div_value": 2.0}, [image(8, 6), labels(8, 10)]),
]


def identifier(case):
    return f"{case[0]}-{LAYERS.index(case)}"


def outputs(value):
    """The tensors of a result, in order."""
    if isinstance(value, (flambeau.Tensor, torch.Tensor)):
        return [value]
    return [] if value is None else [t for v in value for t in outputs(v)]


def tensor(library, array):
    t = library.tensor(array.tolist(), dtype=getattr(library, str(array.dtype)))
    return t.requires_grad_() if array.dtype.kind == "f" else t


def build(case):
    name, args, kwargs, _ = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = getattr(flambeau.nn, name)(*args, **kwargs), getattr(torch.nn, name)(*args, **kwargs)
    copy_weights(theirs, ours)
    return ours, theirs


def array(t):
    return t.detach().cpu().numpy()


def sizes(module):
    return {key: tuple(value.shape) for key, value in module.state_dict().items()}


def copy_weights(theirs, ours):
    state = {
        key: flambeau.tensor(v.tolist(), dtype=getattr(flambeau, str(v.dtype)[6:])) for key, v in theirs.state_dict().items()
    }
    ours.load_state_dict(state)


def run(library, module, inputs, training, case):
    module.train(training)
    tensors = [tensor(library, array) for array in inputs]
    if case[0] == "SoftMarginLoss":
        tensors[1].requires_grad_(False)
    if len(inputs) > 1 and all(array is inputs[0] for array in inputs):
        tensors = tensors[:1] * len(inputs)
    inplace = case[2].get("inplace")
    result = module(*(t * 1 for t in tensors)) if inplace else module(*tensors)
    values = outputs(result)
    loss = sum((v.float() * (i + 1)).sin().sum() for i, v in enumerate(values) if v.requires_grad)
    if any(v.requires_grad for v in values):
        loss.backward()
    gradients = [t.grad for t in (*tensors, *module.parameters()) if t.requires_grad]
    return values, gradients, dict(module.named_buffers())


@pytest.mark.parametrize("case", LAYERS, ids=identifier)
def test_layer(case, device):
    with flambeau.device(device):
        check_layer(case, (True,) if device == "webgpu" else (True, False))


def check_layer(case, modes):
    ours, theirs = build(case)
    assert repr(ours) == repr(theirs)
    assert str(list(ours.state_dict())) == str(list(theirs.state_dict()))
    assert sizes(ours) == sizes(theirs)
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata
    random = any(word in repr(theirs) for word in ("Dropout", "RReLU"))
    for training in (False,) if random else modes:
        mine = run(flambeau, ours, case[3], training, case)
        expected = run(torch, theirs, case[3], training, case)
        assert len(mine[0]) == len(expected[0]) and len(mine[1]) == len(expected[1])
        for a, b in zip(mine[0], expected[0]):
            assert str(a.dtype) == str(b.dtype)
            np.testing.assert_allclose(array(a), array(b), **F32)
        for a, b in zip(mine[1], expected[1]):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(array(a), array(b), **F32)
        for key, b in expected[2].items():
            np.testing.assert_allclose(array(mine[2][key]), array(b), **F32)


@pytest.mark.parametrize("case", LAYERS, ids=identifier)
def test_copies(case):
    ours, _ = build(case)
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert repr(other) == repr(ours) and type(other) is type(ours)
        for (name, a), (other_name, b) in zip(ours.named_parameters(), other.named_parameters(), strict=True):
            assert name == other_name and a is not b and type(b) is flambeau.nn.Parameter and b.requires_grad == a.requires_grad
            assert a.tolist() == b.tolist()
        for (name, a), (other_name, b) in zip(ours.named_buffers(), other.named_buffers(), strict=True):
            assert (name, a.tolist()) == (other_name, b.tolist())


def test_every_layer_is_tested():
    tested = {case[0] for case in LAYERS}
    elsewhere = {
        "Container", "Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential",
        "RNNBase", "RNNCellBase",
        "TransformerEncoder", "TransformerDecoder", "CTCLoss", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d", "NLLLoss2d",
        "FractionalMaxPool2d", "FractionalMaxPool3d", "CrossMapLRN2d",
        "DataParallel", "SyncBatchNorm", "LinearCrossEntropyOptions",
    }  # fmt: skip
    layers = {n for n in flambeau.nn.modules.__all__ if isinstance(getattr(flambeau.nn, n), type)}
    assert {n for n in layers - tested - elsewhere if not n.startswith("Lazy")} == set()


@pytest.mark.parametrize(("size", "channels"), [(1, 3), (3, 2), (3, 7), (4, 7), (5, 9)])
def test_cross_map_normalisation(size, channels, device):
    """PyTorch's numbers, and their derivative (PyTorch's backward is of another formula)."""
    x, options = torch.rand(2, channels, 3, 2, dtype=torch.float64), {"alpha": 0.7, "beta": 0.6, "k": 1.5}
    mine, theirs = flambeau.nn.CrossMapLRN2d(size, **options), torch.nn.CrossMapLRN2d(size, **options)
    assert repr(mine) == repr(theirs)
    torch.testing.assert_close(to_torch(mine(to_flambeau(x, device))), theirs(x))
    assert flambeau.autograd.gradcheck(mine, to_flambeau(x, device).requires_grad_())
    with pytest.raises(ValueError, match="Expected input to be 4D, got 3D"):
        mine(to_flambeau(x[0], device))


def test_dropout_drops_in_training():
    flambeau.manual_seed(0)
    x = flambeau.ones(4, 8, 10, 10)
    for layer, per_channel in ((flambeau.nn.Dropout(0.25), False), (flambeau.nn.Dropout2d(0.25), True)):
        y = layer(x)
        kept = (y != 0).float()
        assert 0.55 < kept.mean().item() < 0.95
        assert abs(y.max().item() - 1 / 0.75) < 1e-6
        if per_channel:
            assert set(kept.mean((2, 3)).flatten().tolist()) <= {0.0, 1.0}


def test_unpooling():
    for n in (1, 2, 3):
        x = image(2, 3, *(6,) * n)
        found = []
        for library in (flambeau, torch):
            pooled, where = getattr(library.nn, f"MaxPool{n}d")(2, return_indices=True)(tensor(library, x))
            found.append(getattr(library.nn, f"MaxUnpool{n}d")(2)(pooled, where))
        np.testing.assert_array_equal(found[0].detach().numpy(), found[1].detach().numpy())


def test_fractional_pooling():
    samples = np.random.default_rng(0).random((2, 3, 2)).astype("float32")
    x = image(2, 3, 12, 11)
    found = []
    for library in (flambeau, torch):
        pool = library.nn.FractionalMaxPool2d((2, 3), output_size=(5, 4), _random_samples=library.tensor(samples.tolist()))
        found.append(pool(tensor(library, x)))
    np.testing.assert_array_equal(found[0].detach().numpy(), found[1].detach().numpy())


def test_ctc_loss():
    log_probs = image(12, 3, 5)
    found = []
    for library in (flambeau, torch):
        x = tensor(library, log_probs)
        targets, lengths = library.tensor(labels((3, 4), 4) + 1), library.tensor([4, 3, 1])
        loss = library.nn.CTCLoss()(x.log_softmax(2), targets, library.tensor([12, 10, 8]), lengths)
        loss.backward()
        found.append((loss.item(), x.grad.numpy()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5)
    np.testing.assert_allclose(found[0][1], found[1][1], **F32)


def test_transposed_convolution_to_a_size():
    for size in ([12], [2, 6, 12], [11]):
        found = []
        for library in (flambeau, torch):
            layer = library.nn.ConvTranspose1d(4, 6, 3, stride=3)
            try:
                found.append(tuple(layer(tensor(library, image(2, 4, 4)), output_size=size).shape))
            except ValueError as error:
                found.append(str(error))
        assert found[0] == found[1]


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("enforce_sorted", [True, False])
def test_packed_sequences(name, enforce_sorted):
    lengths = [5, 3, 3, 1] if enforce_sorted else [3, 5, 1, 3]
    x = image(5, 4, 6)
    ours, theirs = getattr(flambeau.nn, name)(6, 4, 2, bidirectional=True), getattr(torch.nn, name)(6, 4, 2, bidirectional=True)
    copy_weights(theirs, ours)
    found = []
    for library, module in ((flambeau, ours), (torch, theirs)):
        rnn = library.nn.utils.rnn
        t = tensor(library, x)
        packed = rnn.pack_padded_sequence(t, lengths, enforce_sorted=enforce_sorted)
        output, state = module(packed)
        padded, back = rnn.pad_packed_sequence(output, padding_value=-1.0, total_length=6)
        sum((v * v).sum() for v in (padded, *outputs(state))).backward()
        found.append([padded, *outputs(state), back, t.grad, packed.data, packed.batch_sizes])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **F32)


def test_sequences():
    parts = [image(3, 2), image(1, 2), image(2, 2)]
    for options in ({}, {"batch_first": True}, {"padding_value": 2.0, "padding_side": "left"}):
        found = [lib.nn.utils.rnn.pad_sequence([tensor(lib, p) for p in parts], **options) for lib in (flambeau, torch)]
        np.testing.assert_array_equal(found[0].detach().numpy(), found[1].detach().numpy())
    packed = flambeau.nn.utils.rnn.pack_sequence([tensor(flambeau, p) for p in parts], enforce_sorted=False)
    for a, b in zip(flambeau.nn.utils.rnn.unpack_sequence(packed), parts):
        np.testing.assert_array_equal(a.detach().numpy(), b)


def test_attention_masks():
    q, k = image(3, 4, 6), image(3, 5, 6)
    ours, theirs = flambeau.nn.MultiheadAttention(6, 2, batch_first=True), torch.nn.MultiheadAttention(6, 2, batch_first=True)
    copy_weights(theirs, ours)
    padding = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]], bool)
    masks = [np.triu(np.ones((4, 5), bool), 2), np.where(np.triu(np.ones((4, 5)), 2) > 0, -np.inf, 0.5).astype("float32")]
    for mask in masks:
        for options in ({}, {"average_attn_weights": False}, {"need_weights": False}):
            found = []
            for lib, module in ((flambeau, ours), (torch, theirs)):
                as_mask = lib.tensor(mask.tolist())
                pad = lib.tensor(padding.tolist()) if mask.dtype == bool else None
                found.append(
                    outputs(
                        module(tensor(lib, q), tensor(lib, k), tensor(lib, k), attn_mask=as_mask, key_padding_mask=pad, **options)
                    )
                )
            for a, b in zip(*found, strict=True):
                np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **F32)


LAZY = [
    ("LazyLinear", (5,), flat),
    ("LazyConv1d", (6, 3), x1),
    ("LazyConv2d", (6, 3), x2),
    ("LazyConv3d", (2, 3), x3),
    ("LazyConvTranspose1d", (6, 3), x1),
    ("LazyConvTranspose2d", (6, 3), x2),
    ("LazyConvTranspose3d", (2, 2), x3),
    ("LazyBatchNorm1d", (), x1),
    ("LazyBatchNorm2d", (), x2),
    ("LazyBatchNorm3d", (), x3),
    ("LazyInstanceNorm1d", (), x1),
    ("LazyInstanceNorm2d", (), x2),
    ("LazyInstanceNorm3d", (), x3),
]


@pytest.mark.parametrize("name, args, x", LAZY, ids=[case[0] for case in LAZY])
def test_lazy_modules(name, args, x):
    found = []
    for library in (flambeau, torch):
        module = getattr(library.nn, name)(*args)
        lazy = repr(module), list(module.state_dict())
        shape = tuple(module(library.tensor(x.tolist())).shape)
        found.append(
            (lazy, shape, repr(module), type(module).__name__, {k: tuple(v.shape) for k, v in module.state_dict().items()})
        )
        fresh = getattr(library.nn, name)(*args)
        fresh.load_state_dict(module.state_dict())
        if library is flambeau or "Instance" not in name:  # PyTorch's forgets the number of features here
            assert tuple(fresh(library.tensor(x.tolist())).shape) == shape
    assert found[0] == found[1]


def test_an_uninitialised_parameter_says_so():
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        _ = flambeau.nn.LazyLinear(3).weight.shape
