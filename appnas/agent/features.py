"""The features extractor of a Stable-Baselines3 agent: any image encoder of this package, see `appnas.agent.sb3`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from gymnasium.spaces import Dict
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, NatureCNN
from torch import Tensor, nn

from appnas.agent.in_loop import Tempered
from appnas.agent.tying import Hold, Housed, Training
from appnas.compute import home
from appnas.space import IO, Arch, Space
from appnas.supernet import SelfGated, SelfSampled

Encoding = Space | Callable[[IO], nn.Module] | type[BaseFeaturesExtractor]
"""A space, anything that makes a module of features from an `IO` without outputs, or an extractor of SB3's."""
ALONE = (
    "the agent acts on one frame, and its encoder normalises by the statistics of the batch (norm='batch'): it acts"
    " otherwise than on the batches that it learns from; norm='group' makes a frame's features its own"
)


class Features(Housed):
    """The features extractor of an agent: an encoder for its images.

    Args:
        observation_space: images, channels first, as SB3 hands them over.
        encoder: a space, or a maker of modules.
        arch: builds the derived network; None for the supernet, with logits of its own.
        tau: temperature at the start.
        sampled: run a sample of the supernet's options instead of their mixture, and hold it so long; None for all.
        paths: samples at once, whose mean it is.
        features_dim: number of features, for spaces that do not say (`hidden`).
        scaled: frames come as the encoder sees them (the policy's `normalize_images=False`): any type, any range.
        training: how the agent trains it.

    Raises:
        ValueError: observations that are no images, or too small for the encoder; what `Housed.house` refuses.
    """

    def __init__(
        self,
        observation_space: Any,
        encoder: Encoding,
        arch: Arch | None,
        tau: float = 1.0,
        features_dim: int = 256,
        scaled: bool = False,
        sampled: Hold | None = None,
        paths: int = 1,
        training: Training = Training(),  # noqa: B008  (it is frozen)
    ):
        shape = images(observation_space, scaled)
        super().__init__(observation_space, features_dim)

        def make() -> nn.Module:
            if not isinstance(encoder, Space):
                return _hand_made(encoder, observation_space, scaled)(IO(shape, ()))
            io = IO(shape, () if hasattr(encoder, "hidden") else (features_dim,))
            if arch is not None:
                return encoder.build(arch, io)
            if sampled is None:
                return SelfGated(encoder, encoder.supernet(io), Tempered(tau))
            supernet = encoder.supernet(io)
            generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))  # SB3 seeds torch's own
            return SelfSampled(encoder, supernet, Tempered(tau), generator, paths, sampled == "rollout")

        self.house(make, training, isinstance(encoder, Space) and arch is None, sampled)
        network = self.network
        self.joint = any(isinstance(m, nn.BatchNorm2d) and not m.track_running_stats for m in network.modules())
        with torch.no_grad():
            self._features_dim = int(self(torch.zeros(2, *shape, device=home(network))).shape[1])

    def forward(self, observations: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> [B, features], not negative."""
        if len(observations) == 1 and self.joint and not self.training:
            self.joint = False  # warned once
            warnings.warn(ALONE, stacklevel=2)
        out: Any = self.seen(observations)  # with a second part from an auxiliary head, which nothing would teach
        return (out[0] if isinstance(out, tuple) else out).relu()  # type: ignore[no-any-return]

    def apply(self, fn: Callable[[nn.Module], None]) -> Features:
        """Not at all: actor-critic policies would overwrite the encoder's own initial weights by orthogonal ones.

        SB3's own extractors are initialised as their agents do.
        """
        return super().apply(fn) if isinstance(self.network, BaseFeaturesExtractor) else self


def _hand_made(encoder: Any, space: Any, scaled: bool) -> Callable[[IO], nn.Module]:
    if not (isinstance(encoder, type) and issubclass(encoder, BaseFeaturesExtractor)):
        return encoder  # type: ignore[no-any-return]
    return lambda io: encoder(space, **({"normalized_image": scaled} if issubclass(encoder, NatureCNN) else {}))


def images(space: Any, scaled: bool) -> tuple[int, ...]:
    """The shape [C, H, W] of an agent's observations, as SB3 hands them to its networks.

    Raises:
        ValueError: no images, or not one, or in another layout.
    """
    shape = tuple(getattr(space, "shape", None) or ())
    wrong = ""
    if isinstance(space, Dict):
        wrong = (
            "a dictionary holds several observations; show the image alone, or put Features of its key into a"
            " CombinedExtractor of your own and give that as features_extractor_class"
        )
    elif len(shape) == 4:
        wrong = "it takes 3 axes; stacked frames belong on that of the channels, where VecFrameStack puts them"
    elif len(shape) != 3:
        wrong = "a vector has nothing to convolve; leave SB3's own extractor to it"
    elif not is_image_space(space) and shape[0] > min(shape):
        wrong = "channels come first, and are fewer than pixels a side; SB3 transposes only uint8 from 0 to 255"
    elif not is_image_space(space, normalized_image=scaled):
        wrong = "SB3 scales uint8 from 0 to 255; for other frames, which it takes as they are, normalize_images=False"
    if wrong:
        raise ValueError(f"an image encoder needs images, this agent observes {space}: {wrong}")
    return shape
