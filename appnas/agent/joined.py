"""What an agent observes, brought to an encoder: one image, several things in a dictionary, or numbers in a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import get_flattened_obs_dim, is_image_space
from torch import Tensor, nn

from appnas.agent.observations import WRAPPER, Layout, is_frame, layout, shape_known
from appnas.space import IO


class Image:
    """How SB3 hands over frames of one space, and how they are turned into [B, C, H, W].

    Args:
        space: of the observations.
        scaled: frames come as the encoder sees them (the policy's `normalize_images=False`): any type, any range.

    Raises:
        ValueError: no images, or a layout or a range that nobody can know.
    """

    def __init__(self, space: Any, scaled: bool):
        shape, wrong = tuple(getattr(space, "shape", None) or ()), ""
        bytes_ = is_image_space(space)  # SB3 has transposed these, and scales them
        if len(shape) == 4:
            wrong = f"it takes 3 axes; {WRAPPER} joins the channels of stacked frames, VecFrameStack does so by itself"
        elif len(shape) == 2:
            wrong = f"grey frames [H, W] lack the axis of channels, which {WRAPPER} adds, before frames are stacked"
        elif len(shape) != 3:
            wrong = "a vector has nothing to convolve; leave SB3's own extractor to it, or take the space Torso"
        elif not (scaled or bytes_ or ((space.low >= -1).all() and (space.high <= 1).all())):
            wrong = (
                "SB3 scales bytes (uint8) from 0 to 255, other frames come as they are, and should be in 0 to 1:"
                f" {WRAPPER} scales them by their bounds; or say normalize_images=False. Behind VecNormalize:"
                " norm_obs=False"
            )
        if not wrong:
            sides_say_so = bytes_ and shape[1] == shape[2] != shape[0]
            try:
                self.order: Layout = shape_known(space) or ("channels_first" if sides_say_so else layout(shape))
            except ValueError as error:
                wrong = str(error)
            if bytes_ and not wrong and self.order == "channels_last":
                wrong = (
                    f"SB3 takes the axis of 3 that is smallest for the channels, and hands them over first: {WRAPPER}"
                )
        if wrong:
            raise ValueError(f"an image encoder needs images, this agent observes {space}: {wrong}")
        self.shape = shape if self.order == "channels_first" else (shape[2], *shape[:2])

    def __call__(self, x: Tensor) -> Tensor:
        """Shapes: [B, *space.shape] -> [B, C, H, W]."""
        return x if self.order == "channels_first" else x.permute(0, 3, 1, 2)


def flat(x: Tensor) -> Tensor:
    """Shapes: [B, ...] -> [B, numbers]."""
    return x.flatten(1)


def row(observations: Any) -> Tensor:
    """All that is observed as one vector, in the order of the keys. Shapes: [B, ...] each -> [B, numbers]."""
    parts = observations.values() if isinstance(observations, Mapping) else [observations]
    return torch.cat([flat(part) for part in parts], 1)


def read_dict(space: spaces.Dict, scaled: bool) -> dict[str, Callable[[Tensor], Tensor]]:
    """How every observation of a dictionary is brought in: an `Image`, or `flat`.

    Raises:
        ValueError: no image among them, or one that cannot be read; the message has its key.
    """
    found: dict[str, Callable[[Tensor], Tensor]] = {}
    for key, part in space.items():
        found[key] = flat
        if is_frame(part, alone=False):
            try:
                found[key] = Image(part, scaled)
            except ValueError as error:
                raise ValueError(f"observation {key!r}: {error}") from None
    if not any(isinstance(read, Image) for read in found.values()):
        raise ValueError(
            f"an image encoder needs images, this agent observes {space}, none of which is one: leave SB3's own"
            " extractor to it, or take the space Torso"
        )
    return found


class Joined(nn.Module):
    """An encoder for every image of a dictionary, all of one architecture, and the rest joined to their features.

    What SB3's `CombinedExtractor` does, in its order: that of the keys. forward(observations, gates) of a supernet.

    Args:
        reads: of every key, see `read_dict`.
        make: `IO` of an image -> its encoder.
        outputs: of the `IO`, see `Features`.
        rectified: no feature of an image is negative; else they come as the encoder gives them.
    """

    def __init__(
        self,
        reads: Mapping[str, Callable[[Tensor], Tensor]],
        make: Callable[[IO], nn.Module],
        outputs: tuple[int, ...],
        rectified: bool = True,
    ):
        super().__init__()
        self.rectified = rectified
        self.keys = tuple(reads)
        images = {key: read.shape for key, read in reads.items() if isinstance(read, Image)}
        self.places = {key: i for i, key in enumerate(images)}
        self.encoders = nn.ModuleList(make(IO(shape, outputs)) for shape in images.values())

    def forward(self, observations: Mapping[str, Tensor], gates: Any = None) -> Tensor:
        """Shapes: [B, C, H, W] or [B, numbers] each -> [B, features]."""
        more, parts = {} if gates is None else {"gates": gates}, []
        for key in self.keys:
            x = observations[key]
            if key in self.places:
                out: Any = self.encoders[self.places[key]](x, **more)
                x = out[0] if isinstance(out, tuple) else out
                x = x.relu() if self.rectified else x
            parts.append(x)
        return torch.cat(parts, 1)


def numbers(space: Any) -> int:
    """Length of the vector of all that is observed.

    Raises:
        ValueError: there are images.
    """
    parts = space.values() if isinstance(space, spaces.Dict) else [space]
    if any(is_frame(part, alone=False) for part in parts):
        raise ValueError(f"a torso takes vectors, this agent observes {space}: an image needs a space such as Encoder")
    return sum(get_flattened_obs_dim(part) for part in parts)
