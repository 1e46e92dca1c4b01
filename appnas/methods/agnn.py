"""AGNN: a reinforced conservative controller and constrained parameter sharing (Zhou et al., arXiv 1909.03184).

The best architecture so far is changed in one class of actions at a time. Every class has a recurrent controller of its
own that reads the rest of the architecture and proposes the class's actions for all layers; the class is drawn by the
entropies of the proposals; only its controller learns,

    theta_c <- theta_c + lr (R - b) grad log P(a; theta_c),    R = M_offspring - M_best,  b a moving average of R

An offspring inherits weights from earlier ones, tensor by tensor, where they mean the same, and is trained for a few
epochs. The best few are trained from scratch over several seeds, and validation chooses among them.

Source: what the public re-implementations agree on (AutoGL's `AGNNRL`, GraphNAS's training of children); the paper's
body could not be read, so epochs and the guide are options. Classes are the groups of a space's choices, so the method
runs on every space.

Small steps end where every neighbour was tried: after `restart` offspring in a row that were scored before they go on
from a random architecture, and the best of all climbs is returned.

Deviates: the paper knows no restart; a proposal that equals the best architecture is drawn again, up to `tries` times,
and its gradient is that of the first draw's distribution; the epochs of a training follow from the share of weights it
inherits; all classes have one baseline, as in AutoGL, where another re-implementation has one each.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch

from appnas.estimate import Cached, Evaluator, LastStage, ParamStore, Scratch, by_homogeneity, by_shape, with_last_stage
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.space import Arch, Choice, Space, one_hot, random_arch
from appnas.strategy import LSTM, Archive, Draw, Score, from_known, moving_average, reinforce, step_down
from appnas.support import Saved, checked
from appnas.task import Domain


@dataclass(frozen=True)
@checked(
    evaluations=1, start=1, budget=1, warmup=1, classes=1, lr=0, momentum=0, hidden=1, clip=0, tries=1, restart=0
)  # fmt: skip
class Config(LastStage):
    """Settings of AGNN."""

    evaluations: int = 1000
    """Architectures scored, before the ranking."""
    start: int = 1
    """Random architectures before the first small step."""
    budget: int = 300
    """Epochs (or environment steps) of a training from scratch, GraphNAS's; unused with a table."""
    sharing: Literal["none", "constrained", "unconstrained"] = "constrained"
    """Which weights an offspring inherits: none, those that mean the same, all that fit. Unused with a table."""
    warmup: int = 60
    """Epochs of a training with all weights inherited; where a share of them is, as far between it and `budget`."""
    guide: Literal["proportional", "softmax", "argmax", "uniform"] = "proportional"
    """How the class to change follows from the entropies of the proposals: drawn in proportion to them, by their
    softmax (AutoGL; classes of few options then hardly ever change), the largest, or uniformly."""
    classes: int = 1
    """Classes changed in a step."""
    lr: float = 3.5e-4
    """Adam on the controllers; 0 is the control that only mutates."""
    momentum: float = 0.95
    """Of the moving-average baseline."""
    hidden: int = 100
    """Width of the controllers."""
    temperature: float = 5.0
    """Divides the controllers' logits."""
    tanh: float = 2.5
    """Bounds the controllers' logits."""
    clip: float = 50.0
    """Largest reward either way, in units of the value (percent)."""
    tries: int = 10
    """Proposals drawn anew while they equal the best architecture or break the space's rules."""
    restart: int = 10
    """Offspring in a row that were proposed before, after which small steps go on from a random architecture; 0: none
    ever."""
    repeats: int = field(default=3, kw_only=True)
    """Trainings of each of the best in the last stage; 0 for no last stage."""
    known: bool = True
    """Begin with the hand-made networks of the space (`hand_made`), if it has some: the climb starts at their best."""


class Proposal(NamedTuple):
    """What was changed in which architecture: the class's number and the actions in its controller's order."""

    value: float
    changes: list[tuple[int, list[int]]]


class Conservative(Saved):
    """Small steps from the best architecture of the climb, proposed by one controller for each class of actions.

    Args:
        space: what to search; a class is a group of its choices.
        seed: of the controllers, the classes and the first architecture.
        config: settings of the controllers.
    """

    saved = (
        "controllers", "optimisers", "baseline", "waiting", "generator", "rng", "archive", "asked", "here", "repeated",
    )  # fmt: skip

    def __init__(self, space: Space, seed: int, config: Config = Config()):
        self.space, self.config = space, config
        self.generator = torch.Generator().manual_seed(seed)
        self.rng = random.Random(seed)
        names = list(dict.fromkeys(choice.group or choice.name for choice in space.choices))
        if config.classes > len(names):
            raise ValueError(f"the space has {len(names)} classes of actions {names}, got classes={config.classes}")
        self.positions, self.known, self.controllers = [], [], []
        for name in names:
            order = sorted(range(len(space.choices)), key=lambda i: _group(space.choices[i]) == name)
            self.positions.append(_places(space.choices, order))
            self.known.append(sum(c.count for c in space.choices if _group(c) != name))
            mask = None if space.mask is None else tuple(space.mask[i] for i in order)
            choices = tuple(space.choices[i] for i in order)
            self.controllers.append(LSTM(choices, self.generator, mask, config.hidden, config.temperature, config.tanh))
        self.optimisers = [torch.optim.Adam(c.parameters(), lr=config.lr) for c in self.controllers]
        self.baseline: float | None = None
        self.waiting: list[Proposal] = []
        self.archive = Archive()
        self.here: tuple[Arch, float] | None = None
        """The best of the climb; None until there is a score."""
        self.repeated = 0
        """Offspring in a row that were proposed before."""
        self.asked = 0

    def ask(self) -> Draw:
        """A random architecture at the start of a climb and until there is a score, then an offspring of the best."""
        self.asked += 1
        if self.config.restart and self.repeated >= self.config.restart:
            self.here, self.repeated = None, 0
        if self.asked <= self.config.start or self.here is None:
            self.waiting.append(Proposal(math.nan, []))
            return Draw(self._noted(random_arch(self.space, self.rng)))
        best, value = self.here
        proposals = [self._propose(c, best) for c in range(len(self.controllers))]
        chosen = self._guide(torch.tensor([entropy for _, entropy in proposals]))
        changes = [(c, proposals[c][0]) for c in chosen]
        child = self._child(best, changes)
        for _ in range(self.config.tries - 1):
            if child != best and self.space.valid(child):
                break
            changes = [(c, self._propose(c, best)[0]) for c in chosen]
            child = self._child(best, changes)
        self.waiting.append(Proposal(value, changes))
        return Draw(self._noted(child if self.space.valid(child) else self._mended(child)))

    def given(self, arch: Arch) -> None:
        """An architecture that somebody else proposes (`appnas.strategy.Started`): a climb may go on from it."""
        self.asked += 1
        self.waiting.append(Proposal(math.nan, []))

    def _noted(self, arch: Arch) -> Arch:
        self.repeated = self.repeated + 1 if arch in self.archive.seen else 0
        self.archive.seen.add(arch)
        return arch

    def _propose(self, c: int, arch: Arch) -> tuple[list[int], float]:
        """Actions in the order of the class's controller, and their entropy in nats."""
        ordered = torch.tensor([[arch[p] for p in self.positions[c]]])
        drawn, _, entropy = self.controllers[c].complete(ordered, self.known[c], self.generator)
        return drawn[0].tolist(), float(entropy)

    def _guide(self, entropies: torch.Tensor) -> list[int]:
        if self.config.guide == "argmax":
            return entropies.topk(self.config.classes).indices.tolist()
        weights = {"proportional": entropies + 1e-6, "softmax": torch.softmax(entropies, 0)}
        p = weights.get(self.config.guide, torch.ones_like(entropies))
        return torch.multinomial(p, self.config.classes, generator=self.generator).tolist()

    def _child(self, best: Arch, changes: list[tuple[int, list[int]]]) -> Arch:
        child = list(best)
        for c, actions in changes:
            for position, action in list(zip(self.positions[c], actions, strict=True))[self.known[c] :]:
                child[position] = action
        return tuple(child)

    def _mended(self, child: Arch) -> Arch:
        return self.space.discretise(one_hot(self.space.choices, child))

    def tell(self, draw: Draw, score: Score) -> None:
        """Teach the controllers of the classes that were changed; a value that is not finite says nothing."""
        proposal, value = self.waiting.pop(0), float(score.value)
        if math.isfinite(value) and math.isfinite(proposal.value):
            reward = min(max(value - proposal.value, -self.config.clip), self.config.clip)
            self.baseline = moving_average(self.baseline, reward, self.config.momentum)
            for c, actions in proposal.changes:
                self._learn(c, actions, reward - self.baseline)
        if math.isfinite(value):
            self.archive.update(draw.arch, value)
            if self.here is None or value > self.here[1]:
                self.here = (draw.arch, value)

    def _learn(self, c: int, actions: list[int], advantage: float) -> None:
        logp, entropy = self.controllers[c].evaluate(torch.tensor([actions]), self.known[c])
        step_down(self.optimisers[c], reinforce(logp, torch.tensor([advantage]), 0.0, entropy))

    def best(self) -> Arch:
        """The best seen."""
        return self.archive.get()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.waiting = [Proposal(*told) for told in self.waiting]
        self.here = None if self.here is None else (tuple(self.here[0]), self.here[1])


def _group(choice: Choice) -> str:
    return choice.group or choice.name


def _places(choices: tuple[Choice, ...], order: list[int]) -> list[int]:
    """Where every decision of the reordered choices stands in an architecture."""
    starts = [sum(c.count for c in choices[:i]) for i in range(len(choices))]
    return [starts[i] + k for i in order for k in range(choices[i].count)]


def search(
    space: Space, domain: Domain | Evaluator, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search with AGNN. An architecture that comes again keeps its first score."""
    steps = config.evaluations
    strategy = from_known(Conservative(space, seed, config), space, config.known)
    if not isinstance(domain, Domain):
        return search_loop(strategy, domain, steps, callbacks=callbacks).of(space, domain, config, seed)
    store = None
    if config.sharing != "none":
        store = ParamStore(by_shape if config.sharing == "unconstrained" else by_homogeneity(space))
    scratch = Scratch(space, domain, config.budget, seed, store=store, warmup=config.warmup)
    evaluator: Evaluator = Cached(scratch)
    strategy, evaluator, steps = with_last_stage(strategy, evaluator, space, domain, config, seed)
    return search_loop(strategy, evaluator, steps, callbacks=callbacks).of(space, domain, config, seed)
