"""What several routings of the same placements say, and how far one agrees with the others: a label's reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from appnas.domains.eda import metrics


@dataclass(frozen=True)
class Routings:
    """K routings of each of N placements, with their nets in another order every time."""

    counts: np.ndarray
    """Nets with violations, [N, K]."""
    hot: np.ndarray
    """Which gcells have a violation, boolean [N, K, H, W]."""

    def check(self, n: int, shape: tuple[int, ...]) -> None:
        """Whether they are of n placements of so many gcells.

        Raises:
            ValueError: they are not.
        """
        k = self.counts.shape[1] if self.counts.ndim == 2 else 0
        if self.counts.shape != (n, k) or self.hot.shape != (n, k, *shape):
            raise ValueError(
                f"routings of {n} placements need counts [{n}, K] and hotspots [{n}, K, {shape[0]}, {shape[1]}], got"
                f" {self.counts.shape} and {self.hot.shape}"
            )

    def pack(self) -> dict[str, np.ndarray]:
        """As arrays of a file, hotspots in bits."""
        n, k = self.counts.shape
        return {"orders": self.counts, "hot": np.packbits(self.hot.reshape(n, k, -1), axis=-1)}

    @staticmethod
    def unpack(arrays: Mapping[str, np.ndarray], gcells: tuple[int, ...]) -> Routings:
        """What `pack` made, of H x W gcells."""
        hot = np.unpackbits(arrays["hot"], axis=-1, count=gcells[0] * gcells[1]).astype(bool)
        return Routings(arrays["orders"], hot.reshape(*arrays["orders"].shape, *gcells))

    @staticmethod
    def concat(parts: Sequence[Routings | None]) -> Routings | None:
        """Those of several sources as one, or None if some have none, or another number of them."""
        every = [part for part in parts if part is not None]
        if len(every) < len(parts) or len({part.counts.shape[1] for part in every}) != 1:
            return None
        return Routings(np.concatenate([p.counts for p in every]), np.concatenate([p.hot for p in every]))


def reliability(routings: Routings, designs: Sequence[str]) -> dict[str, float]:
    """How far one routing's labels agree with the others': no prediction of single routings can be trusted beyond it.

    Returns:
        tau: Kendall's tau-b of one routing's counts with the mean of the others', the mean over the routings.
        tau_within: the same within designs, the mean over the designs.
        spread: standard deviation of log(1 + nets) over the routings of a placement, the mean over placements.
        iou: gcells that two routings have in common of those that either has, the mean over pairs and placements.
        roc_auc_one: area under ROC of one routing's hotspots as the prediction of another's.
        roc_auc: area under ROC of the share of the others, as the prediction of one.
        roc_auc_best: area under ROC of the probabilities of all as a prediction of themselves (`metrics.roc_auc`):
            the most that a network can have where the label is their mean.
        Likewise precision_best. Placements without a hotspot do not count in those of hotspots.

    Raises:
        ValueError: fewer than two routings.
    """
    counts, hot, of = routings.counts, routings.hot, np.array(designs)
    k = counts.shape[1]
    if k < 2:
        raise ValueError(f"agreement needs two routings of a placement or more, got {k}")
    others = [[j for j in range(k) if j != i] for i in range(k)]
    both = [metrics.of_counts(counts[:, i].astype(float), counts[:, rest].mean(1), of) for i, rest in enumerate(others)]
    shared, one, many, best, precision = [], [], [], [], []
    for maps in hot:
        pairs = [(maps[i], maps[j]) for i in range(k) for j in others[i]]
        shared += [(a & b).sum() / (a | b).sum() if (a | b).any() else float("nan") for a, b in pairs]
        one += [metrics.roc_auc(a, b) for a, b in pairs]
        many += [metrics.roc_auc(maps[rest].mean(0), maps[i]) for i, rest in enumerate(others)]
        best.append(metrics.roc_auc(maps.mean(0), maps.mean(0)))
        precision.append(metrics.average_precision(maps.mean(0), maps.mean(0)))
    return {
        **{name: metrics.mean([found[name] for found in both]) for name in ("tau", "tau_within")},
        "spread": float(np.log1p(counts).std(1, ddof=1).mean()),
        "iou": metrics.mean(shared),
        "roc_auc_one": metrics.mean(one),
        "roc_auc": metrics.mean(many),
        "roc_auc_best": metrics.mean(best),
        "precision_best": metrics.mean(precision),
    }


def tables(names: Sequence[str], designs: Sequence[str], routings: Routings) -> str:
    """What a data card says of routed placements, in Markdown: sizes, reliability of the labels, and every design."""
    of, hot, counts = np.array(designs), routings.hot.mean(1), routings.counts.mean(1)
    k, (height, width) = routings.counts.shape[1], hot.shape[1:]
    by_placement = hot.mean((1, 2))
    told = [
        f"{len(names)} placements of {len(set(designs))} designs at {height}x{width} gcells, each routed"
        f" {k} time{'s' if k > 1 else ''}.",
        f"Hotspots are {hot.mean():.1%} of all gcells; of a placement's, percentiles 10/25/50/75/90 are"
        f" {'/'.join(f'{100 * v:.1f}' for v in np.percentile(by_placement, (10, 25, 50, 75, 90)))} %;"
        f" {(by_placement == 0).sum()} placements have none. Open nets: percentiles 0/10/25/50/75/90/100 are"
        f" {'/'.join(f'{v:.0f}' for v in np.percentile(counts, (0, 10, 25, 50, 75, 90, 100)))}.",
    ]
    if k > 1:
        found = reliability(routings, designs)
        rows = [f"| {name} | {value:.3f} |" for name, value in found.items() if value == value]
        told.append("\n".join(["| agreement of routings | |", "| --- | --- |", *rows]))
    rows = []
    for name in sorted(set(designs)):
        mine = counts[of == name]
        rows.append(
            f"| {name} | {len(mine)} | {mine.mean():.0f} ({mine.min():.0f} to {mine.max():.0f})"
            f" | {100 * hot[of == name].mean():.1f} % |"
        )
    head = ["| design | placements | open nets, mean (range) | hotspots |", "| --- | --- | --- | --- |"]
    return "\n\n".join([*told, "\n".join([*head, *rows])]) + "\n"
