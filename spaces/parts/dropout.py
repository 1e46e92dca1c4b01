"""Dropout whose random numbers are cheap: torch's own draws them one by one in double precision on a processor."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

FINE = 2**16
"""Steps of the rate: four elements share a draw of 64 random bits."""


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """As `torch.nn.functional.dropout`, with a rate rounded to 1/65536; on CUDA, where that is one kernel, its own.

    On a processor about four times as fast: a third less time for an epoch of a deep network on a small graph.
    Shapes: any; returns the same.

    Raises:
        ValueError: a rate outside [0, 1].
    """
    kept = round((1 - rate) * FINE)
    if not training or not 0 < kept < FINE or x.is_cuda or torch.compiler.is_compiling():
        return functional.dropout(x, rate, training)
    draws = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device).random_(-(2**63), None)
    kept_here = draws.view(torch.int16)[: x.numel()].view(x.shape) < kept - FINE // 2
    return x * kept_here.to(x.dtype).mul_(FINE / kept)
