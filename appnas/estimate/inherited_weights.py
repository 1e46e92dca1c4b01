"""Weights that later networks inherit, tensor by tensor, under a key that says which of them are alike.

Two tensors are alike if their keys are equal. Keys are pluggable: by name and shape alone any network inherits what
fits; with the space's own signature only what means the same (constrained sharing between homogeneous architectures,
Zhou et al., arXiv 1909.03184, section 4.3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from appnas.space import Arch, Space
from appnas.support import Saved

Key = Callable[[Arch, str, Tensor], tuple[Any, ...] | None]
"""(architecture, name of a tensor, the tensor) -> key, made of strings and numbers; None for a tensor never shared."""


def by_shape(arch: Arch, name: str, tensor: Tensor) -> tuple[Any, ...]:
    """Unconstrained sharing: the name (layer and role) and the shape."""
    return (name, *tensor.shape)


def by_homogeneity(space: Space) -> Key:
    """Constrained sharing: name, shape and what the space's `signature(arch, name)` gives; None there shares nothing.

    A space without a signature names its weights after the operations they belong to (every space with a supernet
    does), so name and shape say enough.
    """
    signature = getattr(space, "signature", lambda arch, name: ())

    def key(arch: Arch, name: str, tensor: Tensor) -> tuple[Any, ...] | None:
        own = signature(arch, name)
        return None if own is None else (*by_shape(arch, name, tensor), *own)

    return key


class ParamStore(Saved):
    """The latest trained tensor of every key.

    Args:
        key: which tensors are alike.
    """

    saved = ("kept",)

    def __init__(self, key: Key):
        self.key = key
        self.kept: dict[tuple[Any, ...], Tensor] = {}

    @torch.no_grad()
    def inherit(self, model: nn.Module, arch: Arch) -> float:
        """Copy what is kept into a new model. Returns the share of its weights that were inherited, 0 to 1."""
        inherited = total = 0
        for name, tensor in model.named_parameters():
            key = self.key(arch, name, tensor)
            total += tensor.numel()
            if key is not None and key in self.kept:
                tensor.copy_(self.kept[key])
                inherited += tensor.numel()
        return inherited / max(total, 1)

    def keep(self, model: nn.Module, arch: Arch) -> None:
        """Remember the weights of a trained model, in place of older ones under the same keys."""
        for name, tensor in model.named_parameters():
            key = self.key(arch, name, tensor)
            if key is not None:
                self.kept[key] = tensor.detach().clone()
