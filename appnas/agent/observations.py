"""Frames as an agent's encoder reads them: in which order their axes are, what their numbers mean, and a wrapper.

Stable-Baselines3 transposes and scales bytes from 0 to 255, and takes the smallest axis for the channels. `frames`
brings everything else into that form: booleans, small integers and floats, channels last, grey frames [H, W], stacks.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import gymnasium
import numpy as np
from gymnasium import spaces

Layout = Literal["channels_first", "channels_last"]
"""Of the three last axes: [C, H, W] or [H, W, C]."""
WRAPPER = "appnas.agent.frames(env, ...)"


class ChannelsFirst(spaces.Box):
    """Frames [C, H, W], of which nobody needs to guess where the channels are: what `frames` makes."""


def layout(shape: tuple[int, ...], given: Layout | None = None) -> Layout:
    """The order of the axes of frames: channels are fewer than pixels a side, and sides are more often equal than not.

    Args:
        shape: of three axes.
        given: what somebody says, which holds.

    Raises:
        ValueError: not said, and the shape may be read in both ways, or in none.
    """
    if given is not None:
        if given not in get_args(Layout):
            raise ValueError(f"a layout is 'channels_first' or 'channels_last', got {given!r}")
        return given
    first, last = shape[0] <= min(shape[1:]), shape[2] <= min(shape[:2])
    square = shape[1] == shape[2], shape[0] == shape[1]
    against = square[1] and not square[0] if first else square[0] and not square[1]  # the sides say otherwise
    if first == last or against:
        raise ValueError(
            f"frames of the shape {list(shape)} may have their channels first, or last: say which, with {WRAPPER} and"
            " layout='channels_first' or layout='channels_last'"
        )
    return "channels_first" if first else "channels_last"


class Reading(NamedTuple):
    """How the frames of one `Box` are read.

    Attributes:
        source: the observations.
        order: of their last three axes; None for grey ones [H, W].
        low, high: what becomes 0 and 1.
        space: what comes out: bytes if Stable-Baselines3 reads them rightly and nothing is lost, else floats.
    """

    source: spaces.Box
    order: Layout | None
    low: float
    high: float
    space: ChannelsFirst

    def __call__(self, frames: Any) -> np.ndarray:
        """Shapes: [..., *source.shape] -> [..., C, H, W], which means that stacks [K, H, W, C] are joined."""
        x, axes = np.asarray(frames), len(self.source.shape)
        if self.order == "channels_last":
            x = np.moveaxis(x, -1, -3)
        x = x.reshape(*x.shape[: x.ndim - axes], *self.space.shape)
        if x.dtype == np.uint8 and (self.low, self.high) == (0, 255) and self.space.dtype == np.uint8:
            return x
        x = (x.astype(np.float32) - self.low) / (self.high - self.low)
        return (255 * x).round().clip(0, 255).astype(np.uint8) if self.space.dtype == np.uint8 else x.astype(np.float32)


def reading(space: spaces.Box, given: Layout | None = None, bounds: tuple[float, float] | None = None) -> Reading:
    """How frames are read.

    Args:
        space: of two axes (grey), three, or four (a stack of frames).
        given: the layout, where the shape does not tell.
        bounds: what becomes 0 and 1; by default the bounds of the space.

    Raises:
        ValueError: no frames, a layout that is to be said, or no bounds.
    """
    shape = tuple(space.shape or ())  # a Tuple, a Sequence and a Text have none
    if not 2 <= len(shape) <= 4:
        raise ValueError(
            "frames have 2 to 4 axes ([H, W], [H, W, C] or [C, H, W], or a stack of such), as a Box or in a Dict, which"
            f" Stable-Baselines3 takes; got {space}"
        )
    order = None if len(shape) == 2 else shape_known(space) or layout(shape[-3:], given)
    low, high = bounds or (float(space.low.min()), float(space.high.max()))
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(
            f"frames need finite bounds to be scaled by, got {space}: give {WRAPPER} with bounds=(low, high)"
        )
    channels, height, width = _channels_first(shape, order)
    exact = space.dtype == bool or (np.issubdtype(space.dtype, np.integer) and high - low <= 255)
    if exact and channels <= min(height, width):
        return Reading(space, order, low, high, ChannelsFirst(0, 255, (channels, height, width), np.uint8))
    return Reading(space, order, low, high, ChannelsFirst(0, 1, (channels, height, width), np.float32))


def shape_known(space: Any) -> Layout | None:
    """The layout of what `frames` has made; None of anything else."""
    return "channels_first" if isinstance(space, ChannelsFirst) else None


def _channels_first(shape: tuple[int, ...], order: Layout | None) -> tuple[int, int, int]:
    if order is None:
        return 1, *shape  # type: ignore[return-value]
    *stack, a, b, c = shape
    count = stack[0] if stack else 1
    return (count * a, b, c) if order == "channels_first" else (count * c, a, b)


def is_frame(space: Any, alone: bool = True) -> bool:
    """Whether an observation is read as frames: three axes or more; of two, bytes, or what is observed alone."""
    if not isinstance(space, spaces.Box) or len(space.shape) < 2:
        return False
    return len(space.shape) > 2 or alone or (space.dtype == np.uint8 and bool((space.high == 255).all()))


class Seen:
    """Observations through `Reading`s: of one image, or of those keys of a dictionary that are images."""

    def __init__(self, space: Any, given: Layout | None, bounds: tuple[float, float] | None, keys: Any):
        self.keys = None
        if not isinstance(space, spaces.Dict):
            if keys is not None:
                raise ValueError(f"keys are those of a dictionary, this environment observes {space}")
            self.readings = {"": reading(space, given, bounds)}
            self.space: Any = self.readings[""].space
            return
        self.keys = tuple(space) if keys is None else tuple(keys)
        if missing := [key for key in self.keys if key not in space.spaces]:
            raise ValueError(f"there is no observation {missing[0]!r}, there are: {', '.join(map(repr, space))}")
        known = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
        if strange := [key for key in self.keys if not isinstance(space[key], known)]:
            rest = tuple(key for key in self.keys if key not in strange)
            raise ValueError(
                f"Stable-Baselines3 takes no observation such as {strange[0]!r} ({type(space[strange[0]]).__name__}):"
                f" leave it out, with {WRAPPER} and keys={rest!r}"
            )
        own: dict[str, Any] = dict(space.spaces)
        self.readings = {k: reading(own[k], given, bounds) for k in self.keys if is_frame(space[k], alone=False)}
        self.space = spaces.Dict({k: self.readings[k].space if k in self.readings else space[k] for k in self.keys})

    def __call__(self, observation: Any) -> Any:
        """The same, as the encoder reads it."""
        if self.keys is None:
            return self.readings[""](observation)
        return {k: self.readings[k](observation[k]) if k in self.readings else observation[k] for k in self.keys}


class Frames(gymnasium.ObservationWrapper[Any, Any, Any]):
    """An environment of gymnasium with its frames channels first and scaled: see `frames`."""

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        layout: Layout | None = None,
        bounds: tuple[float, float] | None = None,
        keys: Any = None,
    ):
        super().__init__(env)
        self.seen = Seen(env.observation_space, layout, bounds, keys)
        self.observation_space = self.seen.space

    def observation(self, observation: Any) -> Any:
        """The same, as the encoder reads it."""
        return self.seen(observation)
