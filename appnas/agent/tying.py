"""For which of an agent's networks an encoder is made, and how actor, critic and their targets share one.

Off-policy actor-critics (SAC, TD3, DDPG, TQC, CrossQ) train two networks by two losses. As in SAC-AE (Yarats et al.,
arXiv 1910.01741) and DrQ (Kostrikov et al., arXiv 2004.13649) both look through one encoder, which the critic's loss
trains: the actor reads its features without a gradient. So there is one set of logits. A target's encoder has averaged
weights of its own, and the logits of the encoder that it is a target of.

Deviates: both papers share the convolutions alone; here all up to the features is shared, their last layer included.

Stable-Baselines3 makes an extractor from the observations' space alone. Whose it is shows in who asks: `place` looks.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BaseModel
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from appnas.agent.groups import UNSHARED, grouped
from appnas.supernet import SelfGated

Hold = Literal["rollout", "step"]
"""How long a sample of paths holds: from rollout to rollout (on-policy agents), or for one pass (off-policy agents)."""


@dataclass(frozen=True)
class Training:
    """How an agent trains its encoder; see `appnas.agent.make_policy_kwargs`."""

    scale: float | None = None
    """Learning rate of the logits, in multiples of the agent's; None for the optimiser's own scale, or 1."""
    encoder_lr: float = 1.0
    """Learning rate of the encoder's weights, in multiples of the agent's."""
    freeze: bool = False
    """Leave the encoder as it is."""
    tied: bool | None = None
    """Actor and critic share the encoder, and the critic trains it; None where there are logits."""
    weights: Mapping[str, Tensor] | None = field(default=None, compare=False)
    """To begin with: the encoder's `state_dict`. Left out where an agent compares what it is loaded with."""
    optimiser: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the optimiser that go before the agent's own."""


@dataclass(frozen=True)
class Place:
    """Who asks for an encoder."""

    policy: Any = None
    """A policy of Stable-Baselines3; None if it is made by hand."""
    side: Literal["", "actor", "critic"] = ""
    """The network of an off-policy actor-critic; empty in other agents."""
    target: bool = False
    """Whether it is a target network: of that side, or of a network of action values."""
    agent: Any = None
    """The agent that makes the policy, if one does."""

    def tell(self, **said: Any) -> None:
        """Write settings of the extractor anew where they are saved from: the policy's, and the agent's.

        The agent's have no weights to begin with any more: what is made of them is saved with the policy.
        """
        if self.policy is not None:
            self.policy.features_extractor_kwargs = {**self.policy.features_extractor_kwargs, **said}
        given = getattr(self.agent, "policy_kwargs", {})
        if "features_extractor_kwargs" in given:  # else a policy's own class says them
            extractor = {**given["features_extractor_kwargs"], **said}
            if (training := extractor.get("training")) is not None:
                extractor["training"] = replace(training, weights=None)
            self.agent.policy_kwargs = {**given, "features_extractor_kwargs": extractor}


MAKERS = {"make_actor": "actor", "make_critic": "critic", "make_q_net": "q_net", "make_quantile_net": "quantile_net"}
"""Methods of policies that make networks, and where the first that they make is kept; the second is its target."""


def place() -> Place:
    """Look up the stack for the policy that asks, the method that it asks from, and the agent."""
    frame, policy, name = sys._getframe(1), None, ""
    while frame is not None:
        owner = frame.f_locals.get("self")
        if policy is None and isinstance(owner, BaseModel):
            policy = owner
        if policy is not None and owner is not policy:
            break
        name = name or (MAKERS.get(frame.f_code.co_name, "") if policy is not None else "")
        frame = frame.f_back  # type: ignore[assignment]
    agent = frame.f_locals.get("self") if frame is not None else None
    side: Any = name if name in ("actor", "critic") else ""
    return Place(policy, side, hasattr(policy, name), agent if isinstance(agent, BaseAlgorithm) else None)


class _Instead(type):
    """Agents size their heads by whether their extractor is NatureCNN: asked by one, an encoder is what it replaces."""

    def __eq__(cls, other: object) -> bool:
        if cls is other or not (isinstance(other, type) and issubclass(other, BaseFeaturesExtractor)):
            return cls is other
        asks = sys._getframe(1).f_locals.get("self")
        kinds = type(asks).__mro__ if isinstance(asks, BaseModel) else ()
        found = (inspect.signature(kind.__init__).parameters.get("features_extractor_class") for kind in kinds)  # type: ignore[misc]
        return next((p.default for p in found if p is not None), cls) is other

    __hash__ = type.__hash__


class Housed(BaseFeaturesExtractor, metaclass=_Instead):
    """An extractor whose network is its own, or another extractor's of the same agent."""

    network: nn.Module
    lent = False
    """Whether the network is the critic's, and this extractor the actor's."""

    def house(
        self, make: Callable[[], nn.Module], at: Place, training: Training, searched: bool, sampled: Hold | None = None
    ) -> None:
        """Make the network, or find it, and say how the agent's optimiser trains it.

        Raises:
            ValueError: what the agent would train otherwise than it is meant.
        """
        self.training_of, self.taken = training, set[tuple[str, bool]]()
        side = at.side if (searched if training.tied is None else training.tied) else ""
        if at.policy is not None:
            _check(at, training, searched, sampled)
            if searched or training.encoder_lr != 1:
                at.policy.optimizer_class = grouped(at.policy.optimizer_class)
            at.policy.optimizer_kwargs = {**at.policy.optimizer_kwargs, **training.optimiser}
        maker = "actor_target" if at.target else "actor"
        source = _next(getattr(at.policy, maker, None), at) if side == "critic" else None
        network = make() if source is None else source.network
        if source is None and training.weights is not None:
            _load(network, training.weights)
        self.network, self.lent = network, side == "actor"
        if sampled and not at.target:  # a target is always in evaluation, where it draws
            network.rests = True  # type: ignore[assignment]
        self.still = side == "actor" or training.freeze
        followed = _next(getattr(at.policy, side), at) if side and at.target else None
        self.follows = () if followed is None else (followed.network,)  # not registered as a part
        self.train(self.training)
        self._mark()

    def seen(self, network_input: Any) -> Any:
        """What the network answers, without a gradient where another's loss trains it, or none."""
        if self.follows and isinstance(self.network, SelfGated):
            with torch.no_grad():
                for mine, its in zip(self.network.alpha, self.follows[0].alpha, strict=True):  # type: ignore[arg-type]
                    mine.copy_(its)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.still):
            return self.network(network_input)

    def named_modules(self, *given: Any, **more: Any) -> Iterator[tuple[str, nn.Module]]:
        """All parts; of an actor's, not the network that is the critic's.

        So it is saved, moved and exported with the actor, but is no parameter of it: its optimiser, and the average
        that its target is, leave it out.
        """
        return islice(super().named_modules(*given, **more), 1 if self.lent else None)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *more: Any) -> None:
        inside = f"{prefix}network."
        if self.lent and not any(name.startswith(inside) for name in state_dict):  # saved before actors were whole
            state_dict.update(self.network.state_dict(prefix=inside))
        super()._load_from_state_dict(state_dict, prefix, *more)

    def train(self, mode: bool = True) -> Housed:
        """Training or evaluation; what is frozen keeps its running statistics, too."""
        super().train(mode)
        if self.training_of.freeze:
            self.network.eval()
        return self

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Housed:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._mark()  # some devices make new parameters of those that are moved
        return self

    def _mark(self) -> None:
        rates = {True: self.training_of.scale, False: self.training_of.encoder_lr}
        for parameter in self.network.parameters():
            if (rate := rates[bool(getattr(parameter, "is_arch", False))]) is not None:
                parameter.lr_scale = rate  # type: ignore[attr-defined]


def _next(network: nn.Module | None, at: Place) -> Housed | None:
    """The first encoder of a network that was not handed to this place before."""
    if network is None:
        return None
    found = next(m for m in network.modules() if isinstance(m, Housed) and (at.side, at.target) not in m.taken)
    found.taken.add((at.side, at.target))
    return found


def _load(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    own = network.state_dict()
    if wrong := [k for k in {**own, **weights} if k not in own or k not in weights or own[k].shape != weights[k].shape]:
        was, now = (list(w[wrong[0]].shape) if wrong[0] in w else "missing" for w in (weights, own))
        raise ValueError(
            f"these weights are of another encoder: {wrong[0]} is {was} in them and {now} here ({len(wrong)} such);"
            " give those of the same space, architecture, sizes and observations"
        )
    network.load_state_dict(dict(weights))


def _check(at: Place, training: Training, searched: bool, sampled: Hold | None) -> None:
    on_policy, shares = hasattr(at.policy, "evaluate_actions"), getattr(at.policy, "share_features_extractor", True)
    if searched and on_policy and not shares:
        raise ValueError(UNSHARED.format(2))
    if at.side and searched and training.tied is False:
        raise ValueError("actor and critic would train logits of their own: tied=False is for encoders without logits")
    if at.side and (searched or training.tied) and shares:
        raise ValueError(
            "share_features_extractor=True would have the actor's loss train the encoder; actor and critic share this"
            " one already, and the critic's loss trains it: give share_features_extractor=False"
        )
    if training.tied and on_policy and not shares:
        raise ValueError(
            "tied=True is for agents whose actor and critic have losses of their own, SAC and its kin; policy and value"
            " of this one share an encoder with share_features_extractor=True"
        )
    if searched and sampled and (sampled == "rollout") != on_policy:
        wanted = "rollout" if on_policy else "step"
        raise ValueError(
            f"{type(at.policy).__name__} learns {'on' if on_policy else 'off'} policy: its samples hold for a {wanted},"
            f" give sampled={wanted!r}"
        )


def optimisers(policy: Any) -> list[torch.optim.Optimizer]:
    """Those that train an agent's networks: one, or the actor's and the critic's."""
    owners = [policy] if hasattr(policy, "optimizer") else [getattr(policy, side, None) for side in ("actor", "critic")]
    return [owner.optimizer for owner in owners if owner is not None]


def supernets(model: Any) -> list[SelfGated]:
    """All self-gated supernets of an agent: the one that it trains, and its target's."""
    return [module for module in model.policy.modules() if isinstance(module, SelfGated)]


def _trained(model: Any, candidates: Iterable[nn.Module]) -> list[Any]:
    groups = [group for optimiser in optimisers(model.policy) for group in optimiser.param_groups]
    inside = {id(p) for group in groups for p in group["params"]}
    return [net for net in candidates if any(id(p) in inside for p in net.parameters())]


def searching(model: Any) -> SelfGated:
    """The supernet that the agent's optimiser trains.

    Raises:
        ValueError: none, or two with logits of their own.
    """
    found = _trained(model, supernets(model))
    if not found:
        raise ValueError("this agent has no supernet: give policy_kwargs=make_policy_kwargs(space), without an arch")
    if len(found) > 1:
        raise ValueError(UNSHARED.format(len(found)))
    return found[0]  # type: ignore[no-any-return]


def encoder_of(model: Any) -> nn.Module:
    """The network of an agent's encoder, the critic's if there are several: its `state_dict` is what `weights` takes.

    Raises:
        ValueError: the agent has no encoder of this package.
    """
    found = [m.network for m in model.policy.modules() if isinstance(m, Housed)]
    trained = _trained(model, found)
    if not found:
        raise ValueError("this agent has no encoder of this package: give policy_kwargs=make_policy_kwargs(...)")
    return (trained or found)[-1]
