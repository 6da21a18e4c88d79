"""Convolution and pooling. May import `flambeau.typing.signatures.table`."""

from __future__ import annotations

from flambeau.typing.signatures.table import INPUT, add

for _n in (1, 2, 3):
    for _bias in ("None = None", "Tensor[D, V, U]"):
        _operands = f"input: Tensor[D, V, S], weight: Tensor[D, V, W], bias: {_bias}"
        _result = "Tensor[D, V, {}]" if _bias.startswith("None") else "Tensor[D, V, with_bias({}, W, U, 1)]"
        _windows = "stride: Axes1 = 1, padding: {} = {}, dilation: Axes3 = 1, groups: Size = 1"
        add(f"conv{_n}d", "tf", f"{_operands}, {_windows.format('Axes2', '0')}", _result.format(
             f"conv(S, W, spread(Axes1, {_n}), twice(spread(Axes2, {_n})), spread(Axes3, {_n}), Size, {_n})"))  # fmt: skip
        add(f"conv{_n}d", "tf", f"{_operands}, {_windows.format('Text', repr('valid'))}", _result.format(
             f"conv(S, W, spread(Axes1, {_n}), string_padding(Text, kernel_of(W), spread(Axes3, {_n}), "
             f"spread(Axes1, {_n})), spread(Axes3, {_n}), Size, {_n})"))  # fmt: skip
    _operands = "input: Tensor[D, V, S], weight: Tensor[D, V, W], bias: Tensor[D, V] | None = None"
    add(f"conv_transpose{_n}d", "tf",
         f"{_operands}, stride: Axes1 = 1, padding: Axes2 = 0, output_padding: Axes4 = 0, groups: Size = 1, dilation: Axes3 = 1",
         f"Tensor[D, V, conv_transpose(S, W, spread(Axes1, {_n}), twice(spread(Axes2, {_n})), spread(Axes4, {_n}), "
         f"spread(Axes3, {_n}), Size, {_n})]")  # fmt: skip
    _kernel = f"spread(Axes1, {_n})"
    _strides = f"spread_or(Axes2, {_kernel})"
    _pooled = f"pool(S, {_kernel}, {_strides}, twice(spread(Axes3, {_n})), spread(Axes4, {_n}), Keep, {_n})"
    _pooling = (
        f"{INPUT}, kernel_size: Axes1, stride: Axes2 = None, padding: Axes3 = 0, dilation: Axes4 = 1, ceil_mode: Keep = False"
    )
    add(f"max_pool{_n}d", "tf", f"{_pooling}, return_indices: Literal[False] = False", f"Tensor[D, V, {_pooled}]")
    add(f"max_pool{_n}d", "f", f"{_pooling}, *, return_indices: Literal[True]",
         f"tuple[Tensor[D, V, {_pooled}], Tensor[int64, V, {_pooled}]]")  # fmt: skip
    add(f"max_unpool{_n}d", "f",
         "input: Tensor[D, V, S], indices: Tensor[int64, V, T], kernel_size: Axes1, stride: Axes2 = None, padding: Axes3 = 0, "
         "output_size: None = None", f"Tensor[D, V, unpool(S, T, {_kernel}, {_strides}, spread(Axes3, {_n}), {_n})]")  # fmt: skip
    add(f"max_unpool{_n}d", "f",
         "input: Tensor[D, V, S], indices: Tensor[int64, V], kernel_size: Any, stride: Any = None, padding: Any = 0, "
         "output_size: Any = None", "Tensor[D, V]")  # fmt: skip
    add(f"avg_pool{_n}d", "tf" if _n == 1 else "f",
         f"{INPUT}, kernel_size: Axes1, stride: Axes2 = None, padding: Axes3 = 0, ceil_mode: Keep = False, "
         "count_include_pad: bool = True" + (", divisor_override: int | None = None" if _n > 1 else ""),
         f"Tensor[D, V, pool(S, {_kernel}, {_strides}, twice(spread(Axes3, {_n})), spread(1, {_n}), Keep, {_n})]")  # fmt: skip
    add(f"lp_pool{_n}d", "f",
         f"{INPUT}, norm_type: float, kernel_size: Axes1, stride: Axes2 = None, ceil_mode: Keep = False",
         f"Tensor[D, V, pool(S, {_kernel}, {_strides}, twice(spread(0, {_n})), spread(1, {_n}), Keep, {_n})]")  # fmt: skip
    add(f"adaptive_avg_pool{_n}d adaptive_max_pool{_n}d", "f", f"{INPUT}, output_size: Axes1",
         f"Tensor[D, V, replace_last(S, spread_or(Axes1, last_sizes(S, {_n})), {_n})]")  # fmt: skip
