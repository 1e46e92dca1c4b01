"""What is done to maps before a network sees them, and what its outputs mean: plain data that an export carries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

Task = Literal["violated_nets", "hotspots", "congestion"]
Scale = Literal["train", "sample"]
OUTPUTS = {
    "violated_nets": "log(1 + nets), less count_mean, divided by count_std [N, 1]",
    "hotspots": "logits of every gcell [N, H, W]",
    "congestion": "congestion of every gcell, 0 to 1 in each placement [N, H, W]",
}
"""What a network gives."""
SHOWN = ("pin", "rudy_small", "macro_region", "RUDY")
"""Channels to draw, if there; else the first."""
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

    @property
    def shown(self) -> list[str]:
        """Two channels that tell most to the eye."""
        return sorted(self.channels, key=lambda name: SHOWN.index(name) if name in SHOWN else len(SHOWN))[:2]

    @classmethod
    def fitted(cls, task: Task, channels: tuple[str, ...], scale: Scale, x: Tensor, counts: Tensor) -> Scaling:
        """Of training placements.

        Args:
            task: what is predicted.
            channels: of the maps.
            scale: how.
            x: maps as measured, [N, C, H, W].
            counts: log(1 + nets), [N]; empty for other tasks.
        """
        mean: tuple[float, ...] = ()
        std: tuple[float, ...] = ()
        if scale == "train":
            mean, std = tuple(x.mean((0, 2, 3)).tolist()), tuple(x.std((0, 2, 3)).tolist())
        if not len(counts):
            return cls(task, channels, scale, mean, std)
        spread = float(counts.std()) if len(counts) > 1 else 0.0
        return cls(task, channels, scale, mean, std, float(counts.mean()), spread + 1e-6)

    @classmethod
    def of_plain(cls, content: dict[str, Any]) -> Scaling:
        """The inverse of `plain`.

        Raises:
            ValueError: something else.
        """
        missing = [name for name in cls.__dataclass_fields__ if name not in content]
        if missing:
            raise ValueError(f"not the preprocessing of a network on maps of a chip: it has no {missing[0]!r}")
        known = {name: content[name] for name in cls.__dataclass_fields__}
        known |= {name: tuple(known[name]) for name in ("channels", "mean", "std")}
        return cls(**known)

    def plain(self) -> dict[str, Any]:
        """For JSON, with the meaning of the outputs as "output"."""
        return {**asdict(self), "output": OUTPUTS[self.task]}

    def inputs(self, x: Tensor) -> Tensor:
        """Maps as measured -> as the network wants them; a constant channel becomes 0. Shapes: [N, C, H, W] both."""
        if self.scale == "sample":
            low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
            return torch.where(high > low, (x - low) / (high - low).clamp_min(1e-12), torch.zeros_like(x))
        mean, std = (torch.tensor(values)[None, :, None, None] for values in (self.mean, self.std))
        return torch.where(std > FLAT, (x - mean) / std.clamp_min(FLAT), torch.zeros_like(x))

    def outputs(self, out: Tensor) -> np.ndarray:
        """What the network gave -> counts [N], probabilities of hotspots [N, H, W], or congestion [N, H, W]."""
        if self.task == "violated_nets":
            return torch.expm1(out[:, 0] * self.count_std + self.count_mean).numpy()
        return (torch.sigmoid(out.double()) if self.task == "hotspots" else out).numpy()

    @torch.no_grad()
    def predict(self, model: Callable[[Tensor], Tensor], x: np.ndarray, tiles: Iterable[Tile] = ()) -> np.ndarray:
        """What a trained network says of maps as measured, with the channels in this order.

        Maps larger than the network's are cut into `tiles` (`Grid.tiles`), of each of which it keeps what is theirs
        alone. They are scaled whole: of "sample", lowest and highest are those of the placement.

        Shapes:
            x: [N, C, H, W]. returns: as for `outputs`.

        Raises:
            ValueError: another number of channels, or tiles of a network that gives one number.
        """
        if x.ndim != 4 or x.shape[1] != len(self.channels):
            raise ValueError(f"the network reads maps [N, {len(self.channels)}, H, W], got the shape {x.shape}")
        if isinstance(model, nn.Module):
            model.eval()
        inputs = self.inputs(torch.from_numpy(x).float())
        if not tiles:
            return self.outputs(model(inputs))
        if self.task == "violated_nets":
            raise ValueError(
                "how many nets cannot be told from tiles: the network gives one number for a whole placement"
            )
        found = torch.empty(len(x), *x.shape[2:])
        for rows, columns, own_rows, own_columns in tiles:
            part = model(inputs[:, :, rows, columns])
            kept = (slice(own.start - all_.start, own.stop - all_.start)
                    for own, all_ in ((own_rows, rows), (own_columns, columns)))  # fmt: skip
            found[:, own_rows, own_columns] = part[(slice(None), *kept)]
        return self.outputs(found)
