"""The games as environments of gymnasium and of Stable-Baselines3: what their packages show, and no more."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

OBJECTS, COLOURS, STATES = 11, 6, 4
"""MiniGrid's kinds of things, their colours, and states (of doors, or directions)."""


class MinAtarGame(gymnasium.Env[Any, Any]):
    """A game of MinAtar: booleans [10, 10, channels], six actions."""

    def __init__(self, game: str, limit: int, sticky: float):
        said = logging.root.manager.disable
        logging.disable(logging.WARNING)  # it warns that nothing can be drawn without seaborn
        try:
            from minatar import Environment
        finally:
            logging.disable(said)
        self.game, self.limit, self.steps = Environment(game, sticky_action_prob=sticky), limit, 0
        self.game.reset()
        self.observation_space = spaces.Box(0, 1, self.game.state_shape(), np.bool_)
        self.action_space = spaces.Discrete(self.game.num_actions())

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """A new episode."""
        super().reset(seed=seed)
        if seed is not None:
            self.game.seed(seed)
        self.game.reset()
        self.game.last_action = self.steps = 0
        return self._frame(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Act, cut off at the limit."""
        reward, done = self.game.act(int(action))
        self.steps += 1
        return self._frame(), float(reward), bool(done), self.steps >= self.limit and not done, {}

    def _frame(self) -> np.ndarray:
        return np.asarray(self.game.state(), dtype=np.bool_)


class Symbols(gymnasium.ObservationWrapper[Any, Any, Any]):
    """MiniGrid's view as booleans [height, width, 21]: kind, colour and state of every field, one of each set.

    Its numbers are names: a door is not more than a wall. The mission and the direction of the agent are left out; the
    view is the agent's own.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]):
        super().__init__(env)
        sides = env.observation_space["image"].shape[:2]  # type: ignore[index]
        self.observation_space = spaces.Box(0, 1, (*sides, OBJECTS + COLOURS + STATES), np.bool_)

    def observation(self, observation: Any) -> np.ndarray:
        """The view."""
        image = np.asarray(observation["image"])
        parts = [np.eye(n, dtype=np.bool_)[image[..., i]] for i, n in enumerate((OBJECTS, COLOURS, STATES))]
        return np.concatenate(parts, -1)


class AtariVec(VecEnv):
    """A game of Atari on the vector interface of `ale-py`: four grey frames of 84 x 84 pixels, the largest of two.

    As in Mnih et al. (Nature 518, 529): every action for four frames, at most 30 idle ones at the start, and fire to
    begin where the game waits for it.

    Args:
        game: its name in ale-py, such as ms_pacman.
        count: environments.
        seed: of idle starts and sticky actions.
        sticky: probability that an action is replaced by the one before (Machado et al., arXiv 1709.06009: 0.25).
        training: rewards are cut to -1, 0 and 1, and an episode is one life.
    """

    def __init__(self, game: str, count: int, seed: int, sticky: float, training: bool):
        from ale_py.vector_env import AtariVectorEnv

        self.game: Any = AtariVectorEnv(
            game, count, num_threads=1, repeat_action_probability=sticky, autoreset_mode="SameStep",
            reward_clipping=training, episodic_life=training,
        )  # fmt: skip
        self.first_seed: int | None = seed
        shape, acts = self.game.single_observation_space.shape, self.game.single_action_space
        assert isinstance(acts, spaces.Discrete)
        super().__init__(count, spaces.Box(0, 255, shape, np.uint8), acts)

    def reset(self) -> np.ndarray:
        """New episodes everywhere."""
        seed, self.first_seed = self.first_seed, None
        frames, _ = self.game.reset(seed=None if seed is None else 1000 * seed)
        return np.array(frames)

    def step_async(self, actions: np.ndarray) -> None:
        """Keep what to do."""
        self.actions = np.asarray(actions, dtype=np.int32)

    def step_wait(self) -> Any:
        """Frames, rewards, ends."""
        frames, rewards, over, cut, told = self.game.step(self.actions)
        dones = over | cut
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(dones):
            infos[i] = {"terminal_observation": np.array(told["final_obs"][i]), "TimeLimit.truncated": bool(cut[i])}
        return np.array(frames), rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Let go of the games."""
        self.game.close()

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """The games have no methods of their own."""
        raise AttributeError(f"Atari's environments have no method {method_name!r}")

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """None but the mode of rendering, which SB3 asks for."""
        if attr_name == "render_mode":
            return [None] * self.num_envs
        raise AttributeError(f"Atari's environments have no attribute {attr_name!r}")

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused."""
        raise AttributeError(f"Atari's environments have no attribute {attr_name!r}")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Never."""
        return [False] * self.num_envs

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """From the next reset on."""
        self.first_seed = seed
        return [seed] * self.num_envs
