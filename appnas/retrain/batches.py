"""Whether networks can be trained on the smallest batch that they will meet: batch norm refuses a single value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from appnas.task import Supervised

ALONE = "more than 1 value per channel"
"""What torch's batch norm says of a single value."""


def smallest(domain: Any, split: str) -> int | None:
    """Examples in the smallest batch of an epoch, as far as it is known without reading; None if it is not."""
    options = getattr(domain, "options", None)
    if isinstance(domain, Supervised) and hasattr(domain, "parts"):
        try:
            return min(map(len, domain.parts(split, torch.Generator().manual_seed(0))))
        except ValueError:  # no such split, or iterable data without a length
            return None
    size = getattr(options, "final_batch", None) if split == "all" else None
    return size or getattr(options, "batch", None)


def check_batches(model: Callable[[], Callable[..., Any]], domain: Any, split: str, who: str) -> None:
    """Pass one example in training mode, if some batch of a split has no more.

    Args:
        model: makes a network, called only then.
        domain: gives the example.
        split: "train", or "all" for what follows a search.
        who: the network, as a message names it.

    Raises:
        ValueError: a batch norm has a single value for a channel then.
    """
    if smallest(domain, split) != 1:
        return
    network = model()
    if isinstance(network, nn.Module):
        network.train()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            network(*domain.example(1))
    except ValueError as error:
        if ALONE not in str(error):
            raise
        name = "final_batch" if split == "all" else "batch"
        raise ValueError(
            f"{who} has a batch norm that sees one value a channel in a batch of one example ({error}), and batches of"
            f" the split {split!r} have one at the least: choose Options({name}=...) of 2 or more, so that no single"
            " example is left for the last batch"
        ) from error
