"""Where the time of a search went, in words: its parts, their shares, and what to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appnas.compute.spent import REST, Count, begin, spent
from appnas.loop.workers import processors

__all__ = ["PARTS", "Count", "advice", "begin", "listed_parts", "spent"]

PARTS = {
    "data": "data: batches read, augmented, moved",
    "forward": "forward passes of trainings",
    "backward": "backward passes of trainings",
    "gates": "gates: their backward pass and step",
    "weights": "weights: their step; of a supernet its passes, too",
    "validation": "validation of trained networks",
    "evaluation": "evaluation: rest of a score; of gates the forward pass",
    "agent": "agent: its games and its training",
    "workers": "waiting for workers, which do all that",
    "strategy": "strategy: what to look at next",
    "checkpoint": "checkpoints",
    "bookkeeping": "bookkeeping: journal, progress, other callbacks",
    REST: "rest of the loop",
}
"""Part -> what is in it. No second is in two."""
MUCH, SOME, HALF = 0.3, 0.1, 0.5
"""Shares from which on something is said."""


def listed_parts(seconds: Mapping[str, float]) -> list[tuple[str, float, float]]:
    """What every part is, its seconds, and its share of all, the largest first.

    Raises:
        ValueError: nothing was counted.
    """
    whole = sum(seconds.values())
    if whole <= 0:
        raise ValueError("no time was counted: the run has no step yet")
    parts = sorted(seconds.items(), key=lambda part: -part[1])
    return [(PARTS.get(name, name), spent, spent / whole) for name, spent in parts]


def advice(seconds: Mapping[str, float], config: Mapping[str, Any], cores: int | None = None) -> list[str]:
    """What to change, a line each; none where nothing stands out.

    Args:
        seconds: by part.
        config: of the run: "workers" and "threads" are read.
        cores: processors of this machine; None to ask.
    """
    whole = sum(seconds.values()) or 1.0
    share = {name: seconds.get(name, 0.0) / whole for name in PARTS}
    cores, threads = cores or processors(), config.get("threads", 1)
    trained = share["forward"] + share["backward"] + share["validation"]
    said = []
    if share["data"] >= MUCH:
        said.append(
            f"data take {share['data']:.0%}: where files are read, let processes read ahead (--domain.loaders 2, or"
            " more); arrays in memory want a larger --domain.batch, smaller images or less augmentation"
        )
    if trained >= HALF and not config.get("workers") and cores > 1:
        extra = f", with --threads 1 instead of {threads}" if threads > 1 else ""
        said.append(
            f"{trained:.0%} train and validate one network after another: --workers {cores} trains as many at"
            f" once{extra}"
        )
    if share["gates"] + share["weights"] >= HALF and threads == 1 and cores > 1 and share["gates"]:
        said.append(
            "the steps of a supernet follow one another, on one thread: --threads 0 finds out whether more are worth it"
        )
    if share["validation"] >= MUCH:
        said.append(
            f"validation takes {share['validation']:.0%}: a longer --budget ranks better and costs little more, or take"
            " a smaller part for validation (--domain.valid)"
        )
    if share["checkpoint"] >= SOME:
        said.append(
            f"checkpoints take {share['checkpoint']:.0%}: they come every 30 s at most and at the end, so a longer"
            " search pays less; on a slow disk give another --out"
        )
    if share["bookkeeping"] >= MUCH:
        said.append(
            f"bookkeeping takes {share['bookkeeping']:.0%}: what is evaluated takes no longer than to write it down, as"
            " with a table; callbacks of your own count here, too"
        )
    return said
