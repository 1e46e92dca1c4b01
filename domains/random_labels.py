"""Random labels: what a search without labels (RLNAS, arXiv 2101.11834) asks of a domain.

They are drawn once, uniformly, for every training example, so a network can memorise them. Validation data keep theirs.
"""

from __future__ import annotations

import torch
from torch import Tensor


def random_like(y: Tensor, count: int, seed: int) -> Tensor:
    """Labels of the same shape, uniform: one of `count` classes for integers, 0 or 1 for each label of a set."""
    drawn = torch.randint(count if y.dim() == 1 else 2, y.shape, generator=torch.Generator().manual_seed(seed))
    return drawn.to(y)
