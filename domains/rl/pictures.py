"""Continuous control and other tasks by sight: an environment's pictures in the place of its numbers.

Classic control is drawn here, as white lines on black: gymnasium's own drawing needs pygame. Any other environment that
renders to arrays, such as those of `gymnasium[mujoco]`, is seen as it renders itself.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
import torch
from gymnasium import spaces

Line = tuple[float, float, float, float, float]
"""From (x, y) to (x, y), and half its width; all in shares of the picture, y from the top."""


class Pixels(gymnasium.Wrapper[Any, Any, Any, Any]):
    """The last pictures of an environment, grey, one a channel, the newest last: uint8 [side, side, frames].

    Args:
        env: one of classic control, or one made with `render_mode="rgb_array"`.
        side: pixels; what is rendered is averaged down to it, whatever its shape.
        frames: pictures that are seen at once, so that speed can be; after a reset all are the first.
        repeat: steps that an action is taken for; their rewards are summed.

    Raises:
        ValueError: an environment that does not render to arrays, or a size below 1.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], side: int = 64, frames: int = 3, repeat: int = 1):
        super().__init__(env)
        if min(side, frames, repeat) < 1:
            raise ValueError(f"side, frames and repeat are at least 1, got {side}, {frames} and {repeat}")
        self.lines = LINES.get(type(env.unwrapped).__name__)
        if self.lines is None and env.render_mode != "rgb_array":
            raise ValueError(
                f"{env} does not render to arrays (its render_mode is {env.render_mode}): make it with"
                " gymnasium.make(..., render_mode='rgb_array')"
            )
        self.side, self.repeat, self.seen = side, repeat, deque[np.ndarray](maxlen=frames)
        self.observation_space = spaces.Box(0, 255, (side, side, frames), np.uint8)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """A new episode."""
        _, info = self.env.reset(seed=seed, options=options)
        self.seen.extend([self._picture()] * self.seen.maxlen)  # type: ignore[operator]
        return np.stack(self.seen, -1), info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Act `repeat` times, or until the episode ends."""
        total = 0.0
        for _ in range(self.repeat):
            _, reward, over, cut, info = self.env.step(action)
            total += float(reward)
            if over or cut:
                break
        self.seen.append(self._picture())
        return np.stack(self.seen, -1), total, over, cut, info

    def _picture(self) -> np.ndarray:
        if self.lines is not None:
            return drawn(self.lines(self.env.unwrapped), self.side)
        shown: Any = self.env.render()
        grey = torch.from_numpy(np.asarray(shown, np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))
        pooled = torch.nn.functional.adaptive_avg_pool2d(grey[None], self.side)[0]
        return pooled.round().to(torch.uint8).numpy()


def drawn(lines: Sequence[Line], side: int) -> np.ndarray:
    """A picture of lines with soft edges. Shapes: returns [side, side], uint8."""
    x, y = _grid(side)
    ink = np.zeros((side, side), np.float32)
    for x0, y0, x1, y1, half in lines:
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
        away = np.hypot(x - x0 - along * dx, y - y0 - along * dy)
        np.maximum(ink, np.clip((half - away) * side + 0.5, 0, 1), out=ink)
    return (255 * ink).round().astype(np.uint8)


@cache
def _grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    at = (np.arange(side, dtype=np.float32) + 0.5) / side
    return at[None, :], at[:, None]


def _rod(x: float, y: float, angle: float, length: float, half: float) -> Line:
    """From a point on, an angle to the right of upwards, in radians."""
    return x, y, x + length * math.sin(angle), y - length * math.cos(angle), half


def _pendulum(env: Any) -> list[Line]:
    return [_rod(0.5, 0.5, -float(env.state[0]), 0.4, 0.05)]


def _cart_pole(env: Any) -> list[Line]:
    x = 0.5 + 0.5 * float(env.state[0]) / env.x_threshold
    return [(x - 0.08, 0.8, x + 0.08, 0.8, 0.04), _rod(x, 0.8, float(env.state[2]), 0.45, 0.02)]


def _acrobot(env: Any) -> list[Line]:
    first, second = float(env.state[0]), float(env.state[0] + env.state[1])
    upper = _rod(0.5, 0.5, math.pi - first, 0.22, 0.03)
    return [upper, _rod(upper[2], upper[3], math.pi - second, 0.22, 0.02)]


def _mountain_car(env: Any) -> list[Line]:
    """The car alone: its hill is always the same."""
    position = float(env.state[0])
    x = (position - env.min_position) / (env.max_position - env.min_position)
    y = 0.85 - 0.4 * (1 + math.sin(3 * position))
    return [(x, y, x, y, 0.06)]


LINES: dict[str, Callable[[Any], list[Line]]] = {
    "PendulumEnv": _pendulum, "CartPoleEnv": _cart_pole, "AcrobotEnv": _acrobot, "MountainCarEnv": _mountain_car,
    "Continuous_MountainCarEnv": _mountain_car,
}  # fmt: skip
"""What is drawn here, by the names of gymnasium's classes."""
