"""What may be given as an agent's encoder, and what an agent's search says of itself."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stable_baselines3.common.buffers import NStepReplayBuffer
from torch import nn

from appnas.agent.encoder_file import Genotype, arch_of, load_encoder, read_encoder, save_encoder
from appnas.agent.in_loop import arch_entropy
from appnas.space import IO, Arch, Space
from appnas.supernet import SelfGated

Encoding = Space | Callable[[IO], nn.Module] | str | Path
"""A space; anything that makes a module of features from an `IO` without outputs; a features extractor of SB3 by its
class, as a rival; or an encoder's file, by its path or PACKAGE:NAME (`appnas.agent.encoder_file`)."""
TRPO = (
    "TRPO moves the logits by its natural gradient, which no learning rate and no scale steer: they move little, and"
    " the scale counts in the steps of the value alone; PPO and A2C move them as they are asked to"
)
RIGHT = (
    "a space, Encoder(); what makes a module from an IO, ImpalaCNN; an extractor's class, NatureCNN; or a file,"
    " 'encoder.json' or 'appnas:catch'"
)


def resolved(encoder: Encoding, arch: Genotype | None = None) -> tuple[Any, Arch | None, int | None]:
    """The space or the maker of modules that is meant; the architecture; the number of features that a file tells.

    Raises:
        ValueError: no encoder, an architecture of another space, or one without a space.
        AbsentError: there is no such file.
    """
    features: int | None = None
    if isinstance(encoder, str | Path):
        features = read_encoder(encoder).get("features_dim")
        encoder, own = load_encoder(encoder)
        arch = own if arch is None else arch
    if isinstance(encoder, type) and hasattr(encoder, "choices"):
        raise ValueError(f"{encoder.__name__} is a class of spaces: give a space, {encoder.__name__}()")
    if isinstance(encoder, nn.Module):
        raise ValueError(
            f"{type(encoder).__name__} is a module already, and an agent makes its own, some of them two: give {RIGHT}"
        )
    if not isinstance(encoder, Space):
        if arch is not None:
            raise ValueError("an architecture belongs to a space: give the space as the encoder")
        if not callable(encoder):
            raise ValueError(f"an encoder is {RIGHT}; got {encoder!r:.80}")
        return encoder, None, None
    return encoder, None if arch is None else arch_of(encoder, arch), features


def check_host(model: Any) -> None:
    """Warn of an agent that trains a supernet otherwise than it is asked to."""
    if type(model).__name__ == "TRPO":
        warnings.warn(TRPO, stacklevel=3)


def own_buffer(settings: dict[str, Any]) -> dict[str, Any]:
    """An agent's settings with the replay buffer that it was given, not the one that SB3 chose for its `n_steps`.

    With that one, SB3 would say of another agent that its `n_steps` are ignored.
    """
    more = settings.get("replay_buffer_kwargs") or {}
    chosen = settings.get("replay_buffer_class") is NStepReplayBuffer and more.get("n_steps") == settings["n_steps"]
    if not chosen or settings["n_steps"] == 1:
        return settings
    rest = {name: value for name, value in more.items() if name not in ("n_steps", "gamma")}
    return {**settings, "replay_buffer_class": None, "replay_buffer_kwargs": rest}


def keep(file: Path, model: Any, network: SelfGated) -> None:
    """Write what an agent's supernet points to as an encoder's file, in a folder that is made if need be.

    Args:
        file: where to.
        model: the agent, in training.
        network: the supernet that it trains.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    features = model.policy_kwargs.get("features_extractor_kwargs", {}).get("features_dim") or 256
    save_encoder(file, network.space, network.arch(), told(model, network), features)


def told(model: Any, network: SelfGated) -> dict[str, Any]:
    """How an agent of SB3 finds an encoder, for its file; arguments as of `keep`."""
    env = model.get_env()
    spec = getattr(next(iter(getattr(env.unwrapped, "envs", ())), None), "spec", None)
    names = ("learning_rate", "gamma", "n_steps", "batch_size", "seed")
    settings = {name: getattr(model, name, None) for name in names}
    training = model.policy_kwargs.get("features_extractor_kwargs", {}).get("training")
    settings["scale"] = 1.0 if training is None or training.scale is None else training.scale
    return {
        "by": "appnas.agent.ArchCallback",
        "agent": type(model).__name__,
        "env": spec.id if spec else None,
        "observations": str(env.observation_space),
        "actions": str(env.action_space),
        "environments": env.num_envs,
        "settings": {name: value for name, value in settings.items() if isinstance(value, int | float)},
        "steps": model.num_timesteps,
        "of": model._total_timesteps,
        "arch_entropy": round(arch_entropy(network.distribution()), 4),
    }
