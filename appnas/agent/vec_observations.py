"""`appnas.agent.frames`, for one environment and for environments side by side, as Stable-Baselines3 has them."""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecFrameStack

from appnas.agent.joined import Image
from appnas.agent.observations import WRAPPER, Frames, Layout, Seen, shape_known


class VecFrames(VecEnvWrapper):
    """Environments whose frames are channels first and scaled: see `appnas.agent.frames`."""

    def __init__(
        self, env: VecEnv, layout: Layout | None = None, bounds: tuple[float, float] | None = None, keys: Any = None
    ):
        self.seen = Seen(env.observation_space, layout, bounds, keys)
        super().__init__(env, observation_space=self.seen.space)

    def reset(self) -> Any:
        """All frames, as the encoder reads them."""
        return self.seen(self.venv.reset())

    def step_wait(self) -> Any:
        """As the environments', frames as the encoder reads them."""
        shown, rewards, dones, infos = self.venv.step_wait()
        for info in infos:
            if "terminal_observation" in info:
                info["terminal_observation"] = self.seen(info["terminal_observation"])
        return self.seen(shown), rewards, dones, infos


def frames(env: Any, layout: Layout | None = None, bounds: tuple[float, float] | None = None, keys: Any = None) -> Any:
    """An environment, or several side by side, whose images an encoder reads: channels first, 0 to 1, or bytes.

    For booleans, small integers and floats; channels last, grey frames [H, W], stacks [K, H, W, C] of gymnasium's
    `FrameStackObservation`, also as values of a dictionary. Bytes come out, 0 to 255, which take least memory; floats
    where these would lose something, or where Stable-Baselines3 would take another axis for the channels, as it does
    if these are more than pixels a side. Wrap before `VecTransposeImage` and `VecNormalize`, after frames are stacked.

    Args:
        env: of gymnasium, or a `VecEnv`.
        layout: "channels_first" or "channels_last", where the shape does not tell.
        bounds: what becomes 0 and 1; by default the bounds of the observation space.
        keys: of a dictionary, those to keep; by default all.

    Raises:
        ValueError: no frames; axes that may be read in two ways, with no layout given; no bounds; an observation that
            Stable-Baselines3 does not know.
    """
    if isinstance(env, gymnasium.Env):
        return Frames(env, layout, bounds, keys)
    return VecFrames(env, layout, bounds, keys)


def check_stacks(env: Any, space: Any, scaled: bool) -> None:
    """See that an agent reads what `frames` has made channels first, also where it was stacked afterwards.

    Stacked, it may have more channels than pixels a side, which Stable-Baselines3 would take for channels.

    Args:
        env: the agent's; None if there is none.
        space: what the agent observes.
        scaled: see `Image`.

    Raises:
        ValueError: it does not, or nobody can tell.
    """
    stacked = False
    while isinstance(env, VecEnvWrapper) and not isinstance(env, VecFrames):
        stacked, env = stacked or isinstance(env, VecFrameStack), env.venv
    if not stacked:
        return
    made: Any = env.observation_space
    pairs: list[tuple[Any, Any]] = (
        [(made[k], space[k]) for k in made] if isinstance(made, spaces.Dict) else [(made, space)]
    )
    for before, after in pairs:
        if shape_known(before) is None:
            continue
        try:
            right = Image(after, scaled).order == "channels_first" and after.shape[1:] == before.shape[1:]
        except ValueError:
            right = False
        if not right:
            raise ValueError(
                f"{WRAPPER} made frames of {list(before.shape)}, channels first; stacked, they come as"
                f" {list(after.shape)}, of which nobody can tell the channels: stack before frames, as in"
                " frames(VecFrameStack(env, 4))"
            )
