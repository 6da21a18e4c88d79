"""Arguments in unusual forms, degenerate sizes and extreme numbers: the same result or the same kind of error as PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.functional.comparison import Cases, integers, normal, run_cases, uniform


def convolution(cases: Cases) -> None:
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), stride=[2, 1])
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), stride=torch.Size([2, 1]))
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), stride=(2,))
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), stride=np.int64(2))
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), None, 1, (1,))
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), padding=(1, 2, 3))
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), stride=True)
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), stride=())
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), stride=None)
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), groups=1.0)
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), padding=None)
    cases("conv2d", input=normal(2, 4, 6, 5), weight=normal(3, 4, 3, 3))
    cases("conv2d", normal(2, 4, 6, 5))
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), foo=1)
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), padding=torch.tensor(1))
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), normal(1, 3))
    cases("conv2d", normal(0, 4, 6, 5), normal(3, 4, 3, 3), normal(3))
    cases("conv2d", normal(4, 6, 5), normal(3, 4, 3, 3), normal(3), 2, 1)
    cases("conv2d", normal(2, 4, 6), normal(3, 4, 3))
    cases("conv1d", normal(2, 4, 6, 5), normal(3, 4, 3))
    cases("conv3d", normal(2, 4, 6, 5), normal(3, 4, 3))
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), dilation=-1)
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 4, 3, 3), groups=-1)
    cases("conv2d", normal(2, 4, 6, 5), normal(3, 2, 3, 3), groups=3)
    cases("conv_transpose2d", normal(2, 4, 6, 5), normal(4, 3, 3, 3), stride=2, output_padding=[1, 0])
    cases("conv_transpose2d", normal(2, 4, 6, 5), normal(4, 3, 3, 3), padding="same")
    cases("conv_transpose2d", normal(2, 4, 6, 5), normal(4, 3, 3, 3), output_padding=-1)


def pooling(cases: Cases) -> None:
    cases("max_pool2d", normal(2, 4, 6, 5), (2, 2), [])
    cases("max_pool2d", normal(2, 4, 6, 5), 2, stride=None)
    cases("max_pool2d", normal(2, 4, 6, 5), [2, 1], (1, 2))
    cases("max_pool2d", normal(2, 4, 6, 5), torch.Size([2, 2]))
    cases("max_pool2d", normal(2, 4, 6, 5), 2.0)
    cases("max_pool2d", normal(2, 4, 6, 5), kernel_size=2, stride=2, return_indices=True)
    cases("max_pool2d", normal(2, 4, 6, 5), 2, dilation=0)
    cases("max_pool2d", integers(9, 1, 4, 4), 2)
    cases("max_pool2d", normal(2, 4, 6, 5), 2, padding=-1)
    cases("avg_pool2d", integers(9, 1, 4, 4), 2)
    cases("avg_pool1d", normal(3, 8), 2)
    cases("adaptive_avg_pool2d", normal(2, 4, 6, 5), torch.Size([2, 3]))
    cases("adaptive_avg_pool2d", normal(2, 4, 6, 5), (2, 3, 4))
    cases("adaptive_avg_pool2d", normal(2, 4, 6, 5), -1)
    cases("adaptive_avg_pool2d", normal(6, 5), 2)
    cases("adaptive_avg_pool1d", normal(2, 4, 7), (3,))
    cases("avg_pool2d", normal(2, 4, 6, 5), 2, 0)
    cases("lp_pool2d", normal(1, 2, 4, 4), 2, 2)
    cases("lp_pool1d", normal(2, 8), 1.5, 2)


def images(cases: Cases) -> None:
    cases("pad", normal(2, 3), (1, -1, 0, 2))
    cases("pad", normal(2, 3), [1, 1], "constant", 2)
    cases("pad", normal(2, 3, 4), (1, -1), "reflect")
    cases("pad", normal(2, 3, 4), (-1, 2), "replicate")
    cases("pad", normal(2, 3, 4), (-1, -1), "replicate")
    cases("pad", normal(2, 3, 4), (1, -1), "circular")
    cases("pad", normal(2, 3, 4), (3, 0), "reflect")
    cases("pad", normal(2, 3, 4), (4, 4), "circular")
    cases("pad", integers(5, 3).bool(), (1, 1))
    cases("pad", normal(3), ())
    cases("pad", normal(2, 3, 4), (1, 1), value=float("-inf"))
    cases("interpolate", normal(1, 2, 4, 4), scale_factor=(2, 1.5))
    cases("interpolate", normal(1, 2, 4, 4), size=[8, 6])
    cases("interpolate", normal(1, 2, 4, 4), size=(8,))
    cases("interpolate", normal(1, 2, 4, 4), size=torch.Size([3, 3]), mode="bilinear")
    cases("interpolate", normal(1, 2, 4, 4), scale_factor=0.1)
    cases("interpolate", integers(9, 1, 2, 4, 4), scale_factor=2, mode="bilinear")
    cases("interpolate", normal(1, 2, 4, 4), size=3, mode="bicubic", align_corners=True)
    cases("interpolate", normal(1, 2, 4, 4), size=0)
    cases("interpolate", normal(1, 2, 7, 5), scale_factor=1 / 3)
    cases("interpolate", normal(1, 2, 7, 5), scale_factor=3.3, mode="nearest-exact")
    cases("interpolate", normal(1, 2, 4, 4, dtype=torch.float32), scale_factor=2.5, mode="bicubic")
    cases("interpolate", normal(1, 2, 9, 9, dtype=torch.float32), size=4, mode="bilinear", antialias=True)
    cases("pixel_shuffle", normal(4, 2, 2), 2)
    cases("pixel_shuffle", normal(4, 2, 2), 0)
    cases("unfold", normal(1, 2, 4), 2)
    cases("fold", normal(1, 4, 4), 4, 2, stride=2)
    cases("grid_sample", normal(1, 1, 3, 3), normal(2, 2, 2, 2), align_corners=False)
    cases("grid_sample", normal(1, 1, 3, 3), normal(1, 2, 2, 2, dtype=torch.float32), align_corners=False)


def layers(cases: Cases) -> None:
    cases("embedding", torch.tensor(2), normal(5, 3))
    cases("embedding", torch.tensor(-1), normal(5, 3))
    cases("embedding", integers(3, 0), normal(5, 3))
    cases("embedding", integers(5, 3), normal(5))
    cases("one_hot", torch.tensor(3))
    cases("one_hot", integers(3, 0), 4)
    cases("one_hot", integers(3, 0))
    cases("one_hot", integers(3, 2).int())
    cases("layer_norm", normal(2, 3), 3)
    cases("layer_norm", normal(2, 3), torch.Size([3]))
    cases("layer_norm", normal(2, 3), (3,), normal(2))
    cases("layer_norm", normal(2, 3), ())
    cases("normalize", normal(2, 3, 4), 2, (1, 2))
    cases("normalize", normal(3), dim=0)
    cases("batch_norm", normal(2, 3), normal(3, grad=False), uniform(3, grad=False), momentum=0.0, training=True)
    cases("batch_norm", normal(3), normal(3, grad=False), uniform(3, grad=False))
    cases("batch_norm", normal(2, 3), None, None)
    cases("batch_norm", normal(2, 3, dtype=torch.float32), normal(3, grad=False), uniform(3, grad=False))
    cases("group_norm", normal(2, 6, 3), 2, normal(5))
    cases("rms_norm", normal(2, 3), [3], eps=1e-3)
    cases("rms_norm", normal(2, 3), (2,))
    cases(
        "batch_norm",
        normal(2, 3, dtype=torch.bfloat16),
        normal(3, grad=False, dtype=torch.float32),
        uniform(3, grad=False, dtype=torch.float32),
        normal(3, dtype=torch.float32),
        normal(3, dtype=torch.float32),
        True,
        second=False,
    )
    cases("layer_norm", integers(3, 2, 3), (3,))
    cases("linear", normal(2, 3), normal(4, 3).t())
    cases("linear", integers(3, 2, 3), integers(3, 4, 3))
    cases("linear", normal(2, 3), [1])
    cases("linear", normal(), normal(3, 3))
    cases("bilinear", normal(3), normal(2), normal(4, 3, 2))
    cases("cosine_similarity", normal(3), normal(3), 0)
    cases("cosine_similarity", normal(2, 3), normal(2, 3), 2)
    cases("cosine_similarity", integers(3, 2, 3), integers(3, 2, 3))
    cases("pairwise_distance", normal(3), normal(3))
    cases("scaled_dot_product_attention", normal(4, 3), normal(5, 3), normal(5, 2))
    cases("scaled_dot_product_attention", normal(4, 3), normal(5, 3), normal(4, 2))
    cases("scaled_dot_product_attention", normal(2, 4, 3), normal(5, 3), normal(5, 2))


def losses(cases: Cases) -> None:
    cases("cross_entropy", normal(3), torch.tensor(1))
    cases("cross_entropy", normal(2, 3), uniform(2, 3).float())
    cases("cross_entropy", normal(2, 3, 4), integers(3, 2, 5))
    cases("cross_entropy", normal(2, 3), integers(3, 2), ignore_index=7)
    cases("cross_entropy", normal(2, 3), integers(3, 2).to(torch.uint8))
    cases("nll_loss", normal(2, 3), integers(3, 2), uniform(3, grad=False), reduction="sum")
    cases("nll_loss", normal(2, 3), integers(3, 2), uniform(4, grad=False))
    cases("mse_loss", normal(2, 3), integers(3, 2, 3))
    cases("mse_loss", integers(3, 2), integers(3, 2))
    cases("l1_loss", integers(3, 2), integers(3, 2), reduction="sum")
    cases("binary_cross_entropy", uniform(3), integers(2, 3).double())
    cases("binary_cross_entropy", uniform(3), integers(2, 3))
    cases("kl_div", normal(3), uniform(3), reduction="none")
    cases("huber_loss", normal(3), normal(3), weight=uniform(3))
    cases("mse_loss", normal(3), normal(3), weight=uniform(3))
    cases("mse_loss", normal(3), normal(3), weight=uniform(2))
    cases("l1_loss", normal(3), normal(3), weight=uniform(3), reduction="none")
    cases("smooth_l1_loss", normal(3), normal(3), beta=0)
    cases("triplet_margin_loss", normal(3, 4), normal(3, 4), normal(4))
    cases("cosine_embedding_loss", normal(3, 4), normal(3, 4), torch.ones(4))
    cases("mse_loss", normal(0), normal(0))
    cases("l1_loss", normal(0), normal(0), reduction="sum")


def activations(cases: Cases) -> None:
    cases("softmax", normal(2, 3), -1)
    cases("softmax", normal(2, 3), -3)
    cases("softmax", normal(2, 3), 1.0)
    cases("gelu", normal(3), "tanh")
    cases("relu", integers(5, 3).bool())
    cases("glu", normal(3), 1)
    cases("dropout", normal(3), 0.0)
    cases("dropout", normal(3), 1.0)
    cases("dropout", normal(3), 0.3, False)
    cases("dropout", normal(3), -0.1)
    cases("threshold", normal(3), 0, 0)
    cases("leaky_relu", normal(3), -0.1)
    cases("softplus", normal(3), beta=-1)
    cases("hardtanh", integers(5, 3), 0, 2)
    cases("logsigmoid", torch.tensor([-1000.0, 1000.0]))
    cases("softplus", torch.tensor([-1000.0, 1000.0, 19.0, 21.0]))
    cases("mish", torch.tensor([-1000.0, 1000.0]))
    cases("silu", torch.tensor([-1000.0, 1000.0]))
    cases("elu", torch.tensor([-1000.0, 1000.0]))
    cases("log_softmax", torch.tensor([[1000.0, 0], [-1000.0, -1000.0]]), 1)
    cases("gelu", torch.tensor([-20.0, 20.0, -5.0]))
    cases("tanhshrink", torch.tensor([1e-4]))
    cases("celu", normal(3), alpha=-1.0)


@pytest.mark.parametrize("build", [convolution, pooling, images, layers, losses, activations])
def test_unusual_calls(build):
    run_cases(build, "reference")
