"""appnas.domains.graphs.random_labels: nodes and whole graphs to train on get them."""

import torch
from conftest import ring_data

from appnas.domains.graphs import Graphs


def test_nodes_and_graphs(ring):
    other = ring.random_labels(0)
    ours, theirs = other._whole["train"], ring._whole["train"]
    assert ours.y.shape == theirs.y.shape and not torch.equal(ours.y, theirs.y)
    assert other._whole["valid"] is ring._whole["valid"]
    data = [ring_data(nodes=12) for _ in range(12)]
    several = Graphs(data)
    mixed = several.random_labels(1)
    assert ring.fingerprint != other.fingerprint and several.fingerprint != several.random_labels(1).fingerprint
    batch = next(mixed.batches("train", torch.Generator().manual_seed(0)))
    same = next(several.batches("train", torch.Generator().manual_seed(0)))
    assert torch.equal(batch.x, same.x) and batch.y.shape == same.y.shape and not torch.equal(batch.y, same.y)
