"""appnas.domains.random_labels: random labels are drawn once, uniformly, for training data alone."""

import pytest
import torch

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
