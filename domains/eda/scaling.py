"""What is done to maps before a network sees them, and what its outputs mean: plain data that an export carries."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from appnas.domains.eda.flow.netlists import windowed
from appnas.domains.eda.levels import Level, Strange, levels, strange

Task = Literal["violated_nets", "hotspots", "congestion"]
Scale = Literal["train", "sample"]
Head = Literal["mean", "sum"]
OUTPUTS = {
    "violated_nets": "log(1 + nets), less count_mean, divided by count_std [N, 1]",
    "hotspots": "logits of every gcell [N, H, W]",
    "congestion": "congestion of every gcell, 0 to 1 in each placement [N, H, W]",
}
"""What a network gives."""
SUMMED = (
    "maps whose softplus(map + count_bias) is nets left open a gcell; their sum over the map is the count [N, H, W]"
)
"""What it gives of violated_nets with the head "sum"."""
SHOWN = ("pin", "rudy_small", "macro_region", "RUDY")
"""Channels to draw, if there; else the first."""
LATER = ("head", "count_bias", "levels")
"""What exports of earlier versions lack."""
Tile = tuple[slice, slice, slice, slice]
"""Rows and columns of a window, and those of them that are its own."""
FLAT = 1e-9
"""A channel that deviates less than this is constant."""


@dataclass(frozen=True)
class Scaling:
    """The scaling of a task's maps and counts."""

    task: Task
    """What is predicted."""
    channels: tuple[str, ...]
    """Feature maps by name, in order."""
    scale: Scale
    """By mean and deviation of the training placements, or to 0..1 in each placement."""
    mean: tuple[float, ...] = ()
    """Of every channel, for "train"."""
    std: tuple[float, ...] = ()
    """Likewise the deviation."""
    count_mean: float = 0.0
    """Of log(1 + nets), for violated_nets."""
    count_std: float = 1.0
    """Likewise the deviation."""
    head: Head = "mean"
    """Of violated_nets: the network gives a number, or a map of what every gcell adds to it."""
    count_bias: float = 0.0
    """Added to such a map, so that a network that says 0 everywhere says the training's geometric mean."""
    levels: dict[str, Level] = field(default_factory=dict, hash=False)
    """How high every channel stands in the training placements, see `appnas.domains.eda.levels`; of maps in 0..1 for
    "sample". Exports of earlier versions have none."""

    @property
    def shown(self) -> list[str]:
        """Two channels that tell most to the eye."""
        return sorted(self.channels, key=lambda name: SHOWN.index(name) if name in SHOWN else len(SHOWN))[:2]

    @classmethod
    def fitted(
        cls, task: Task, channels: tuple[str, ...], scale: Scale, x: Tensor, counts: Tensor, head: Head = "mean"
    ) -> Scaling:
        """Of training placements.

        Args:
            task: what is predicted.
            channels: of the maps.
            scale: how.
            x: maps as measured, [N, C, H, W].
            counts: log(1 + nets), [N]; empty for other tasks.
            head: of counts: whether networks give a number or a map.
        """
        known: dict[str, Any] = {}
        if scale == "train":
            known = {"mean": tuple(x.mean((0, 2, 3)).tolist()), "std": tuple(x.std((0, 2, 3)).tolist())}
        if len(counts):
            spread = float(counts.std()) if len(counts) > 1 else 0.0
            known |= {"count_mean": float(counts.mean()), "count_std": spread + 1e-6, "head": head}
        if known.get("head") == "sum":
            each = max(math.expm1(known["count_mean"]), 1e-3) / x[0, 0].numel()
            known["count_bias"] = math.log(math.expm1(each))  # softplus of it is each
        found = cls(task, channels, scale, **known)
        return replace(found, levels=levels(channels, found._level(x).numpy()))

    @classmethod
    def of_plain(cls, content: dict[str, Any]) -> Scaling:
        """The inverse of `plain`.

        Raises:
            ValueError: something else.
        """
        missing = [name for name in cls.__dataclass_fields__ if name not in content and name not in LATER]
        if missing:
            raise ValueError(f"not the preprocessing of a network on maps of a chip: it has no {missing[0]!r}")
        known = {name: content[name] for name in cls.__dataclass_fields__ if name in content}
        known |= {name: tuple(known[name]) for name in ("channels", "mean", "std")}
        return cls(**known)

    def plain(self) -> dict[str, Any]:
        """For JSON, with the meaning of the outputs as "output"."""
        return {**asdict(self), "output": SUMMED if self.maps and self.task == "violated_nets" else OUTPUTS[self.task]}

    @property
    def maps(self) -> bool:
        """Whether networks give maps, of every task but counts whose head gives a number."""
        return self.task != "violated_nets" or self.head == "sum"

    def strange(self, x: np.ndarray) -> list[Strange]:
        """In which channels a design is not like those of the training, worst first.

        Args:
            x: its maps as measured, in the order of the channels, [C, H, W].

        Raises:
            ValueError: the export knows no levels.
        """
        if not self.levels:
            raise ValueError("the network was exported without the levels of its training's channels: export it anew")
        return strange(self.levels, self._level(torch.from_numpy(x).float()[None])[0].numpy())

    def _level(self, x: Tensor) -> Tensor:
        """Maps whose means can be compared between designs: as measured, or as the network sees them if in 0..1."""
        return x if self.scale == "train" else self.inputs(x)

    def inputs(self, x: Tensor) -> Tensor:
        """Maps as measured -> as the network wants them; a constant channel becomes 0. Shapes: [N, C, H, W] both."""
        if self.scale == "sample":
            low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
            return torch.where(high > low, (x - low) / (high - low).clamp_min(1e-12), torch.zeros_like(x))
        mean, std = (torch.tensor(values)[None, :, None, None] for values in (self.mean, self.std))
        return torch.where(std > FLAT, (x - mean) / std.clamp_min(FLAT), torch.zeros_like(x))

    def nets(self, out: Tensor) -> Tensor:
        """Nets left open in every gcell, of the maps of a head "sum". Shapes: [N, H, W] both."""
        return softplus(out + self.count_bias)

    def standardised(self, out: Tensor) -> Tensor:
        """What a network gives for counts, number or map -> the standardised log count, [N, 1]."""
        if out.dim() < 3:
            return out
        return ((torch.log1p(self.nets(out).sum((1, 2))) - self.count_mean) / self.count_std)[:, None]

    def outputs(self, out: Tensor) -> np.ndarray:
        """What the network gave -> counts [N], probabilities of hotspots [N, H, W], or congestion [N, H, W]."""
        if self.task == "violated_nets":
            return torch.expm1(self.standardised(out)[:, 0] * self.count_std + self.count_mean).numpy()
        return (torch.sigmoid(out.double()) if self.task == "hotspots" else out).numpy()

    def predict(self, model: Callable[[Tensor], Tensor], x: np.ndarray, tiles: Iterable[Tile] = ()) -> np.ndarray:
        """What a trained network says of maps as measured, with the channels in this order.

        Shapes:
            x: [N, C, H, W]. returns: as for `outputs`.

        Raises:
            ValueError: as for `raw`.
        """
        return self.outputs(self.raw(model, x, tiles))

    def drawn(self, out: Tensor) -> np.ndarray:
        """What a network gave, as maps to look at: `outputs`, of counts the nets of every gcell. Shapes: [N, H, W]."""
        return self.nets(out).numpy() if self.task == "violated_nets" else self.outputs(out)

    @torch.no_grad()
    def raw(
        self, model: Callable[..., Tensor], x: np.ndarray, tiles: Iterable[Tile] = (), pins: Sequence[np.ndarray] = ()
    ) -> Tensor:
        """What a trained network gives, not yet in units.

        Maps larger than the network's are cut into `tiles` (`Grid.tiles`), of each of which it keeps what is theirs
        alone. They are scaled whole: of "sample", lowest and highest are those of the placement.

        Shapes:
            x: [N, C, H, W]. pins: for networks that read nets, each [P, 3] (`appnas.domains.eda.flow.netlists`); of a
                tile those in it alone. returns: [N, 1] or [N, H, W].

        Raises:
            ValueError: another number of channels, or tiles of a network that gives one number.
        """
        if x.ndim != 4 or x.shape[1] != len(self.channels):
            raise ValueError(f"the network reads maps [N, {len(self.channels)}, H, W], got the shape {x.shape}")
        if isinstance(model, nn.Module):
            model.eval()
        inputs = self.inputs(torch.from_numpy(x).float())
        if not tiles:
            whole = slice(0, x.shape[2]), slice(0, x.shape[3])
            return model(inputs, *windowed(pins, x.shape[3], *whole))
        if not self.maps:
            raise ValueError(
                "how many nets cannot be told from tiles: the network gives one number for a whole placement"
            )
        found = torch.empty(len(x), *x.shape[2:])
        for rows, columns, own_rows, own_columns in tiles:
            part = model(inputs[:, :, rows, columns], *windowed(pins, x.shape[3], rows, columns))
            kept = (slice(own.start - all_.start, own.stop - all_.start)
                    for own, all_ in ((own_rows, rows), (own_columns, columns)))  # fmt: skip
            found[:, own_rows, own_columns] = part[(slice(None), *kept)]
        return found
