"""Swap the encoder of a Stable-Baselines3 agent by one argument: hand-made, supernet, or derived.

    PPO("CnnPolicy", env, policy_kwargs=make_policy_kwargs(Encoder()))            # searches while it learns
    PPO("CnnPolicy", env, policy_kwargs=make_policy_kwargs("encoder.json"))       # learns with what was found
    PPO("CnnPolicy", env, policy_kwargs=make_policy_kwargs(ImpalaCNN))            # hand-made; or NatureCNN

The encoder alone changes: loop, losses, buffers, heads, optimiser and schedules stay the agent's (RL-DARTS, arXiv
2106.02229). Works for PPO, A2C, DQN, SAC, TD3 and DDPG, and for sb3-contrib's QR-DQN, TQC, CrossQ, RecurrentPPO,
MaskablePPO and TRPO; where actor and critic have losses of their own, see `appnas.agent.tying`. Needs the extra `rl`.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from appnas.agent.encoder_file import Genotype
from appnas.agent.groups import alone
from appnas.agent.in_loop import Tempered, arch_entropy, masses
from appnas.space import Arch, Gates, Space, describe
from appnas.supernet import SelfGated

try:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.callbacks import BaseCallback

    from appnas.agent.encoders import Encoding, check_host, keep, own_buffer, resolved
    from appnas.agent.features import Features
    from appnas.agent.tying import Hold, Training, encoder_of, optimisers, searching, supernets
    from appnas.agent.weights import read_weights
except ImportError as error:
    raise ImportError("agents need Stable-Baselines3: pip install 'appnas[rl]'") from error

__all__ = ["ArchCallback", "encoder_of", "make_policy_kwargs", "searching", "supernets", "swap_encoder"]

IDLE = "this encoder is not searched, so that nothing comes of"
Found = Genotype | Literal["search"] | None


def make_policy_kwargs(
    encoder: Encoding,
    arch: Genotype | None = None,
    *,
    scale: float | None = None,
    tau: float = 1.0,
    eps: float | None = None,
    weight_decay: float | None = None,
    features_dim: int | None = None,
    sampled: Hold | None = None,
    paths: int = 1,
    encoder_lr: float = 1.0,
    freeze: bool = False,
    tied: bool | None = None,
    weights: Mapping[str, Tensor] | str | Path | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The `policy_kwargs` of an agent with this encoder: plain, picklable, saved and loaded with the agent.

    Heads and optimiser are those that the agent has by itself. Where there are logits or an `encoder_lr`, the optimiser
    gets groups for them (`appnas.agent.groups`), at scales that survive SB3's schedule, saving and loading. An encoder
    with `norm="batch"`, the paper's, normalises by the frames that it sees together, so an agent acts otherwise on one
    frame (`predict`, an `EvalCallback` or a DQN of one environment) than on many, and warns: `norm="group"` makes it
    independent of their number.

    Args:
        encoder: a space, anything that makes a module of features from an `IO` without outputs, an extractor of
            SB3's such as NatureCNN, "encoder.json", or "PACKAGE:NAME" of one that a package ships.
        arch: what to build, also as the path of an encoder's file; None for the file's own, or a space's supernet.
        scale: learning rate of the logits, in multiples of the agent's. Under Adam a logit moves at most scale x lr a
            gradient step: short runs need scale x lr x gradient steps of about 5 to 12. By default 1. (TRPO moves
            them by its natural gradient, which knows no such scale.)
        tau: temperature at the start; `ArchCallback` changes it.
        eps: of the optimiser; by default the agent's.
        weight_decay: of the weights; by default the agent's.
        features_dim: number of features, for spaces that do not say (by default 256) and for SB3's extractors.
        sampled: run one option of every decision, drawn with the softmax's probabilities, instead of all: a step then
            costs about as much as a derived network's (`appnas.supernet.SelfSampled`). "rollout" for on-policy agents
            (PPO, A2C), which learn from a rollout with the sample that they acted with, or PPO's ratio would not begin
            at 1; "step" for off-policy agents (DQN, SAC), which draw anew at every pass. Agents refuse the other.
        paths: samples at once, whose mean it is.
        encoder_lr: learning rate of the encoder's weights, in multiples of the agent's.
        freeze: leave the encoder as it is: no gradient reaches it, and its statistics rest.
        tied: off-policy actor-critics share one encoder, which the critic's loss trains; False for one each, as SB3
            has them. By default where there are logits.
        weights: to begin with: what `encoder_of(agent).state_dict()` gives, or what `save_weights` writes. They
            are saved with the agent's own from then on, and no more in its `policy_kwargs`.
        more: further policy_kwargs, for example net_arch, optimizer_class or optimizer_kwargs.

    Raises:
        ValueError: an architecture of another space, or without a space; a frozen encoder with something to learn; no
            weights, or those of another genotype; paths of no sample.
    """
    encoder, found, features = resolved(encoder, arch)
    features_dim = features if features_dim is None else features_dim
    rates = (0 if scale is None else scale, encoder_lr)
    if not all(0 <= rate < math.inf for rate in rates) or not 0 < tau < math.inf or paths < 1:
        raise ValueError(
            "scale and encoder_lr must be at least 0, tau above 0, all finite, paths at least 1, got"
            f" {scale}, {encoder_lr}, {tau} and {paths}"
        )
    if ours := {"features_extractor_class", "features_extractor_kwargs"} & set(more):
        raise ValueError(f"{min(ours)} is what is made here: give the extractor's settings by name, as features_dim=8")
    if sampled not in (None, "rollout", "step"):
        raise ValueError(f"sampled is 'rollout' (PPO), 'step' (DQN) or None for a mixture, got {sampled!r}")
    if paths != 1 and sampled is None:
        raise ValueError(f"paths={paths} are samples: give sampled='rollout' (PPO) or 'step' (DQN) too, or paths=1")
    searched = isinstance(encoder, Space) and found is None
    idle = [name for name, there in (("scale", scale is not None), ("tau", tau != 1), ("sampled", sampled)) if there]
    if idle and not searched:
        warnings.warn(f"{IDLE}: {', '.join(idle)}; leave them out, or give a space without an arch", stacklevel=2)
    if freeze and (encoder_lr != 1 or searched):
        raise ValueError("a frozen encoder learns nothing: give an arch (a supernet's logits learn), and no encoder_lr")
    given = {name: value for name, value in (("eps", eps), ("weight_decay", weight_decay)) if value is not None}
    weights = read_weights(weights, encoder, found)
    extractor: dict[str, Any] = {"encoder": encoder, "arch": found, "tau": tau, "features_dim": features_dim}
    training = Training(scale, encoder_lr, freeze, tied, weights, given)
    extractor |= {"sampled": sampled, "paths": paths, "training": training}
    return {"features_extractor_class": Features, "features_extractor_kwargs": extractor, **more}


class ArchCallback(BaseCallback):
    """Follow and steer the search inside an agent's own training: temperature, entropy, masses, snapshots, genotype.

    Logs `arch/entropy` (nats), `arch/tau` and `arch/mass_OPTION` (mean probability of every option).

    Args:
        temperature: share of the training done, 0 to 1 -> temperature; it changes between rollouts only.
        snapshots: number of times that the gates are kept over a training, first and last included.
        alternate: train weights and logits in turns, each on rollouts of its own. What is saved knows no turn.
        out: file of the encoder, "encoder.json", written at every snapshot; `make_policy_kwargs` takes its path.

    Attributes:
        trace: (environment steps, gates, architecture) of every snapshot.

    Raises:
        ValueError: fewer than two snapshots; in a training: no supernet or two of them.
    """

    def __init__(
        self,
        temperature: Callable[[float], float] | None = None,
        snapshots: int = 50,
        alternate: bool = False,
        out: str | Path | None = None,
    ):
        super().__init__()
        if snapshots < 2:
            raise ValueError(f"snapshots are at least the first and the last, got {snapshots}")
        self.temperature, self.snapshots, self.alternate = temperature, snapshots, alternate
        self.out = Path(out) if out else None
        self.trace: list[tuple[int, Gates, Arch]] = []
        self.network: SelfGated | None = None

    @property
    def genotype(self) -> dict[str, list[str]]:
        """What the logits point to now, by the names of its options: also of a training that was interrupted.

        Raises:
            ValueError: no training has begun.
        """
        if self.network is None:
            raise ValueError("nothing is found before the search begins: call learn(callback=...) first")
        return describe(self.network.space.choices, self.network.arch())

    def _on_training_start(self) -> None:
        self.network = searching(self.model)
        check_host(self.model)
        self.rollouts, self.start, self.began = 0, self.num_timesteps, self.model.start_time
        for optimiser in optimisers(self.model.policy) if self.alternate else ():
            vars(optimiser)["turn"] = self._turn
        self.due = float(self.start)
        self._snapshot()

    def _on_rollout_start(self) -> None:
        if self.temperature:
            tau = self.temperature(self.num_timesteps / self.model._total_timesteps)
            for network in supernets(self.model):
                assert isinstance(network.relax, Tempered)
                network.relax.set(tau)
        self.rollouts += 1

    def _turn(self) -> bool | None:
        """Whether the logits rest, or the weights; neither in another training, after one that was interrupted."""
        return self.rollouts % 2 == 1 if self.model.start_time == self.began else None

    def _on_rollout_end(self) -> None:
        assert self.network is not None
        gates, relax = self._gates(), self.network.relax
        self.logger.record("arch/entropy", arch_entropy(gates))
        self.logger.record("arch/tau", float(relax.tau) if isinstance(relax, Tempered) else 1.0)
        for option, mass in masses(self.network.space.choices, gates).items():
            self.logger.record(f"arch/mass_{option}", mass)
        if self.num_timesteps >= self.due:
            self._snapshot()

    def _gates(self) -> Gates:
        assert self.network is not None
        return tuple(gates.clone() for gates in self.network.distribution())

    def _snapshot(self) -> None:
        assert self.network is not None
        steps, gates = self.num_timesteps, self._gates()
        if not self.trace or self.trace[-1][0] != steps or not all(map(torch.equal, self.trace[-1][1], gates)):
            self.trace.append((steps, gates, self.network.arch()))  # going on begins where it ended
        if self.out:
            keep(self.out, self.model, self.network)
        self.due += (self.model._total_timesteps - self.start) / (self.snapshots - 1)

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        for optimiser in optimisers(self.model.policy):
            vars(optimiser).pop("turn", None)  # the zoo of SB3 ends a training twice
        self._snapshot()


AT_START: dict[str, Any] = {
    "num_timesteps": 0, "_num_timesteps_at_start": 0, "_n_updates": 0, "_episode_num": 0, "_n_calls": 0,
    "_current_progress_remaining": 1.0, "_last_obs": None, "_last_original_obs": None, "ep_info_buffer": None,
    "ep_success_buffer": None,
}  # fmt: skip


def swap_encoder(
    model: BaseAlgorithm, encoder: Encoding, arch: Found = "search", *, copy_head: bool = False, **more: Any
) -> BaseAlgorithm:
    """A new, untrained agent with the same settings and environments, and another encoder. The old one stays as it is.

    The same settings: also heads, optimiser and schedules, and whether actor and critic share an encoder.

    Args:
        model: the old agent.
        encoder: see `make_policy_kwargs`.
        arch: likewise; left out, a file's own, or the space's supernet, which searches anew.
        copy_head: take over the weights of all layers after the encoder, instead of new ones.
        more: arguments of `make_policy_kwargs` that go before the agent's own; another optimizer_class starts from its
            own defaults.

    Raises:
        ValueError: None for an architecture, or one of another space; the images do not fit, or a copied head that does
            not fit the encoder.
    """
    if arch is None and isinstance(encoder, Space):
        raise ValueError(
            "the architecture is None, and a space alone would search anew: give what was found, `watch.genotype` of an"
            " ArchCallback or its file; to search anew, leave the argument out"
        )
    arch = None if isinstance(arch, str) and arch == "search" else arch
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", IDLE)  # kept for another search
        kwargs = make_policy_kwargs(encoder, arch, **{**_settings(model, "optimizer_class" not in more), **more})
    fresh = type(model)(model.policy_class, model.get_env(), device=model.device, _init_setup_model=False)  # type: ignore[call-arg]
    names = [*model._get_torch_save_params()[0], *model._get_torch_save_params()[1]]
    left = {*model._excluded_save_params(), *(name.split(".")[0] for name in names)}
    settings = {name: value for name, value in vars(model).items() if name not in left}
    settings = own_buffer(settings)
    vars(fresh).update({**copy.deepcopy(settings), **{k: v for k, v in AT_START.items() if k in settings}})
    fresh.policy_kwargs = kwargs
    fresh._setup_model()
    if copy_head:
        old, new = _head(model), _head(fresh)
        if wrong := [k for k in {**old, **new} if k not in old or k not in new or old[k].shape != new[k].shape]:
            was, now = (list(head[wrong[0]].shape) if wrong[0] in head else "missing" for head in (old, new))
            raise ValueError(
                f"the head cannot be copied: {wrong[0]} was {was}, with the new encoder it is {now} ({len(wrong)} such"
                " weights); give an encoder with as many features as before, and the same net_arch, or no copy_head"
            )
        fresh.policy.load_state_dict(old, strict=False)
    return fresh


def _settings(model: BaseAlgorithm, optimiser: bool) -> dict[str, Any]:
    """An agent's own settings, as arguments of `make_policy_kwargs`."""
    policy, given = model.policy, model.policy_kwargs
    own = {name: value for name, value in given.items() if not name.startswith(("features_extractor_", "optimizer_"))}
    own["net_arch"] = policy.net_arch
    if given.get("features_extractor_class") is Features:
        extractor = given["features_extractor_kwargs"]
        own |= {name: extractor[name] for name in ("tau", "features_dim", "sampled", "paths") if name in extractor}
        if (training := extractor.get("training")) is not None:
            tied = True if training.tied is None and len(optimisers(policy)) > 1 and supernets(model) else training.tied
            own |= {"scale": training.scale, "encoder_lr": training.encoder_lr, "tied": tied}
    if optimiser:
        own |= {"optimizer_class": alone(policy.optimizer_class), "optimizer_kwargs": dict(policy.optimizer_kwargs)}
    return own


def _head(model: BaseAlgorithm) -> dict[str, Tensor]:
    return {name: x for name, x in model.policy.state_dict().items() if "features_extractor" not in name}
