"""Language modelling: streams of tokens, truncated back-propagation with a carried hidden state, perplexity.

Settings are those of DARTS's language models (Liu et al., arXiv 1806.09055, section A.1.2), which took them from
Merity et al. (arXiv 1708.02182).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from appnas.compute import Share, fetched, gathered, home, moved
from appnas.space import IO
from appnas.support import checked, digest
from appnas.task import Metric, Recipe, Supervised

RECIPE = Recipe("asgd", lr=20.0, lr_min=20.0, momentum=0.0, weight_decay=8e-7, clip=0.25)
"""SGD at a constant rate, then averaged SGD (section A.2.1; WikiText-2: weight decay 5e-7)."""


@dataclass(frozen=True)
@checked(bptt=1, batch=1, train_batch=1, score_batch=1, test_batch=1, slowness=0, epochs=1)
class Options:
    """Batches and training of a language model. Defaults are DARTS's for Penn Treebank."""

    bptt: int = 35
    """Tokens of a sequence, after which gradients stop."""
    batch: int = 256
    """Sequences a batch in a search, each from a part of the text of its own."""
    train_batch: int = 64
    """The same where a stand-alone network is trained."""
    score_batch: int = 10
    """Parts that the validation text is cut into to be scored."""
    test_batch: int = 1
    """The same of the held-out text."""
    slowness: float = 1e-3
    """Weight of the mean square of what the outputs change by in one moment, in training."""
    epochs: int = 8000
    """Length of the training of a search's result, unless told."""
    recipe: Recipe = field(default_factory=lambda: RECIPE)
    """How stand-alone networks are trained."""


class Carry:
    """The hidden state before a batch, and the one after it, which `Text.loss` leaves for the next batch."""

    def __init__(self, before: Tensor):
        self.before = self.after = before

    def to(self, device: torch.device) -> Carry:
        """With the state before the batch on a device, where the one after it will be, too."""
        self.before = moved(self.before, device)
        return self

    def cut(self, share: Share) -> Carry:
        """The hidden states of one process's rows; those after the batch are gathered from all."""
        return PartOfCarry(self, share)


class PartOfCarry(Carry):
    """The hidden states of one of several processes' rows, whose successors all processes get."""

    def __init__(self, whole: Carry, share: Share):
        self.whole, self.share, self.count = whole, share, len(whole.before)
        self.before = whole.before[share.rows(self.count)]

    @property
    def after(self) -> Tensor:
        """The states of all rows after the batch."""
        return self.whole.after

    @after.setter
    def after(self, own: Tensor) -> None:
        """Give the states of one's own rows."""
        self.whole.after = gathered(own, self.count, self.share)


class Batch(NamedTuple):
    """Sequences that go on where those of the batch before ended.

    Attributes:
        x: tokens [B, T].
        y: the tokens that follow each of them [B, T].
        carry: hidden states.
        slowness: weight of the penalty of that name.
        share: T as a share of the usual length, by which the loss is weighed.
    """

    x: Tensor
    y: Tensor
    carry: Carry
    slowness: float
    share: float


class Segments:
    """One epoch of batches. Its state is the hidden state that the next batch begins with.

    Args:
        parts: tokens of B parts of a text [B, N].
        cuts: positions where sequences begin and end.
        slowness: as in `Batch`.
        bptt: the usual length.
    """

    def __init__(self, parts: Tensor, cuts: list[int], slowness: float, bptt: int):
        self.parts, self.cuts, self.slowness, self.bptt = parts, cuts, slowness, bptt
        self.position = 0
        self.carry = Carry(torch.empty(len(parts), 0))

    def __iter__(self) -> Segments:
        return self

    def __next__(self) -> Batch:
        if self.position + 1 >= len(self.cuts):
            raise StopIteration
        start, stop = self.cuts[self.position : self.position + 2]
        self.position += 1
        self.carry = Carry(self.carry.after)
        x, y = self.parts[:, start:stop], self.parts[:, start + 1 : stop + 1]
        return Batch(x, y, self.carry, self.slowness, (stop - start) / self.bptt)

    def state_dict(self) -> dict[str, Tensor]:
        """The hidden state."""
        return {"hidden": self.carry.after}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a state."""
        self.carry.after = state["hidden"]


def parts(tokens: Tensor, count: int) -> Tensor:
    """A text cut into equal parts; what is left over is dropped. Shapes: [N] -> [count, N // count]."""
    return tokens[: len(tokens) // count * count].view(count, -1)


class Text(Supervised):
    """Language modelling. "value" is minus the validation loss (nats a token); "perplexity" is its exponential.

    Networks are forward(tokens, hidden), see `loss`. Every epoch cuts the text at other places.

    Deviates: sequences are between half and one and a half times `bptt` long by moving the cuts, uniformly, where the
    official code draws lengths, so that all epochs have as many batches. That code multiplies the learning rate by a
    sequence's share of the usual length, here the loss is: the same but for the clipping of gradients. The
    validation text trains nothing in `fit`, final or not: it tells when to average and which weights to keep.

    Args:
        train, valid: tokens [N], integers from 0.
        test: held-out tokens; None for a text without (then `test` raises).
        vocabulary: the tokens' names.
        options: batches and training.

    Raises:
        ValueError: a text too short for its batch, a token without a name, or another type.
    """

    metric = Metric("perplexity", higher=False)
    """What is told of a text; "value" falls as it rises."""
    tunable = ("train_batch", "slowness")
    """Options that can be chosen with an architecture."""

    def __init__(
        self, train: Tensor, valid: Tensor, test: Tensor | None, vocabulary: list[str], options: Options = Options()
    ):
        self.vocabulary, self.options = vocabulary, options
        largest = max(options.batch, options.train_batch)
        needs = {"train": largest, "valid": max(options.batch, options.score_batch), "test": options.test_batch}
        self._texts = {"train": train, "valid": valid} | ({} if test is None else {"test": test})
        for name, tokens in self._texts.items():
            _check_text(name, tokens, len(vocabulary), needs[name])
        self.io = IO((options.bptt,), (options.bptt, len(vocabulary)))
        self.chance = -math.log(len(vocabulary))
        self.budget = options.epochs
        self.has_test = test is not None

    @property
    def fingerprint(self) -> str:
        """A digest of options and texts: a training's checkpoint is of one of them."""
        return digest(f"{self.options} {self.vocabulary}", self._texts["train"], self._texts["valid"])

    def preprocessing(self) -> dict[str, list[str]]:
        """What users of an exported network need: the tokens' names in the order of their numbers."""
        return {"vocabulary": self.vocabulary}

    def _parts(self, split: str) -> tuple[Tensor, float]:
        """A split's parts, and the weight of its penalty. "fit" is the training text as stand-alone networks see it."""
        o = self.options
        if split == "valid":
            return parts(self._texts["valid"], o.batch), 0.0
        if split not in ("train", "fit"):
            raise ValueError(f"the splits are ['fit', 'train', 'valid'], got {split!r}")
        return parts(self._texts["train"], o.batch if split == "train" else o.train_batch), o.slowness

    def epoch(self, split: str) -> int:
        """Number of batches in one epoch."""
        return max(round((self._parts(split)[0].shape[1] - 1) / self.options.bptt), 1)

    def batches(self, split: str, rng: torch.Generator) -> Iterator[Batch]:
        """One epoch, from the beginning of the text and an empty hidden state: "train", "valid" or "fit"."""
        rows, slowness = self._parts(split)
        length, count, bptt = rows.shape[1] - 1, self.epoch(split), self.options.bptt
        moved = torch.randint(-(bptt // 4), bptt // 4 + 1, (count - 1,), generator=rng).tolist()
        cuts = [0, *(i * bptt + move for i, move in enumerate(moved, 1)), length]
        return Segments(rows, cuts, slowness, bptt)

    def loss(self, model: Callable[..., Any], batch: Batch) -> Tensor:
        """Cross entropy of every sequence, nats a token, plus the penalty; see `Batch` for what they are weighed by.

        The model is called with tokens [B, T] and a hidden state ([B, 0] at the start), and gives scores
        [B, T, V], the hidden state after them and its outputs [B, T, D].

        Shapes:
            returns: [B].
        """
        scores, hidden, outputs = model(batch.x, batch.carry.before)
        batch.carry.after = hidden.detach()
        loss = cross_entropy(scores.flatten(0, 1), batch.y.flatten(), reduction="none").view(batch.y.shape).mean(1)
        if batch.slowness and outputs.shape[1] > 1:
            loss = loss + batch.slowness * outputs.diff(dim=1).square().mean((1, 2))
        return loss * batch.share

    def trained_on(self, final: bool) -> str:
        """The split that a training reads: the same before and after the search, see the class."""
        return "fit"

    def watched(self) -> Callable[[nn.Module], float]:
        """The validation loss: the weights of the best epoch are kept."""
        return lambda model: self._measure(model, "valid", self.options.score_batch)["loss"]

    @torch.no_grad()
    def _measure(self, model: nn.Module, name: str, batch: int) -> dict[str, float]:
        model.eval()
        rows, bptt = parts(self._texts[name], batch), self.options.bptt
        length = rows.shape[1] - 1
        losses = []
        for segment in Segments(rows, [*range(0, length, bptt), length], 0.0, bptt):
            part = moved(segment, home(model))
            scores, hidden, _ = model(part.x, part.carry.before)
            part.carry.after = hidden
            losses.append(cross_entropy(scores.flatten(0, 1), part.y.flatten(), reduction="sum"))
        loss = sum(map(float, fetched(losses))) / (len(rows) * length)
        return {"perplexity": math.exp(min(loss, 700.0)), "loss": loss}

    def score(self, model: nn.Module) -> dict[str, float]:
        """Minus the validation loss as "value", the loss (nats a token) and the perplexity, which is minimised."""
        metrics = self._measure(model, "valid", self.options.score_batch)
        return {"value": -metrics["loss"], **metrics}

    def test(self, model: nn.Module) -> dict[str, float]:
        """Perplexity and loss (nats a token) of the held-out text.

        Raises:
            ValueError: there is none.
        """
        if not self.has_test:
            raise ValueError("this domain was made without a test text: pass test")
        return self._measure(model, "test", self.options.test_batch)

    def example(self, count: int) -> tuple[Tensor]:
        """The first `count` sequences of the training text. Shapes: [count, bptt]."""
        bptt, text = self.options.bptt, self._texts["train"]
        return (text.repeat(-(-count * bptt // len(text)))[: count * bptt].view(count, bptt),)


def _check_text(name: str, tokens: Tensor, vocabulary: int, batch: int) -> None:
    if not tokens.numel():
        raise ValueError(f"{name}: there is no token in it")
    if tokens.dim() != 1 or tokens.dtype != torch.int64:
        raise ValueError(f"{name}: tokens are integers [N] (int64), got {tokens.dtype} {tuple(tokens.shape)}")
    if len(tokens) < 2 * batch:
        raise ValueError(
            f"{name}: {len(tokens)} tokens are too few for {batch} parts of two tokens: take a smaller batch"
        )
    if int(tokens.min()) < 0 or int(tokens.max()) >= vocabulary:
        raise ValueError(
            f"{name}: tokens must be 0 to {vocabulary - 1}, found {int(tokens.min())} to {int(tokens.max())}"
        )
