"""Weights of an agent's encoder as a file of safetensors, for `make_policy_kwargs(weights=...)`, with its genotype."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from appnas.agent.tying import encoder_of
from appnas.space import Arch, Space, describe
from appnas.support import whole

RIGHT = "appnas.agent.save_weights(agent, file) writes such a file"


def save_weights(agent: Any, file: str | Path) -> Path:
    """Write the weights of an agent's encoder, whole or not at all: its `state_dict`, and its genotype if it has one.

    Args:
        agent: of Stable-Baselines3.
        file: where to; "encoder.safetensors".

    Raises:
        ValueError: the agent has no encoder of this package.
    """
    state = encoder_of(agent).state_dict()
    copies = {name: x.clone(memory_format=torch.contiguous_format) for name, x in state.items()}
    given = agent.policy_kwargs.get("features_extractor_kwargs", {})
    found = _genotype(given.get("encoder"), given.get("arch"))
    with whole(Path(file)) as partial:
        save_file(copies, partial, None if found is None else {"genotype": json.dumps(found)})
    return Path(file)


def read_weights(weights: Any, encoder: Any, arch: Arch | None) -> Mapping[str, Tensor] | None:
    """The weights that are meant: a `state_dict`, or a file's; None stays None.

    Args:
        weights: either.
        encoder: which they are for; a space, or what makes a module.
        arch: of that space.

    Raises:
        ValueError: neither, no file of safetensors, or weights of another genotype.
        FileNotFoundError: there is no such file.
    """
    if isinstance(weights, str | Path):
        try:
            with safe_open(weights, "pt") as opened:
                told, weights = opened.metadata() or {}, {name: opened.get_tensor(name) for name in opened.keys()}
        except SafetensorError as error:
            raise ValueError(
                f"weights={str(weights)!r} is no file of safetensors ({error}): {RIGHT}; what torch.save wrote comes as"
                " weights=torch.load(file, weights_only=True)"
            ) from error
        here, there = _genotype(encoder, arch), json.loads(told.get("genotype", "null"))
        if here is not None and there is not None and here != there:
            raise ValueError(
                f"these weights are of another genotype, {there}, and this encoder is {here}: give that one as arch, or"
                " weights that were trained with this"
            )
    right = isinstance(weights, Mapping) and all(isinstance(x, Tensor) for x in weights.values())
    if weights is not None and not right:
        raise ValueError(f"weights are encoder_of(agent).state_dict(), or a file: {RIGHT}; got {weights!r:.80}")
    return weights  # type: ignore[no-any-return]


def _genotype(encoder: Any, arch: Arch | None) -> dict[str, list[str]] | None:
    return describe(encoder.choices, arch) if isinstance(encoder, Space) and arch is not None else None
