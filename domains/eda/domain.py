"""Chip design: predict from a placement where, and in how many nets, routing will violate design rules.

Three tasks on maps of gcells. Splits are by design: a network is judged on designs it never saw. The tasks and their
metrics follow Chang et al. (ICCAD 2021, arXiv 2012.01737), congestion follows CircuitNet.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from appnas.compute import CPU, home, moved
from appnas.domains.eda import metrics
from appnas.domains.eda.flow import DEFAULT
from appnas.domains.eda.flow.netlists import mirrored, tensor
from appnas.domains.eda.held_out import split_designs
from appnas.domains.eda.placements import GROUPS, Placements
from appnas.domains.eda.scaling import Head, Scale, Scaling, Task
from appnas.space import IO
from appnas.support import checked, digest
from appnas.task import Metric, Recipe, Supervised

ADAM = Recipe(optimiser="adam", lr=5e-4, schedule="exponential", decay=1.0, weight_decay=1e-5, clip=0.0)
"""The paper's: Adam at a fixed rate, L2 penalty."""
METRICS = {"violated_nets": Metric("tau"), "hotspots": Metric("roc_auc"), "congestion": Metric("nrms", higher=False)}
"""Task -> what "value" is."""
UNDEFINED = {"nrms": 1.0, "ssim": 0.0, "spearman": 0.0}
"""Of a network that diverged, or says the same everywhere; other metrics are then the domain's `chance`."""
Batch = tuple[Tensor, ...]
"""Maps, pins if networks read them, and targets."""


@dataclass(frozen=True)
@checked(batch=1, epochs=1)
class Options:
    """Task, splits and training of a routability domain."""

    task: Task = "hotspots"
    """violated_nets: how many nets, one number a placement. hotspots: which gcells. congestion: how much a gcell."""
    channels: tuple[str, ...] = DEFAULT
    """Feature maps by name, in order. paper, capacity, circuitnet and default stand for several: the 17 channels of the
    paper, tracks and what takes them, CircuitNet's, and paper with capacity."""
    target: str = ""
    """Label map; by default congestion for congestion, and for hotspots hotspot, how often several routings had a
    violation, or drc where there was one routing. Of a pair, for example util_h+util_v, the sum. Congestion is brought
    to 0..1 in each placement, as CircuitNet does."""
    threshold: float = 0.0
    """A gcell is a hotspot if its label is above this. 0 leaves the label hotspot as it is, a probability."""
    scale: Scale = "train"
    """Channels to zero mean and unit deviation over the training placements, or to 0..1 in each placement (CircuitNet).
    A channel that is constant becomes 0."""
    head: Head = "sum"
    """Of violated_nets. sum: the network gives a map, softplus of which is nets left open in a gcell, and the sum of
    those is the count: it shows where, too. mean: it gives the number itself, of the mean over its last maps."""
    test: tuple[str, ...] = ()
    """Designs held out for the test; by default a third of them, drawn by the seed."""
    valid: tuple[str, ...] = ()
    """Designs held out for validation; by default a quarter of the others."""
    seed: int = 0
    """Of the drawn designs."""
    batch: int = 48
    """Placements a batch."""
    epochs: int = 45
    """Length of the training of a search's result, unless told."""
    netlist: bool = False
    """Give networks the pins too, for spaces that pass messages over cells and nets, such as net_map."""
    flip: bool = True
    """Random mirror images. Never transposed: the metal layers have directions."""
    recipe: Recipe = field(default_factory=lambda: ADAM)
    """How stand-alone networks are trained."""

    def __post_init__(self) -> None:
        """Put channels in the place of their groups, and check.

        Raises:
            ValueError: a batch below 1, an unknown task, no channel, or a design in both held-out splits.
        """
        chosen = tuple(name for said in self.channels for name in GROUPS.get(said, (said,)))
        object.__setattr__(self, "channels", chosen)
        if not self.channels or len(set(self.channels)) < len(self.channels):
            raise ValueError(f"channels are one or more different names, got {self.channels}")
        both = sorted(set(self.test) & set(self.valid))
        if both:
            raise ValueError(f"a design is in one split only, {both} are in test and valid")


class Routability(Supervised):
    """One task on placements. Metrics are fractions; "value" is the task's own, see `score`.

    Args:
        data: placements with the channels and the label that the options name.
        options: task, splits, training.

    Raises:
        ValueError: a missing channel or label, a split without a design, or no hotspot at all in one of them.
    """

    tunable = ("batch", "flip")
    """Options that can be chosen with an architecture."""

    def __init__(self, data: Placements, options: Options = Options()):
        self.options, self.data = options, data
        self.metric = METRICS[options.task]
        self.chance = {"violated_nets": 0.0, "hotspots": 0.5, "congestion": -1.0}[options.task]
        self.budget, self.has_test = options.epochs, True
        self._of = split_designs(data.designs, options)
        self.split = {name: tuple(sorted({data.designs[i] for i in rows})) for name, rows in self._of.items()}
        raw, train = torch.from_numpy(np.ascontiguousarray(data.of(options.channels))).float(), self._of["train"]
        self._truth = self._targets()
        self._y = torch.from_numpy(self._truth.astype(np.float32))
        counted = options.task == "violated_nets"
        counts = torch.log1p(self._y) if counted else torch.empty(0)
        self.scaling = Scaling.fitted(
            options.task, options.channels, options.scale, raw[train], counts[train] if counted else counts,
            options.head,
        )  # fmt: skip
        self._x = self.scaling.inputs(raw)
        if counted:
            self._y = ((counts - self.scaling.count_mean) / self.scaling.count_std)[:, None]
        maps = self.scaling.maps
        outputs = tuple(self._x.shape[2:] if maps else self._y.shape[1:])
        self.io = IO(tuple(self._x.shape[1:]), outputs, nets=options.netlist)
        self._pins = tensor(data.netlists) if options.netlist else None

    def _inputs(self, rows: Tensor) -> tuple[Tensor, ...]:
        """What networks read of some placements: maps, and pins."""
        return (self._x[rows],) if self._pins is None else (self._x[rows], self._pins[rows])

    def _targets(self) -> np.ndarray:
        options = self.options
        if options.task == "violated_nets":
            if self.data.counts is None:
                raise ValueError("the data lack counts of nets with violations, which the task violated_nets predicts")
            return self.data.counts.astype(float)
        soft = "hotspot" in self.data.labels and not options.threshold
        default = "congestion" if options.task == "congestion" else "hotspot" if soft else "drc"
        names = (options.target or default).split("+")
        maps: np.ndarray = np.sum([self.data.label(name) for name in names], 0)
        if options.task == "congestion":
            if min(maps.shape[1:]) < metrics.WINDOW:
                raise ValueError(
                    f"congestion is judged by structural similarity in windows of {metrics.WINDOW} x {metrics.WINDOW}"
                    f" gcells, these maps have {' x '.join(map(str, maps.shape[1:]))}: make them with a finer grid"
                )
            low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
            truth, what = (maps - low) / np.where(high > low, high - low, 1), "congestion that differs over its gcells"
        else:
            probable = names == ["hotspot"] and not options.threshold
            truth, what = maps if probable else maps > options.threshold, "a hotspot"
        for name in ("train", "valid", "test"):
            if not truth[self._of[name]].any():
                raise ValueError(f"no placement of the split {name!r} {self.split[name]} has {what}: choose others")
        return truth  # type: ignore[no-any-return]

    @property
    def fingerprint(self) -> str:
        """A digest of options, maps and targets: a training's checkpoint is of one of them."""
        pins = [] if self._pins is None else [self._pins]
        return digest(str(self.options), *self.data.designs, self._x, self._y, *pins)

    def preprocessing(self) -> dict[str, Any]:
        """What users of an exported network need: channels, their scaling, and what comes out (see `Scaling`)."""
        return self.scaling.plain()

    def epoch(self, split: str) -> int:
        """Number of batches in one epoch."""
        return -(-len(self.of_split(split)[0]) // self.options.batch)

    def batches(self, split: str, rng: torch.Generator) -> Iterator[Batch]:
        """One epoch, shuffled and mirrored: "train", "valid", or both for the final training: "all".

        Shapes:
            yields: maps [B, C, H, W], pins [B, P, 3] if networks read them, and standardised log counts [B, 1] or label
                maps [B, H, W].
        """
        rows = torch.from_numpy(self.of_split(split)[0])
        order = rows[torch.randperm(len(rows), generator=rng)]
        for part in torch.split(order, self.options.batch):
            (x, *pins), y = self._inputs(part), self._y[part]
            for axis in (2, 3) if self.options.flip else ():
                chosen = torch.rand(len(x), generator=rng) < 0.5
                x = torch.where(chosen[:, None, None, None], x.flip(axis), x)
                pins = [mirrored(of, axis - 2, self.io.inputs[1:], chosen) for of in pins]
                if y.dim() == 3:
                    y = torch.where(chosen[:, None, None], y.flip(axis - 1), y)
            yield x, *pins, y

    def loss(self, model: Callable[..., Any], batch: Batch) -> Tensor:
        """Cross entropy of hotspots (of their probabilities), square error of the others, of every placement.

        Shapes:
            returns: [B].
        """
        *inputs, y = batch
        out = model(*inputs)
        if self.options.task == "hotspots":
            return binary_cross_entropy_with_logits(out, y, reduction="none").flatten(1).mean(1)
        if self.options.task == "violated_nets":
            out = self.scaling.standardised(out)
        return (out - y).pow(2).flatten(1).mean(1)  # type: ignore[no-any-return]

    def fold(self, index: int, count: int) -> Routability:
        """The domain with another part of the designs that are not for the test held out for validation.

        Args:
            index: of the part, from 0.
            count: parts of the designs; of fewer designs, each is a part, and comes again.

        Raises:
            ValueError: a part without a hotspot.
        """
        designs = sorted({*self.split["train"], *self.split["valid"]})
        random.Random(self.options.seed).shuffle(designs)
        parts = min(count, len(designs))
        options = replace(self.options, test=self.split["test"], valid=tuple(designs[index % parts :: parts]))
        return Routability(self.data, options)

    @torch.no_grad()
    def predict(self, model: nn.Module, rows: np.ndarray) -> np.ndarray:
        """Predicted counts [N], probabilities of hotspots [N, H, W], or congestion [N, H, W]."""
        return self.scaling.outputs(self._raw(model, rows))

    def _raw(self, model: nn.Module, rows: np.ndarray) -> Tensor:
        model.eval()
        parts = (moved(self._inputs(part), home(model)) for part in torch.split(torch.from_numpy(rows), 64))
        found: Tensor = moved(torch.cat([model(*inputs) for inputs in parts]), CPU)
        return found

    def _measure(self, model: nn.Module, split: str) -> dict[str, float]:
        return self.measured(self.predict(model, self._of[split]), split)

    def of_split(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the placements of train, valid, test, or all but test, and what is true of them, as in `predict`.

        Raises:
            ValueError: another split.
        """
        if split not in self._of:
            raise ValueError(f"the splits are {sorted(self._of)}, got {split!r}")
        return self._of[split], self._truth[self._of[split]]

    def measured(self, predicted: np.ndarray, split: str) -> dict[str, float]:
        """Metrics of predictions that anybody made for all placements of a split, in their order, see `predict`."""
        rows, truth = self.of_split(split)
        if self.options.task == "hotspots":
            found = metrics.of_hotspots(predicted, truth)
        elif self.options.task == "congestion":
            found = metrics.of_congestion(predicted, truth)
        else:
            found = metrics.of_counts(predicted, truth, np.array(self.data.designs)[rows])
        return {name: value if value == value else UNDEFINED.get(name, self.chance) for name, value in found.items()}

    def score(self, model: nn.Module) -> dict[str, float]:
        """Metrics of the validation designs; "value" is tau, the mean area under ROC, or minus NRMS."""
        found = self._measure(model, "valid")
        return {"value": self.metric.value(found[self.metric.name]), **found}

    def test(self, model: nn.Module) -> dict[str, float]:
        """The same metrics of the held-out designs, without a "value"."""
        return self._measure(model, "test")

    def example(self, count: int) -> tuple[Tensor, ...]:
        """The first `count` training placements, scaled. Shapes: [count, C, H, W], and pins [count, P, 3]."""
        return self._inputs(torch.from_numpy(self._of["train"][:count]))

    @torch.no_grad()
    def showcase(self, model: nn.Module, count: int = 4) -> dict[str, dict[str, np.ndarray]]:
        """Held-out placements, of as many designs as there are: two features, the label and the prediction, as maps.

        Of counts, the label is where the violations are (drc), if the data know. None for networks without maps.
        """
        if not self.scaling.maps:
            return {}
        rows, counted = self._of["test"], self.options.task == "violated_nets"
        hardest = rows[np.argsort(-self._truth[rows].reshape(len(rows), -1).mean(1), kind="stable")]
        first = {self.data.designs[i]: i for i in hardest[::-1]}
        chosen = np.array(sorted(first.values(), key=list(hardest).index)[:count])
        predicted = self.scaling.drawn(self._raw(model, chosen))
        label = self.data.labels.get("drc") if counted else self._truth
        return {
            self.data.names[i]: {
                **{name: self.data.of([name])[i, 0] for name in self.scaling.shown},
                **({} if label is None else {"label": label[i].astype(float)}),
                "prediction": predicted[k],
            }
            for k, i in enumerate(chosen)
        }
