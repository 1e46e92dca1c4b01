"""The features extractor of a Stable-Baselines3 agent: any image encoder of this package, see `appnas.agent.sb3`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Dict
from stable_baselines3.common.preprocessing import preprocess_obs
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, NatureCNN
from torch import Tensor, nn

from appnas.agent.encoders import Encoding, resolved
from appnas.agent.in_loop import Tempered
from appnas.agent.joined import Image, Joined, numbers, read_dict, row
from appnas.agent.tying import Hold, Housed, Training, place
from appnas.agent.vec_observations import check_stacks
from appnas.compute import home
from appnas.space import IO, Arch, Space
from appnas.supernet import SelfGated, SelfSampled

ALONE = (
    "the agent acts on one frame, and its encoder normalises by the statistics of the batch (norm='batch'): it acts"
    " otherwise than on the batches that it learns from; norm='group' makes a frame's features its own"
)


class Features(Housed):
    """The features extractor of an agent: an encoder for its images, or for vectors if the space has `vectors`.

    Of a dictionary every image is encoded, by one architecture for all, and the rest is joined to the features.

    Args:
        observation_space: as SB3 hands it over: images, vectors, or a dictionary of such.
        encoder: a space, a maker of modules, or an encoder's file, "encoder.json" or "PACKAGE:NAME": plain texts, as
            in a YAML file, where this class is named. A file is read once: the agent is saved with what it said.
        arch: builds the derived network; None for a file's own, or the supernet, with logits of its own.
        tau: temperature at the start.
        sampled: run a sample of the supernet's options instead of their mixture, and hold it so long; None for all.
        paths: samples at once, whose mean it is.
        features_dim: number of features, for spaces that do not say (`hidden`, `vectors`), by default 256, and for
            SB3's extractors.
        scaled: frames come as the encoder sees them, any type, any range, as with the policy's
            `normalize_images=False`, which is heeded by itself.
        training: how the agent trains it.

    Raises:
        ValueError: observations that are no images, or too small for the encoder; what `Housed.house` refuses.
    """

    def __init__(
        self,
        observation_space: Any,
        encoder: Encoding,
        arch: Arch | None = None,
        tau: float = 1.0,
        features_dim: int | None = None,
        scaled: bool = False,
        sampled: Hold | None = None,
        paths: int = 1,
        training: Training = Training(),  # noqa: B008  (it is frozen)
    ):
        named, at = isinstance(encoder, str | Path) or isinstance(arch, str | Path), place()
        encoder, arch, told = resolved(encoder, arch)
        features_dim = features_dim or told
        at.tell(**({"encoder": encoder, "arch": arch, "features_dim": features_dim} if named else {}))  # read once
        own = hasattr(encoder, "hidden") or hasattr(encoder, "vectors") or not isinstance(encoder, Space)
        outputs = () if own else (features_dim or 256,)
        scaled = scaled or not getattr(at.policy, "normalize_images", True)
        read, shape = reader(observation_space, encoder, scaled, getattr(at.agent, "env", None))
        super().__init__(observation_space, features_dim or 256)
        self.read, reads = read, read if isinstance(read, dict) else None
        self.rectified = isinstance(encoder, Space) and read is not row

        def made(make: Callable[[IO], nn.Module]) -> nn.Module:
            return make(IO(shape, outputs)) if reads is None else Joined(reads, make, outputs, self.rectified)

        def network() -> nn.Module:
            if not isinstance(encoder, Space):
                return made(_hand_made(encoder, features_dim))
            if arch is not None:
                return made(partial(encoder.build, arch))
            supernet = made(encoder.supernet)
            if sampled is None:
                return SelfGated(encoder, supernet, Tempered(tau))
            generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))  # SB3 seeds torch's own
            return SelfSampled(encoder, supernet, Tempered(tau), generator, paths, sampled == "rollout")

        self.house(network, at, training, isinstance(encoder, Space) and arch is None, sampled)
        self.joint = any(isinstance(m, nn.BatchNorm2d) and not m.track_running_stats for m in self.network.modules())
        with torch.no_grad():
            nothing: Any = preprocess_obs(_blank(observation_space, home(self.network)), observation_space)
            modes = {part: part.training for part in self.network.modules()}
            for part in modes:  # not by eval(): statistics rest, and a sampled supernet does not draw
                part.training = False
            self._features_dim = int(self(nothing).shape[1])
            for part, mode in modes.items():
                part.training = mode

    def forward(self, observations: Any) -> Tensor:
        """Shapes: [B, C, H, W], or what else is observed -> [B, features].

        Those of an image are rectified if its encoder is of a space; a hand-made encoder's come as it gives them.
        """
        batch = len(next(iter(observations.values())) if isinstance(observations, dict) else observations)
        if batch == 1 and self.joint and not self.training:
            self.joint = False  # warned once
            warnings.warn(ALONE, stacklevel=2)
        if isinstance(self.read, dict):
            joined: Tensor = self.seen({key: read(observations[key]) for key, read in self.read.items()})
            return joined
        out: Any = self.seen(self.read(observations))  # with a second part of an auxiliary head, which nothing teaches
        out = out[0] if isinstance(out, tuple) else out
        return out.relu() if self.rectified else out  # type: ignore[no-any-return]

    def apply(self, fn: Callable[[nn.Module], None]) -> Features:
        """Not at all: actor-critic policies would overwrite the encoder's own initial weights by orthogonal ones.

        SB3's own extractors are initialised as their agents do, unless they begin with weights that were given.
        """
        own = isinstance(self.network, BaseFeaturesExtractor) and self.training_of.weights is None
        return super().apply(fn) if own else self


def _hand_made(encoder: Any, features: int | None) -> Callable[[IO], nn.Module]:
    kind, told = (encoder.func, dict(encoder.keywords)) if isinstance(encoder, partial) else (encoder, {})
    if not (isinstance(kind, type) and issubclass(kind, BaseFeaturesExtractor)):
        return encoder  # type: ignore[no-any-return]
    told |= {"normalized_image": True} if issubclass(kind, NatureCNN) else {}
    told |= {} if features is None else {"features_dim": features}

    def make(io: IO) -> nn.Module:
        try:
            return kind(Box(0.0, 1.0, io.inputs, np.float32), **told)
        except RuntimeError as error:  # torch's, of a kernel that is larger than what it meets
            raise ValueError(
                f"{kind.__name__} cannot read frames of {io.inputs} (channels, height, width): {error}. NatureCNN needs"
                " 36 pixels a side: enlarge the frames, or take an encoder for small ones, such as"
                " Encoder(channels=(16,), width=(16,))"
            ) from error

    return make


def reader(space: Any, encoder: Encoding, scaled: bool, env: Any = None) -> tuple[Any, tuple[int, ...]]:
    """What brings observations to an encoder (a function, or one for every key of a dictionary), and their shape.

    Raises:
        ValueError: no images for an image encoder, or images for one of vectors; frames that were stacked too late.
    """
    vector = not isinstance(encoder, Space) and isinstance(space, Box) and len(space.shape) == 1
    if vector or getattr(encoder, "vectors", False):
        return row, (numbers(space),)
    check_stacks(env, space, scaled)
    if isinstance(space, Dict):
        return read_dict(space, scaled), ()
    image = Image(space, scaled)
    return image, image.shape


def _blank(space: Any, device: torch.device) -> Any:
    """Two observations of nothing, as they come before SB3's own preprocessing."""
    if isinstance(space, Dict):
        return {key: _blank(part, device) for key, part in space.items()}
    return torch.zeros(2, *space.shape, device=device)
