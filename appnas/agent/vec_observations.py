"""`appnas.agent.frames` for environments side by side, as Stable-Baselines3 has them."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from appnas.agent.observations import Layout, Seen


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
