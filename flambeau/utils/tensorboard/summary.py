"""TensorBoard's summaries of values: the messages that a log is made of.

Names, tags and metadata are those by which TensorBoard's plugins find them (`tensorboard.plugins`). Values are tensors, arrays or
numbers. May import `flambeau.tensor`.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData
from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData

from flambeau.tensor import Tensor

__all__ = [
    "as_array", "audio", "histogram", "histogram_raw", "hparams", "image", "make_grid", "pr_curve", "pr_curve_raw", "scalar",
    "text",
]  # fmt: skip

_LEAST = 1e-7
"""By this a quotient's denominator is kept off zero."""


def as_array(value: Any) -> np.ndarray:
    """A tensor, array or number as an array."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        return (value.float() if value.dtype.itemsize == 2 else value).numpy()
    return np.asarray(value)


def _one(tag: str, **content: Any) -> Any:
    return Summary(value=[Summary.Value(tag=tag, **content)])


def _metadata(plugin: str, content: bytes = b"") -> Any:
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content))


def scalar(name: str, tensor: Any, new_style: bool = False, double_precision: bool = False) -> Any:
    """One number."""
    array = as_array(tensor).squeeze()
    if array.ndim != 0:
        raise AssertionError(f"Tensor should contain one element (0 dimensions), but {name} has the shape {list(array.shape)}")
    number = float(array)
    if not new_style:
        return _one(name, simple_value=number)
    values: dict[str, Any] = {"double_val": [number], "dtype": "DT_DOUBLE"}
    if not double_precision:
        values = {"float_val": [number], "dtype": "DT_FLOAT"}
    return _one(name, tensor=TensorProto(**values), metadata=_metadata("scalars"))


def histogram(name: str, values: Any, bins: Any, max_bins: int | None = None) -> Any:
    """How many of `values` are in each of `bins` (edges, or what `numpy.histogram` takes for them), of which neighbours are put
    together where there are more than `max_bins`."""
    array = as_array(values).astype(float).reshape(-1)
    if array.size == 0:
        raise ValueError("The input has no element.")
    counts, limits = np.histogram(array, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        each = len(counts) // max_bins
        counts = np.pad(counts, (0, -len(counts) % each)).reshape(-1, each).sum(-1)
        limits = np.append(limits[:-1:each], limits[-1])
    filled = np.flatnonzero(counts)
    if not filled.size:
        raise ValueError(f"{name}: no value is in any of the bins")
    first, last = filled[0], filled[-1]
    below = [0] if first == 0 else [counts[first - 1]]  # only right edges are stored: an empty bin gives the first left one
    return histogram_raw(
        name, array.min(), array.max(), array.size, array.sum(), array @ array, limits[first : last + 2],
        [*below, *counts[first : last + 1]],
    )  # fmt: skip


def histogram_raw(
    name: str, min: float, max: float, num: float, sum: float, sum_squares: float, bucket_limits: Any, bucket_counts: Any
) -> Any:
    """A histogram of which everything is known."""
    histo = HistogramProto(
        min=min, max=max, num=num, sum=sum, sum_squares=sum_squares, bucket_limit=list(bucket_limits), bucket=list(bucket_counts)
    )
    return _one(name, histo=histo)


def make_grid(images: np.ndarray, columns: int = 8) -> np.ndarray:
    """[N, C, H, W] with 1 or 3 channels → [3, H·rows, W·columns]: the images in rows."""
    count, _, height, width = images.shape
    columns = min(count, columns)
    rows = -(-count // columns)
    cells = np.zeros((rows * columns, 3, height, width), images.dtype)
    cells[:count] = images
    return cells.reshape(rows, columns, 3, height, width).transpose(2, 0, 3, 1, 4).reshape(3, rows * height, columns * width)


def _as_hwc(array: np.ndarray, dataformats: str) -> np.ndarray:
    """An image, or a batch of them as a grid, as [H, W, channels] with at least 3 channels."""
    form = dataformats.upper()
    if len(set(form)) != len(form):
        raise AssertionError(f"You can not use the same dimension shorthand twice. input_format: {dataformats}")
    if array.ndim != len(form):
        raise AssertionError(f"an image of shape {list(array.shape)} has not the dimensions {dataformats!r}")
    if len(form) == 4:
        return make_grid(array.transpose([form.index(c) for c in "NCHW"])).transpose(1, 2, 0)
    if len(form) == 2:
        return np.stack([array.transpose([form.index(c) for c in "HW"])] * 3, 2)
    array = array.transpose([form.index(c) for c in "HWC"])
    return np.concatenate([array] * 3, 2) if array.shape[2] == 1 else array


def image(tag: str, tensor: Any, rescale: float = 1, dataformats: str = "CHW") -> Any:
    """An image as PNG; numbers are from 0 to 255 if their type is uint8, else from 0 to 1."""
    from PIL import Image

    array = _as_hwc(as_array(tensor), dataformats)
    scale = 1 if array.dtype == np.uint8 else 255
    pixels = (array.astype(np.float32) * scale).clip(0, 255).astype(np.uint8)
    height, width, channels = pixels.shape
    picture = Image.fromarray(pixels)
    if rescale != 1:
        picture = picture.resize((int(width * rescale), int(height * rescale)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, format="PNG")
    content = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=file.getvalue())
    return _one(tag, image=content)


def audio(tag: str, tensor: Any, sample_rate: int = 44100) -> Any:
    """A sound of one channel, its samples from -1 to 1, as WAV."""
    samples = as_array(tensor).squeeze()
    if samples.ndim != 1:
        raise AssertionError(f"input tensor should be 1 dimensional, but has the shape {list(samples.shape)}")
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes((samples.clip(-1, 1) * np.iinfo(np.int16).max).astype("<i2").tobytes())
    content = Summary.Audio(
        sample_rate=sample_rate, num_channels=1, length_frames=len(samples), encoded_audio_string=file.getvalue(),
        content_type="audio/wav",
    )  # fmt: skip
    return _one(tag, audio=content)


def text(tag: str, text: str) -> Any:
    """A text, in Markdown."""
    content = TensorProto(
        dtype="DT_STRING", string_val=[text.encode()], tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    )
    plugin = TextPluginData(version=0).SerializeToString()
    return _one(f"{tag}/text_summary", tensor=content, metadata=_metadata("text", plugin))


def pr_curve(tag: str, labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None) -> Any:
    """Precision and recall of `predictions` (from 0 to 1) of binary `labels` at thresholds that lie evenly."""
    count = min(num_thresholds, 127)
    true, probability = as_array(labels).astype(float).reshape(-1), as_array(predictions).astype(float).reshape(-1)
    weight = np.ones_like(true) if weights is None else as_array(weights).astype(float).reshape(-1)
    place = np.floor(probability * (count - 1)).astype(int)
    positive, negative = (np.cumsum(np.bincount(place, part, count)[::-1])[::-1] for part in (true * weight, (1 - true) * weight))
    missed, rejected = positive[0] - positive, negative[0] - negative
    precision = positive / np.maximum(_LEAST, positive + negative)
    recall = positive / np.maximum(_LEAST, positive + missed)
    return pr_curve_raw(tag, positive, negative, rejected, missed, precision, recall, count)


def pr_curve_raw(
    tag: str,
    true_positive_counts: Any,
    false_positive_counts: Any,
    true_negative_counts: Any,
    false_negative_counts: Any,
    precision: Any,
    recall: Any,
    num_thresholds: int = 127,
    weights: Any = None,
) -> Any:
    """A curve of which everything is known; `weights` is PyTorch's argument, and unused there, too."""
    parts: Sequence[Any] = (
        true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts, precision, recall,
    )  # fmt: skip
    data = np.stack([as_array(part) for part in parts])
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in data.shape])
    content = TensorProto(dtype="DT_FLOAT", float_val=data.reshape(-1).tolist(), tensor_shape=shape)
    plugin = PrCurvePluginData(version=0, num_thresholds=min(num_thresholds, 127)).SerializeToString()
    return _one(tag, tensor=content, metadata=_metadata("pr_curves", plugin))


def hparams(
    hparam_dict: dict[str, Any], metric_dict: dict[str, Any], hparam_domain_discrete: dict[str, list[Any]] | None = None
) -> tuple[Any, Any, Any]:
    """Three messages: what a group of runs varies and measures, the begin of a run with its settings, and its end."""
    domains = hparam_domain_discrete or {}
    for name, argument in (("hparam_dict", hparam_dict), ("metric_dict", metric_dict), ("hparam_domain_discrete", domains)):
        if not isinstance(argument, dict):
            raise TypeError(f"parameter: {name} should be a dictionary, nothing logged.")
    for name, values in domains.items():
        given = type(hparam_dict.get(name))
        if name not in hparam_dict or not isinstance(values, list) or not all(isinstance(v, given) for v in values):
            raise TypeError(f"parameter: hparam_domain_discrete[{name}] should be a list of same type as hparam_dict[{name}].")
    start = plugin_data_pb2.SessionStartInfo()
    infos = []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        number = as_array(value).item() if isinstance(value, Tensor) else value
        if isinstance(number, (int, float)):  # bool, too, as PyTorch has it
            kind, field = "DATA_TYPE_FLOAT64", "number_value"
        elif isinstance(number, str):
            kind, field = "DATA_TYPE_STRING", "string_value"
        else:
            raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")
        setattr(start.hparams[name], field, number)
        info = api_pb2.HParamInfo(name=name, type=api_pb2.DataType.Value(kind))
        if name in domains:
            info.domain_discrete.extend(domains[name])
        infos.append(info)
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name)) for name in metric_dict]
    contents = (
        (metadata.EXPERIMENT_TAG, {"experiment": api_pb2.Experiment(hparam_infos=infos, metric_infos=metrics)}),
        (metadata.SESSION_START_INFO_TAG, {"session_start_info": start}),
        (
            metadata.SESSION_END_INFO_TAG,
            {"session_end_info": plugin_data_pb2.SessionEndInfo(status=api_pb2.Status.Value("STATUS_SUCCESS"))},
        ),
    )
    found = []
    for tag, content in contents:
        data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)
        found.append(_one(tag, metadata=_metadata(metadata.PLUGIN_NAME, data.SerializeToString())))
    return found[0], found[1], found[2]
