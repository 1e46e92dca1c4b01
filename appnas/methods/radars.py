"""RADARS: memory-bounded differentiable search by reinforcement learning (Yan, Jiang, Hu and Shi, arXiv 2109.05691).

The supernet of a large space does not fit into memory; training single architectures does. So reinforcement learning
prunes the space first: while the supernet of what remains needs more memory than there is,

    sample architectures, train each for a short time, follow grad E[R] = mean (R - b) grad log pi(a),
    drop the least probable option of every decision;

then a gradient method, here DARTS, searches what remains. Memory is measured, not counted in parameters.

Deviates: only the abstract was available. Controller, rewards, rounds and every constant below but the 12 GB are ours.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch.nn.functional import one_hot

from appnas.cost import supernet_memory
from appnas.estimate import Cached, Evaluator, Scratch
from appnas.loop import Callbacks, Done, SearchResult, search_loop
from appnas.methods import darts
from appnas.one_shot import Alone
from appnas.space import Arch, Mask, Space, full_mask, legal, random_arch, restrict
from appnas.space import one_hot as one_hot_arch
from appnas.strategy import Draw, Independent, Phased, PolicyGradient, Score, Strategy, first
from appnas.support import MIB, checked, seeded
from appnas.task import DifferentiableDomain


@dataclass(frozen=True)
@checked(memory=0, reserve=0, episodes=1, reward_epochs=1, lr=0, momentum=0, least=0, keep=1)
class Config:
    """Settings of the pruning, and of the search that follows."""

    memory: float = 12 * 1024
    """Memory of a step, MiB (the paper's GPU has 12 GB)."""
    reserve: float = 0.25
    """Added to the estimate of a step, for what kernels and the allocator hold: the process shall keep the budget."""
    episodes: int = 40
    """Architectures sampled before every pruning."""
    reward_epochs: int = 1
    """Epochs of the training of a sampled architecture, at the size it has in the supernet."""
    lr: float = 0.1
    """Adam on the controller's logits."""
    momentum: float = 0.9
    """Of the baseline, which starts anew after every pruning."""
    least: int = 1
    """Times that an option must have been sampled before it may be dropped."""
    keep: int = 1
    """Options that every decision keeps."""
    darts: darts.Config = field(default_factory=lambda: darts.Config(order="first"))
    """The search on what remains."""


class Pruned(Phased[Strategy]):
    """A policy that loses options until a supernet fits, then another strategy on what is left.

    The memory of what is left comes with the scores, as the metric `memory_mib`.

    Args:
        space: what to prune.
        seed: of the controllers and of the samples.
        config: budget and settings of the controller.
        then: space -> strategy of what remains.
        steps: scores of that strategy.
    """

    saved = ("mask", "counts", "told", "after")

    def __init__(self, space: Space, seed: int, config: Config, then: Callable[[Space], Strategy], steps: int):
        self.space, self.config, self.steps = space, config, steps
        self.mask: Mask = full_mask(space.choices) if space.mask is None else space.mask
        self.generator = torch.Generator().manual_seed(seed)
        self.told = self.after = 0
        self.counts = [torch.zeros(m.shape) for m in self.mask]
        super().__init__(first(0), self._policy(), make=lambda: then(restrict(space, self.mask)))

    @property
    def policy(self) -> PolicyGradient:
        """What samples until it fits."""
        assert isinstance(self.one, PolicyGradient)
        return self.one

    def _policy(self) -> PolicyGradient:
        controller = Independent(self.space.choices, self.generator, self.mask)
        inner = restrict(self.space, self.mask)
        return PolicyGradient(inner, controller, self.generator, self.config.lr, self.config.momentum)

    @property
    def done(self) -> bool:
        """Whether the strategy of what remains has had its steps."""
        return self.after >= self.steps

    def ask(self) -> Draw:
        """A sample of the policy with the mask as its gates, or the draw of the strategy of what remains."""
        if self.begun:
            return self.two.ask()
        return self.policy.ask()._replace(gates=tuple(m.float() for m in self.mask))

    def tell(self, draw: Draw, score: Score) -> Draw | None:
        """Learn; at the end of a round, prune. The strategy of what remains begins as soon as its supernet fits."""
        if self.begun:
            self.after += 1
            return self.two.tell(draw, score)
        self.policy.tell(draw, score)
        self.told += 1
        for count, taken in zip(self.counts, one_hot_arch(self.space.choices, draw.arch), strict=True):
            count += taken
        if score.metrics["memory_mib"] <= self.config.memory:
            self.begin()
        elif self.told % self.config.episodes == 0:
            self.prune(score.metrics["memory_mib"])
        return None

    def prune(self, memory: float = float("nan")) -> None:
        """Every decision with more than `keep` options loses the least probable that was sampled often enough.

        Raises:
            MemoryError: nothing is left to drop.
        """
        before = sum(int(m.sum()) for m in self.mask)
        for i, probability in enumerate(self.policy.distribution()):
            for row, p in enumerate(probability):
                for k in p.masked_fill(~self.mask[i][row], torch.inf).argsort(stable=True).tolist():
                    if not self.mask[i][row, k] or int(self.mask[i][row].sum()) <= self.config.keep:
                        break
                    less = tuple(m.clone() for m in self.mask)
                    less[i][row, k] = False
                    if self.counts[i][row, k] >= self.config.least and _sound(self.space, less):
                        self.mask = less
                        break
        if sum(int(m.sum()) for m in self.mask) == before:
            raise MemoryError(
                f"what is left needs {memory:,.1f} MiB a step, the budget is {self.config.memory:,.1f}, and nothing can"
                " be dropped any more: raise the budget, make the batch or the network smaller, or sample more"
            )
        self.one = self._policy()

    def best(self) -> Arch:
        """The second strategy's, until then the best sample."""
        return (self.two if self.begun else self.one).best()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.mask = state["mask"]
        self.one = self._policy()
        super().load_state_dict(state)


def _sound(space: Space, mask: Mask) -> bool:
    """Whether what a mask leaves is a space whose rule makes valid architectures (cells need their `none`)."""
    rng = random.Random(0)
    try:
        inner = restrict(space, mask)
        return all(inner.valid(random_arch(inner, rng)) for _ in range(8))
    except ValueError:
        return False


class Bounded(Phased[Evaluator]):
    """Rewards with the memory of the supernet that a draw's gates allow; then an evaluator on that supernet.

    Args:
        reward: of a sampled architecture, asked once for each.
        need: mask -> MiB of a step on its supernet.
        budget: MiB.
        then: mask -> evaluator of soft draws, made when the first of them comes.
        steps: training steps that a reward costs.
    """

    saved = ("mask", "needed")

    def __init__(
        self, reward: Evaluator, need: Callable[[Mask], float], budget: float, then: Callable[[Mask], Evaluator],
        steps: int = 0,
    ):  # fmt: skip
        self.need, self.budget, self.steps, self.reward = need, budget, steps, Cached(reward)
        self.mask: Mask | None = None
        self.needed = 0.0
        super().__init__(first(0), self.reward, make=lambda: then(self.mask or ()))

    @property
    def spent(self) -> int:
        """Training steps that the search has cost: of sampled architectures, and of the supernet."""
        return self.steps * len(self.reward.known) + int(getattr(self.two, "spent", 0) if self.begun else 0)

    def score(self, draw: Draw) -> Score:
        """The reward with `memory_mib`; for soft gates, the second evaluator's.

        Raises:
            MemoryError: what is about to be trained, one architecture or a supernet, needs more than the budget.
        """
        if draw.gates is None:
            raise ValueError("the gates of a draw say what remains of the space, this draw has none")
        if any(g.requires_grad for g in draw.gates):
            if not self.begun:
                self.mask = tuple(g.detach() > 0 for g in draw.gates)
                self._check(self.need(self.mask))
            return self.two.score(draw)
        mask = tuple(g > 0 for g in draw.gates)
        if self.mask is None or any(not torch.equal(a, b) for a, b in zip(mask, self.mask, strict=True)):
            self.mask, self.needed = mask, self.need(mask)
        hard = torch.split(torch.tensor(draw.arch), [len(m) for m in mask])
        path = tuple(one_hot(taken, m.shape[1]).bool() for taken, m in zip(hard, mask, strict=True))
        alone = self._check(self.need(path))
        score = self.reward.score(Draw(draw.arch))
        return Score(score.value, {**score.metrics, "memory_mib": self.needed, "path_mib": alone})

    def _check(self, needed: float) -> float:
        if needed > self.budget:
            raise MemoryError(
                f"a step needs {needed:,.1f} MiB, the budget is {self.budget:,.1f}: raise it, or make the batch or the"
                " network smaller"
            )
        return needed

    def learn(self, draw: Draw) -> None:
        """Passed on to the second evaluator."""
        if self.begun:
            self.two.learn(draw)


def need(space: Space, domain: DifferentiableDomain, config: Config, mask: Mask) -> float:
    """MiB of a step on the supernet that a mask leaves: the measured peak of a pass, the weights, and the reserve."""
    supernet = seeded(0, partial(space.supernet, domain.io, mask))
    gates = tuple(m.float().requires_grad_() for m in mask)
    found = supernet_memory(supernet, gates, domain, getattr(getattr(domain, "options", None), "batch", 1))
    return (1 + config.reserve) * (darts.passes(config.darts) * found.activations + found.weights) / MIB


def search(
    space: Space, domain: DifferentiableDomain, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Prune until the supernet fits, then DARTS.

    Raises:
        MemoryError: a single architecture needs more than the budget, or nothing more can be dropped.
    """
    steps = config.darts.epochs * domain.epoch("train")
    strategy = Pruned(space, seed, config, partial(darts.strategy, config=config.darts, seed=seed, steps=steps), steps)
    evaluator = Bounded(
        Scratch(Alone(space), domain, config.reward_epochs, seed),  # type: ignore[arg-type]
        partial(need, space, domain, config),
        config.memory,
        lambda mask: darts.evaluator(restrict(space, mask), domain, config.darts, seed),
        config.reward_epochs * domain.epoch("train"),
    )
    rounds = sum(len(options) - 1 for options in legal(space)) + 1
    everything = rounds * config.episodes + steps
    return search_loop(strategy, evaluator, everything, callbacks=[*callbacks, Done()]).of(space, domain, config, seed)
