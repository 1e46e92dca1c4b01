"""A Stable-Baselines3 agent around one network, trained an iteration at a time, saved and resumed exactly.

The network is the whole policy: its outputs are the logits of the actions and a value (PPO), or a value of every action
(DQN), so the agent has no layers of its own and a trained network acts without it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecNormalize
from torch import Tensor, nn

from appnas.compute import home, spent
from appnas.domains.rl.options import Options
from appnas.domains.rl.policies import Given, Horizon, WholeActorCritic, WholeQ
from appnas.domains.rl.vectors import set_states, states
from appnas.support import device_random, load_state, reading, set_device_random, whole
from appnas.task import OnEpoch, check_weights

EVERY = 60.0  # seconds between two checkpoints of a training


class Agent:
    """See the module. Everything random in it comes from its own generators, whatever runs beside it.

    Args:
        env: environments to train in.
        network: forward(frames in 0 to 1) -> outputs; trained in place, on the device where it is.
        options: of the agent.
        budget: environment steps that schedules end with.
        seed: of the agent.
        optimiser: (parameters, lr) -> optimiser; None for Adam.
    """

    def __init__(
        self,
        env: VecEnv,
        network: nn.Module,
        options: Options,
        budget: int,
        seed: int,
        optimiser: Callable[..., Any] | None = None,
    ):
        self.options, self.network, self.device = options, network, home(network)
        self.iteration = options.envs * options.rollout
        self.monitor = VecMonitor(DQN._wrap_env(env))  # channels first already where DQN takes its frames to remember
        self.norm = VecNormalize(self.monitor, norm_obs=False, norm_reward=True, gamma=options.gamma)
        kwargs: dict[str, Any] = {"net_arch": [], "features_extractor_class": Given}
        for part in network.modules():
            if hasattr(part, "held"):  # samples of a supernet (`appnas.task.Host`)
                part.held = options.algorithm == "ppo"  # type: ignore[assignment]
        outputs = int(env.action_space.n) + (options.algorithm == "ppo")  # type: ignore[attr-defined]
        kwargs["features_extractor_kwargs"] = {"network": network, "features": outputs, "taken": []}
        kwargs |= {"optimizer_class": optimiser} if optimiser else {"optimizer_kwargs": {"eps": 1e-5}}
        numpy_state: Any = np.random.RandomState(seed).get_state()
        self.random = {"torch": torch.Generator().manual_seed(seed).get_state(), "numpy": numpy_state}
        with self._own_random():
            self.model = self._model(self.norm if options.normalise else self.monitor, kwargs)
        self.model.action_space.seed(seed)
        self.model.set_logger(Logger(None, []))
        self.horizon = Horizon(budget)
        self.optimiser: torch.optim.Optimizer = self.model.policy.optimizer

    def _model(self, env: VecEnv, kwargs: dict[str, Any]) -> PPO | DQN:
        o = self.options
        if o.algorithm == "ppo":
            return PPO(
                WholeActorCritic, env, o.lr, o.rollout, min(o.batch, self.iteration), o.epochs, o.gamma, o.gae,
                o.clip, o.clip or None, ent_coef=o.entropy, vf_coef=o.value, max_grad_norm=o.max_grad,
                policy_kwargs={**kwargs, "ortho_init": False}, device=self.device,
            )  # fmt: skip
        return DQN(
            WholeQ, env, o.lr, o.replay, o.warmup, o.batch, gamma=o.gamma, train_freq=o.every, gradient_steps=o.updates,
            n_steps=o.n_steps, max_grad_norm=o.max_grad, target_update_interval=max(o.target, o.envs),
            exploration_fraction=o.explore, exploration_final_eps=o.epsilon, policy_kwargs=kwargs, device=self.device,
        )  # fmt: skip

    @contextmanager
    def _own_random(self) -> Iterator[None]:
        outside = self._random()
        self._set_random(self.random)
        try:
            yield
        finally:
            self.random = self._random()
            self._set_random(outside)

    def _random(self) -> dict[str, Any]:
        """The state of what draws: torch's generator, numpy's, and the device's, from which SB3 draws actions there."""
        there = device_random(self.device)
        drawn = {"torch": torch.get_rng_state(), "numpy": np.random.get_state()}
        return {**drawn, "device": there} if there else drawn

    def _set_random(self, state: dict[str, Any]) -> None:
        torch.set_rng_state(state["torch"])
        np.random.set_state(state["numpy"])
        set_device_random(self.device, state.get("device", {}))

    @property
    def steps(self) -> int:
        """Environment steps done."""
        return self.model.num_timesteps

    def advance(self) -> dict[str, float]:
        """One iteration. "value" is the mean return of the last hundred training episodes, NaN before the first ends.

        Raises:
            DivergedError: a weight is NaN or infinite.
        """
        try:
            with self._own_random(), spent("agent"):
                self.model.learn(self.iteration, self.horizon, log_interval=None, reset_num_timesteps=False)  # type: ignore[arg-type]
        except (ValueError, RuntimeError):  # SB3 samples actions from NaN; torch finds out if it has compiled before
            check_weights(self.network, f"{self.steps} steps")
            raise
        check_weights(self.network, f"{self.steps} steps")
        said = self.model.logger.name_to_value
        episodes = self.model.ep_info_buffer or ()
        value = float(np.mean([float(info["r"]) for info in episodes])) if episodes else float("nan")
        loss = float(said.get("train/loss", 0.0))
        metrics = {"value": value, "return": value, "steps": float(self.steps), "loss": loss}
        if "train/entropy_loss" in said:
            metrics["action_entropy"] = -float(said["train/entropy_loss"])
        return metrics

    def close(self) -> None:
        """Let go of the environments."""
        self.monitor.close()

    def state_dict(self) -> dict[str, Any]:
        """Policy, optimiser, counters, generators, replay, environments.

        Environments that cannot tell their state (gymnasium's, most of them) start new episodes after a resumption.
        """
        model, buffer = self.model, getattr(self.model, "replay_buffer", None)
        _, key, *rest = self.random["numpy"]
        replay = {}
        if buffer is not None:
            size = buffer.buffer_size if buffer.full else buffer.pos
            replay = {name: torch.from_numpy(getattr(buffer, name)[:size].copy()) for name in _replay(buffer)}
            replay |= {"pos": buffer.pos, "full": buffer.full}
        return {
            "policy": model.policy.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "counters": {name: getattr(model, name) for name in COUNTERS if hasattr(model, name)},
            "random": {**self.random, "numpy": [torch.from_numpy(key.astype(np.int64)), *rest]},
            "actions": model.action_space.np_random.bit_generator.state,
            "episodes": [{"r": float(i["r"]), "l": int(i["l"])} for i in model.ep_info_buffer or ()],
            "monitor": _tensors(self.monitor, ("episode_returns", "episode_lengths")),
            "norm": {**_tensors(self.norm, ("returns",)), **_scales(self.norm)},
            "last": _tensors(model, ("_last_obs", "_last_episode_starts")) if model._last_obs is not None else None,
            "replay": replay,
            "envs": states(self.monitor),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        model = self.model
        model.policy.load_state_dict(state["policy"])
        self.optimiser.load_state_dict(state["optimiser"])
        key, *rest = state["random"]["numpy"]
        self.random = {**state["random"], "numpy": ("MT19937", key.numpy().astype(np.uint32), *rest)}
        model.action_space.np_random.bit_generator.state = state["actions"]
        model._setup_learn(0, None, False)  # first frames, buffers for episodes
        for name, value in state["counters"].items():
            setattr(model, name, value)
        model.ep_info_buffer.extend(state["episodes"])  # type: ignore[union-attr]
        if state["replay"]:
            self._load_replay(state["replay"])
        if state["envs"] is not None and state["last"] is not None:
            set_states(self.monitor, state["envs"])
            _restore(model, state["last"])
            model._last_original_obs = model._last_obs  # rewards are scaled, frames are not
            _restore(self.monitor, state["monitor"])
        self.norm.returns = state["norm"]["returns"].numpy().copy()
        for name in ("mean", "var"):
            setattr(self.norm.ret_rms, name, np.float64(state["norm"][name]))
        self.norm.ret_rms.count = state["norm"]["count"]

    def _load_replay(self, saved: dict[str, Any]) -> None:
        buffer: Any = self.model.replay_buffer  # type: ignore[union-attr]
        for name in _replay(buffer):
            getattr(buffer, name)[: len(saved[name])] = saved[name].numpy()
        buffer.pos, buffer.full = saved["pos"], saved["full"]


COUNTERS = (
    "num_timesteps", "_n_updates", "_episode_num", "_n_calls", "exploration_rate", "_current_progress_remaining",
    "_num_timesteps_at_start",
)  # fmt: skip


def _replay(buffer: Any) -> list[str]:
    return [name for name in ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
            if getattr(buffer, name, None) is not None]  # fmt: skip


def _tensors(owner: Any, names: tuple[str, ...]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.array(getattr(owner, name))) for name in names}


def _restore(owner: Any, saved: dict[str, Tensor]) -> None:
    for name, value in saved.items():
        setattr(owner, name, value.numpy().copy())


def _scales(norm: VecNormalize) -> dict[str, float]:
    rms = norm.ret_rms
    return {"mean": float(rms.mean), "var": float(rms.var), "count": float(rms.count)}


def train(agent: Agent, budget: int, plan: dict[str, Any], checkpoint: Path | None, on_epoch: OnEpoch | None) -> None:
    """Iterate until the budget is spent or `on_epoch` says so; save now and then, and go on from what was saved.

    Raises:
        ValueError: the checkpoint is damaged, or of another training.
    """
    if checkpoint and checkpoint.exists():
        state = load_state(checkpoint, "delete it to train again")
        if (told := state.get("plan")) != plan:
            raise ValueError(f"{checkpoint} is of another training ({told}, now {plan}): delete it, or keep it")
        with reading(checkpoint, "delete it to train again"):
            agent.load_state_dict(state["agent"])
    saved, stop = time.monotonic(), bool(agent.steps and on_epoch and on_epoch(min(agent.steps, budget), math.nan))
    while agent.steps < budget and not stop:
        metrics = agent.advance()
        stop = bool(on_epoch and on_epoch(min(agent.steps, budget), metrics["loss"]))
        if checkpoint and (stop or agent.steps >= budget or time.monotonic() - saved > EVERY):
            with whole(checkpoint) as partial:
                torch.save({"plan": plan, "agent": agent.state_dict()}, partial)
            saved = time.monotonic()
