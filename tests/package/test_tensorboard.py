"""`SummaryWriter` writes the events that PyTorch's writes."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

import flambeau

pytest.importorskip("tensorboard")


def log(library, writer, folder):
    """What a run logs of everything; gives its events, without times and without what is text of a proto map in any order."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    r = np.random.RandomState(0)
    x = library.from_numpy(r.randn(50, 4).astype("float32"))
    images = library.from_numpy(r.rand(11, 3, 8, 6).astype("float32"))
    labels, predictions = library.from_numpy(r.randint(0, 2, 100)), library.from_numpy(r.rand(100))
    with writer(str(folder), purge_step=3) as w:
        w.add_scalar("loss", library.tensor(0.5), 1)
        w.add_scalar("loss", library.tensor(0.5, dtype=library.bfloat16), 2, new_style=True)
        w.add_scalar("loss", 2, 3, new_style=True, double_precision=True)
        w.add_scalars("a/b", {"x": 1.0, "y": np.float32(2)}, 0)
        w.add_histogram("weights", x, 0)
        w.add_histogram("weights", x, 1, bins="auto")
        w.add_histogram("weights", x, 2, bins=100, max_bins=7)
        w.add_histogram_raw("raw", 0, 1, 2, 3, 4, [1, 2], [3, 4])
        w.add_image("image", images[0], 0)
        w.add_image("gray", (images[0, 0] * 255).to(library.uint8), dataformats="HW")
        w.add_images("batch", images[:, :1], 0)
        w.add_text("text", "hello **x**", 0)
        w.add_pr_curve("curve", labels, predictions, 0, num_thresholds=20)
        w.add_audio("sound", predictions * 2 - 1)
        w.add_hparams({"lr": 0.1}, {"accuracy": library.tensor(0.5)}, {"lr": [0.1, 0.2]}, run_name="settings")
    found = []
    for where, _, files in sorted(os.walk(folder)):
        for file in files:
            for event in LegacyEventFileLoader(os.path.join(where, file)).Load():
                if not event.HasField("source_metadata"):
                    event.wall_time = 0
                    found.append((os.path.relpath(where, folder), event))
    return found


def test_events(tmp_path):
    from torch.utils import tensorboard as theirs

    from flambeau.utils import tensorboard as ours

    expected = log(torch, theirs.SummaryWriter, tmp_path / "theirs")
    assert log(flambeau, ours.SummaryWriter, tmp_path / "ours") == expected and len(expected) > 20


def test_refusals(tmp_path):
    from flambeau.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        with pytest.raises(AssertionError, match="one element"):
            writer.add_scalar("x", flambeau.ones(2))
        with pytest.raises(AssertionError, match="dimensions"):
            writer.add_image("x", flambeau.ones(3, 4))
        with pytest.raises(ValueError, match="no element"):
            writer.add_histogram("x", flambeau.ones(0))
        with pytest.raises(TypeError, match="metric_dict"):
            writer.add_hparams({"lr": 1}, 0.5)
