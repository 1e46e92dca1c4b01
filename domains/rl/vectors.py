"""Environments side by side, as Stable-Baselines3 wants them: Catch and Reach, gymnasium's, Procgen's on gym3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper, VecFrameStack, is_vecenv_wrapped

PADDLE = 3
"""Width of Catch's paddle, pixels."""


class Catch(gymnasium.Env[Any, Any]):
    """A ball falls one pixel a step; the paddle moves left, stays or moves right. Reward 1 or -1 at the bottom."""

    def __init__(self, side: int = 16):
        self.side = side
        self.observation_space = spaces.Box(0, 255, (side, side, 1), np.uint8)
        self.action_space = spaces.Discrete(3)
        self.row = self.column = self.paddle = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """A new ball at the top, the paddle anywhere."""
        super().reset(seed=seed)
        self.row = 0
        self.column = int(self.np_random.integers(self.side))
        self.paddle = int(self.np_random.integers(self.side - PADDLE + 1))
        return self._frame(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move, fall."""
        self.paddle = min(max(self.paddle + int(action) - 1, 0), self.side - PADDLE)
        self.row += 1
        over = self.row == self.side - 1
        caught = self.paddle <= self.column < self.paddle + PADDLE
        return self._frame(), (1.0 if caught else -1.0) if over else 0.0, over, False, {}

    def _frame(self) -> np.ndarray:
        frame = np.zeros((self.side, self.side, 1), np.uint8)
        frame[-1, self.paddle : self.paddle + PADDLE] = 255
        frame[self.row, self.column] = 255
        return frame

    def get_state(self) -> dict[str, Any]:
        """Positions and generator."""
        return {"at": [self.row, self.column, self.paddle], "rng": self.np_random.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.row, self.column, self.paddle = state["at"]
        self.np_random.bit_generator.state = state["rng"]


class Reach(gymnasium.Env[Any, Any]):
    """A point is moved to a mark in 20 steps. Reward: minus the distance, in quarters of the side.

    Two numbers move it, up to a pixel each way, so that agents which act by numbers learn by sight in minutes. The
    point is in one channel and the mark in the other, each shared between the pixels around it.
    """

    def __init__(self, side: int = 10):
        self.side, self.steps = side, 0
        self.observation_space = spaces.Box(0, 255, (side, side, 2), np.uint8)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.point = self.mark = np.zeros(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Point and mark anywhere."""
        super().reset(seed=seed)
        self.steps = 0
        self.point, self.mark = self.np_random.uniform(0, self.side - 1, (2, 2))
        return self._frame(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move."""
        self.steps += 1
        self.point = np.clip(self.point + action, 0, self.side - 1)
        distance = float(np.linalg.norm(self.point - self.mark))
        return self._frame(), -4 * distance / self.side, False, self.steps == 20, {}

    def _frame(self) -> np.ndarray:
        pixels = np.arange(self.side)
        near = np.clip(1 - np.abs(pixels[:, None] - np.stack([self.point, self.mark]).ravel()), 0, 1)  # [side, 4]
        frame: np.ndarray = 255 * near[:, None, ::2] * near[None, :, 1::2]
        return frame.astype(np.uint8)

    def get_state(self) -> dict[str, Any]:
        """Steps, places and generator."""
        at = [self.steps, self.point.tolist(), self.mark.tolist()]
        return {"at": at, "rng": self.np_random.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.steps, point, mark = state["at"]
        self.point, self.mark = np.array(point), np.array(mark)
        self.np_random.bit_generator.state = state["rng"]


def vector(make: Callable[[], gymnasium.Env[Any, Any]], count: int, seed: int, shrink: int = 1) -> VecEnv:
    """Environments of gymnasium side by side in one process, seeded, their frames shrunk."""
    env = DummyVecEnv([make] * count)
    env.seed(1000 * seed)
    return Pooled(env, shrink) if shrink > 1 else env


class Pooled(VecEnvWrapper):
    """Frames average-pooled by a factor, channels where they were."""

    def __init__(self, env: VecEnv, factor: int):
        space = env.observation_space
        if not is_image_space(space):
            raise ValueError(f"only images can be shrunk, uint8 from 0 to 255; this environment shows {space}")
        shape = list(space.shape or ())
        self.factor, self.at = factor, 1 if is_image_space_channels_first(space) else 0  # type: ignore[arg-type]
        sides = slice(self.at, self.at + 2)
        height, width = shape[sides]
        if height % factor or width % factor:
            raise ValueError(f"frames of {height} x {width} pixels cannot be shrunk by {factor}: it must divide both")
        shape[sides] = height // factor, width // factor
        channels = shape[2 - 2 * self.at]
        if channels >= min(shape[sides]):
            raise ValueError(
                f"{channels} channels of {shape[sides]} pixels would no longer be the smallest axis, by which channels"
                f" are known: shrink by less than {factor}"
            )
        super().__init__(env, observation_space=spaces.Box(0, 255, tuple(shape), np.uint8))

    def _pool(self, frames: Any) -> np.ndarray:
        f, at = self.factor, self.at + 1  # the first axis of pixels, after that of environments
        h, w = frames.shape[at : at + 2]
        blocks = frames.reshape(*frames.shape[:at], h // f, f, w // f, f, *frames.shape[at + 2 :])
        return np.asarray(blocks.mean((at + 1, at + 3)).round().astype(np.uint8))

    def reset(self) -> np.ndarray:
        """All frames, shrunk."""
        return self._pool(self.venv.reset())

    def step_wait(self) -> Any:
        """As the environment's, the frames shrunk."""
        frames, rewards, dones, infos = self.venv.step_wait()
        for info in infos:
            if "terminal_observation" in info:
                info["terminal_observation"] = self._pool(info["terminal_observation"][None])[0]
        return self._pool(frames), rewards, dones, infos


class ProcgenVec(VecEnv):
    """Procgen on its gym3 interface (Cobbe et al., arXiv 1912.01588).

    An episode that ends gives way to the next at once: the frame that comes with `done` starts the new one, the last
    one of the old is never shown (SB3's `terminal_observation` holds the new one; episodes end truly, none is cut off).
    Infos tell Procgen's `level_seed`, `prev_level_seed` and `prev_level_complete`, and where an episode ends SB3's
    `is_success`.

    Args:
        count: environments.
        game: of the 16.
        mode: "easy" or "hard"; of some games also "extreme", "memory" or "exploration".
        levels: number of levels, from `start`; 0 for all there are.
        start: first level.
        seed: of the order of levels; without one Procgen would take it from the system.
        plain: no backgrounds, one theme: easier to see, not the benchmark.
        more: further options of Procgen's, such as use_sequential_levels or center_agent.

    Every step's info has `level_seed`, and of the episode before `prev_level_seed` and `prev_level_complete` (0 or 1).
    """

    def __init__(
        self, count: int, game: str, mode: str, levels: int, start: int, seed: int, plain: bool = False, **more: Any
    ):
        from procgen import ProcgenGym3Env

        more |= {"use_backgrounds": False, "restrict_themes": True} if plain else {}
        more |= {} if mode == "exploration" else {"num_levels": levels, "start_level": start}  # it has one of its own
        self.game = ProcgenGym3Env(
            num=count, env_name=game, distribution_mode=mode, rand_seed=seed, num_threads=0, **more
        )
        super().__init__(count, spaces.Box(0, 255, (64, 64, 3), np.uint8), spaces.Discrete(15))

    def _frames(self) -> np.ndarray:
        return np.array(self.game.observe()[1]["rgb"])  # a copy: Procgen writes the next frames into the same memory

    def reset(self) -> np.ndarray:
        """The current frames: Procgen starts its episodes itself, and none can be cut short."""
        return self._frames()

    def step_async(self, actions: np.ndarray) -> None:
        """Act."""
        self.game.act(np.asarray(actions, dtype=np.int32))

    def step_wait(self) -> Any:
        """Frames, rewards, ends."""
        rewards, _, first = self.game.observe()
        frames = self._frames()
        infos: list[dict[str, Any]] = [{k: int(x) for k, x in info.items()} for info in self.game.get_info()]
        for i in np.flatnonzero(first):
            infos[i] |= {"terminal_observation": frames[i], "is_success": bool(infos[i]["prev_level_complete"])}
        return frames, rewards.astype(np.float32), np.array(first), infos

    def close(self) -> None:
        """Let go of the environments."""
        self.game.close()

    def get_state(self) -> list[bytes]:
        """Of every environment."""
        return list(self.game.callmethod("get_state"))

    def set_state(self, states: Sequence[bytes]) -> None:
        """Go on from a state."""
        self.game.callmethod("set_state", list(states))

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Procgen's environments have no methods of their own."""
        raise AttributeError(f"Procgen's environments have no method {method_name!r}")

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """None but the mode of rendering, which SB3 asks for."""
        if attr_name == "render_mode":
            return [None] * self.num_envs
        raise AttributeError(f"Procgen's environments have no attribute {attr_name!r}")

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused."""
        raise AttributeError(f"Procgen's environments have no attribute {attr_name!r}")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Never."""
        return [False] * self.num_envs


def states(env: VecEnv) -> list[Any] | None:
    """The state of every environment below all wrappers; None if they cannot tell it."""
    inner = env.unwrapped
    if is_vecenv_wrapped(env, VecFrameStack):  # which remembers frames
        return None
    if isinstance(inner, ProcgenVec):
        return inner.get_state()
    if isinstance(inner, DummyVecEnv) and all(hasattr(e.unwrapped, "get_state") for e in inner.envs):
        return [e.unwrapped.get_state() for e in inner.envs]  # type: ignore[attr-defined]
    return None


def set_states(env: VecEnv, saved: Sequence[Any]) -> None:
    """Go on from `states`."""
    inner = env.unwrapped
    if isinstance(inner, ProcgenVec):
        inner.set_state(saved)
    elif isinstance(inner, DummyVecEnv):
        for e, state in zip(inner.envs, saved, strict=True):
            e.unwrapped.set_state(state)  # type: ignore[attr-defined]
