"""Tasks on gymnasium: pixel Catch, which needs no download, and any environment that shows images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from appnas.domains.rl.domain import RL, Split, need, salted
from appnas.domains.rl.options import Options
from appnas.support import checked

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv


@dataclass(frozen=True)
@checked(side=4)
class CatchOptions(Options):
    """Pixel Catch: a ball falls from a random column, a paddle below it catches it (+1) or not (-1)."""

    envs: int = 32
    """Environments side by side."""
    rollout: int = 32
    """Steps of every environment in one iteration."""
    batch: int = 256
    """Transitions a gradient step."""
    lr: float = 1e-3
    """Adam's learning rate, constant."""
    gamma: float = 0.99
    """Discount."""
    normalise: bool = False
    """Divide training rewards by the running deviation of the return."""
    episodes: int = 64
    """Episodes of an evaluation, at least one for each of its environments."""
    side: int = 16
    """Frames are side x side pixels; an episode takes side - 1 steps."""


class Catch(RL):
    """Pixel Catch, which needs no download; its test differs from its score in the seed alone."""

    options: CatchOptions

    def make(self, split: Split, count: int, seed: int) -> VecEnv:
        """Catch, `count` times."""
        from appnas.domains.rl.vectors import Catch as CatchEnv
        from appnas.domains.rl.vectors import vector

        return vector(lambda: CatchEnv(self.options.side), count, salted(seed, split))

    def normal(self) -> tuple[float, float]:
        """Never and always caught."""
        return -1.0, 1.0


@dataclass(frozen=True)
@checked(shrink=1, stack=1)
class GymOptions(Options):
    """Any environment of gymnasium whose observations are images or vectors, by its name."""

    env: str = ""
    """Its id, for example ALE/Breakout-v5 or MiniWorld-Hallway-v0, with its module where needed: module:Name-v0."""
    shrink: int = 1
    """Average-pool frames by this factor."""
    key: str = ""
    """The observation that is taken, of an environment that shows a dictionary."""
    layout: Literal["", "channels_first", "channels_last"] = ""
    """The order of a frame's axes, where its shape does not tell."""
    stack: int = 1
    """Frames that are seen at once, the last ones."""


class Gym(RL):
    """An environment of gymnasium: frames of any type, or vectors, which a torso takes (`appnas.spaces.Torso`).

    It has no levels: its test differs from its score in the seed alone.
    """

    options: GymOptions

    def __init__(self, options: GymOptions):
        if not options.env:
            raise ValueError(
                "name an environment of gymnasium: GymOptions(env='ALE/Breakout-v5'), --domain.env on a command line"
            )
        super().__init__(options)

    def make(self, split: Split, count: int, seed: int) -> VecEnv:
        """The environment, `count` times.

        Raises:
            ValueError: gymnasium knows none of that name.
        """
        import gymnasium
        from stable_baselines3.common.vec_env import VecExtractDictObs, VecFrameStack

        from appnas.agent.observations import is_frame
        from appnas.agent.vec_observations import frames
        from appnas.domains.rl.vectors import Pooled, vector

        o = self.options
        try:
            gymnasium.spec(o.env)
        except gymnasium.error.Error as error:
            raise ValueError(f"gymnasium has no environment {o.env!r}: {error}") from error
        env = vector(lambda: gymnasium.make(o.env), count, salted(seed, split))
        if isinstance(shown := env.observation_space, gymnasium.spaces.Dict):
            if o.key not in shown.spaces:
                keys = ", ".join(map(repr, shown))
                raise ValueError(
                    f"{o.env} shows a dictionary: say which of it is seen, key= one of {keys}, got {o.key!r}"
                )
            env = VecExtractDictObs(env, o.key)
        if is_frame(env.observation_space):
            env = frames(env, layout=o.layout or None)
        if o.stack > 1:
            env = VecFrameStack(env, o.stack, channels_order="first" if is_frame(env.observation_space) else "last")
        return Pooled(env, o.shrink) if o.shrink > 1 else env


def pixels(
    env: str = "Pendulum-v1",
    count: int = 1,
    seed: int = 0,
    *,
    side: int = 64,
    frames: int = 3,
    repeat: int = 1,
    **made_with: Any,
) -> VecEnv:
    """Environments of gymnasium by sight, side by side, for agents with any actions.

    What is seen is said in `appnas.domains.rl.pictures`. Classic control needs nothing else (Pendulum-v1 and
    MountainCarContinuous-v0 take numbers as actions; CartPole-v1, Acrobot-v1 and MountainCar-v0 choose); HalfCheetah-v5
    and its like need `pip install 'gymnasium[mujoco]'`.

    Args:
        env: an id.
        count: environments.
        seed: of their episodes.
        side: pixels a side.
        frames: pictures that are seen at once.
        repeat: steps that an action is taken for.
        made_with: arguments of `gymnasium.make`.

    Raises:
        ImportError: the extra is missing.
        ValueError: an environment that does not render to arrays.
    """
    need("gymnasium", "stable_baselines3")
    import gymnasium

    from appnas.domains.rl.pictures import Pixels
    from appnas.domains.rl.vectors import vector

    made_with = {"render_mode": "rgb_array", **made_with}
    return vector(lambda: Pixels(gymnasium.make(env, **made_with), side, frames, repeat), count, salted(seed, "train"))
