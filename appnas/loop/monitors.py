"""Warns while a search runs: of the known failures of weight sharing, and of one that goes round in circles."""

from __future__ import annotations

import math
import warnings

from appnas.loop.loop import Loop, Observer
from appnas.loop.records import Record
from appnas.space import SKIP, ZERO, Arch, Gates, Space, constant_arch, decisions
from appnas.support import Tolerance

JOIN = "concat"
"""What a drawn graph calls an edge that only joins."""


class CollapseWarning(UserWarning):
    """The search is drifting to a degenerate architecture, or not moving at all."""


def skip_share(space: Space, arch: Arch) -> float:
    """Share of skip operations among the operations of an architecture, `none` not counted.

    The operations are those that the space draws, on edges or on nodes, each by its first word: an activation that is
    the identity, or a width, is none. A space that draws nothing (`graph`) has its options counted.
    """
    draw = getattr(space, "graph", None)
    if draw is None:
        used = [options[index] for options, index in zip(decisions(space.choices), arch, strict=True)]
    else:
        graphs = draw(arch).values()
        used = [op for graph in graphs for _, op in graph.nodes(data="op") if op]
        used += [op for graph in graphs for *_, op in graph.edges(data="op") if op and op != JOIN]
    first = [op if isinstance(op, str) else op[0] for op in used]
    kept = [name for name in first if name not in ZERO]
    return sum(name in SKIP for name in kept) / max(len(kept), 1)


def offers_skips(space: Space) -> bool:
    """Whether skips are among the operations of a space, so that their share says something."""
    named = {name for choice in space.choices for name in choice.options} & SKIP
    if not named or not hasattr(space, "graph"):
        return bool(named)
    try:
        return any(skip_share(space, constant_arch(space, name)) > 0 for name in named)
    except ValueError:  # the rules forbid them everywhere at once, so they are parts of what the rules are about
        return True


def relative_entropy(distribution: Gates) -> float:
    """Mean entropy of the rows, divided by its maximum: 1 for uniform, 0 for one-hot."""
    entropies = []
    for matrix in distribution:
        p = matrix.double().clamp_min(1e-12)
        entropies.append((-(p * p.log()).sum(-1) / max(math.log(matrix.shape[-1]), 1e-12)).mean())
    return float(sum(entropies) / len(entropies))


class Failures(Observer):
    """Bear so many failed evaluations in a search: see `appnas.support.Tolerance` for the arguments and errors."""

    def __init__(self, in_a_row: int, share: float):
        self.tolerance = Tolerance(in_a_row, share)

    def start(self, loop: Loop) -> None:
        """Take over the counting."""
        loop.tolerance = self.tolerance


class Done(Observer):
    """Stop once the strategy says that it is `done`, for one whose number of steps nobody knows before."""

    def start(self, loop: Loop) -> None:
        """A resumed search may be done."""
        loop.stopped |= loop.strategy.done  # type: ignore[attr-defined]

    def step(self, loop: Loop, record: Record) -> bool:
        """Whether it is done."""
        return bool(loop.strategy.done)  # type: ignore[attr-defined]


class Repeats(Observer):
    """Warn once of a search that brings nothing new: so many scores in a row that were all told before.

    What is trained anew, or scored with weights that have changed since, has another value and counts as new.
    """

    IN_A_ROW = 25
    """Equal scores of equal architectures in a row at which to warn."""

    def start(self, loop: Loop) -> None:
        """What a resumed search knows already."""
        self.told, self.row, self.warned = set[tuple[Arch, float, int | None]](), 0, False
        for record in loop.history:
            self._count(record)

    def _count(self, record: Record) -> None:
        said = (record.arch, record.value, record.budget)
        self.row = self.row + 1 if said in self.told else 0
        self.told.add(said)

    def step(self, loop: Loop, record: Record) -> None:
        """Count, and warn."""
        self._count(record)
        if self.row >= self.IN_A_ROW and not self.warned:
            self.warned = True
            warnings.warn(
                f"step {loop.step} of {loop.steps}: the last {self.row} evaluations brought nothing new, every"
                f" architecture had been scored before, to the same value ({len(self.told)} different ones so far)."
                " End here, begin anew with another seed, or use a method that proposes nothing twice (local_search,"
                " bananas)",
                CollapseWarning,
                stacklevel=3,
            )


class Collapse(Observer):
    """Watch a distribution over operations for the known failures of weight sharing, and warn in plain words.

    Skip connections that take over (Zela et al., arXiv 1909.09656; the DARTS+ stopping rule, arXiv 1909.06035),
    and logits that never move. `trace` keeps (step, skip share of the derived architecture, relative entropy).

    Args:
        space: names the options.
        every: steps between two looks; 0 for ten looks a search, but one in 50 steps at least.
    """

    SKIPS = 0.5
    """Share of skips in the derived architecture above which to warn."""
    MOVED = 0.01
    """Largest move of a probability over a whole search below which to warn."""
    SETTLED = 0.05
    """Relative entropy in the first half of a search below which to warn."""

    def __init__(self, space: Space, every: int = 0):
        self.space, self.every = space, every
        self.trace: list[tuple[int, float, float]] = []
        self.first: Gates | None = None
        self.warned: set[str] = set()

    def start(self, loop: Loop) -> None:
        """Remember where the distribution starts."""
        self.began = loop.step
        self.gap = self.every or max(min(50, loop.steps // 10), 1)
        if hasattr(loop.strategy, "distribution"):
            self.first = loop.strategy.distribution()

    def step(self, loop: Loop, record: Record) -> None:
        """Look, every so often."""
        if self.first is None or loop.step % self.gap:
            return
        share = skip_share(self.space, loop.strategy.best())
        entropy = relative_entropy(loop.strategy.distribution())  # type: ignore[attr-defined]
        self.trace.append((loop.step, share, entropy))
        if share > self.SKIPS and loop.step >= min(50, loop.steps / 2):  # before, it is a matter of the start
            self._warn(
                "skips",
                f"step {loop.step}: {share:.0%} of the derived operations are skip connections. Weight sharing"
                " favours them as the weights overfit: stop earlier, regularise the weights more, or use a method"
                " that does not differentiate through shared weights (random, evolution)",
            )
        if entropy < self.SETTLED and 2 * loop.step < loop.steps:
            self._warn(
                "settled",
                f"step {loop.step} of {loop.steps}: the distribution over operations has settled (entropy"
                f" {entropy:.0%} of its maximum), what is left of the search will change nothing. Lower the learning"
                " rate of the architecture, or search for fewer steps",
            )

    def _warn(self, trouble: str, text: str) -> None:
        if trouble not in self.warned:
            self.warned.add(trouble)
            warnings.warn(text, CollapseWarning, stacklevel=4)

    def end(self, loop: Loop) -> None:
        """Warn if nothing moved. A resumed search is judged only if most of it was seen."""
        seen = loop.step - self.began
        if self.first is None or seen < 20 or (self.began and 2 * seen < loop.steps):
            return
        now = loop.strategy.distribution()  # type: ignore[attr-defined]
        moved = max(float((a - b).abs().max()) for a, b in zip(now, self.first, strict=True))
        if moved < self.MOVED:
            self._warn(
                "still",
                f"after {seen} steps no probability has moved by more than {moved:.4f}: the result is noise."
                " Search longer, or raise the learning rate of the architecture",
            )
