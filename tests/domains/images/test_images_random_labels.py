"""appnas.domains.images.random_labels: training images alone get them, once."""

import torch

from appnas.task import Locked


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
