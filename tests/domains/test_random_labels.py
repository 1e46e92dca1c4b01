"""appnas.domains.random_labels: random labels are drawn once, uniformly, for training data alone."""

import pytest
import torch
from conftest import ring_data

from appnas.domains.graphs import Graphs
from appnas.domains.random_labels import random_like
from appnas.task import Locked


def test_uniform():
    counts = torch.bincount(random_like(torch.zeros(10_000, dtype=torch.long), 10, 0)) / 10_000
    torch.testing.assert_close(counts, torch.full((10,), 0.1), atol=0.02, rtol=0)
    sets = random_like(torch.zeros(500, 4), 4, 0)
    assert sets.dtype == torch.float32 and 0.4 < float(sets.mean()) < 0.6


def test_a_domain_without_them_says_so(regression):
    with pytest.raises(TypeError, match=r"random_labels.*Regression"):
        Locked(regression).random_labels(0)


def test_images_keep_the_labels_that_they_drew(digits):
    other = digits.random_labels(3)
    labels, true = other._splits["train"][1], digits._splits["train"][1]
    assert labels.shape == true.shape and not torch.equal(labels, true)
    assert torch.equal(labels, digits.random_labels(3)._splits["train"][1])
    assert not torch.equal(labels, digits.random_labels(4)._splits["train"][1])
    assert other._splits["valid"] is digits._splits["valid"] and other.fingerprint != digits.fingerprint
    pairs = [{}, {}]
    for seen, seed in zip(pairs, (0, 1), strict=True):
        still = Locked(digits).random_labels(3)
        for x, y in still.batches("train", torch.Generator().manual_seed(seed)):
            seen.update({float(image.double().abs().sum()): int(label) for image, label in zip(x, y, strict=True)})


def test_nodes_and_graphs(ring):
    other = ring.random_labels(0)
    ours, theirs = other._whole["train"], ring._whole["train"]
    assert ours.y.shape == theirs.y.shape and not torch.equal(ours.y, theirs.y)
    assert other._whole["valid"] is ring._whole["valid"]
    data = [ring_data(nodes=12) for _ in range(12)]
    for graph in data:
        graph.train_mask = graph.val_mask = graph.test_mask = None
    several = Graphs(data)
    mixed = several.random_labels(1)
    assert ring.fingerprint != other.fingerprint and several.fingerprint != several.random_labels(1).fingerprint
    batch = next(mixed.batches("train", torch.Generator().manual_seed(0)))
    same = next(several.batches("train", torch.Generator().manual_seed(0)))
    assert torch.equal(batch.x, same.x) and batch.y.shape == same.y.shape and not torch.equal(batch.y, same.y)
