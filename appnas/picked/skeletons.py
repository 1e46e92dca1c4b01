"""Networks without memory, whose weights are views of a bank: the parts of single-path supernets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils._pytree import tree_leaves

OURS = ("_parameters", "_modules")
"""Attributes of a module that hold its weights and its parts."""
Parts = Sequence[tuple[Any, str]]
"""What chosen factories made, and the option, inner ones first."""


class Slot(NamedTuple):
    """What the weights of several architectures share.

    Attributes:
        name: the weight's, with the options that it lies in.
        kind: of the module that it is of.
        axes: number of its dimensions.
    """

    name: str
    kind: str
    axes: int

    @property
    def key(self) -> str:
        """As a name of a parameter."""
        return f"{self.name.replace('.', '/')}:{self.kind}{self.axes}"


class Weight(NamedTuple):
    """A weight of a network.

    Attributes:
        name: in the network.
        slot: in the bank.
        value: the parameter.
        centred: first of the dimensions that are cut in the middle: those of kernels.
    """

    name: str
    slot: Slot
    value: nn.Parameter
    centred: int


def weights(network: nn.Module, parts: Parts) -> Iterator[Weight]:
    """All weights of a network, by name and by slot."""
    options: dict[int, list[str]] = {}
    for made, option in parts:
        options.setdefault(id(made), []).insert(0, option)
    seen: set[int] = set()

    def walk(module: nn.Module, own: str, name: str) -> Iterator[Weight]:
        if id(module) in seen:
            return
        seen.add(id(module))
        name = ".".join(filter(None, [name, *options.get(id(module), ())]))
        for short, value in module.named_parameters(recurse=False):
            if id(value) not in seen:
                seen.add(id(value))
                slot = Slot(f"{name}.{short}".lstrip("."), type(module).__name__, value.dim())
                spatial = isinstance(module, _ConvNd) and value.dim() > 2
                yield Weight(f"{own}.{short}".lstrip("."), slot, value, 2 if spatial else value.dim())
        for short, child in module.named_children():
            yield from walk(child, f"{own}.{short}".lstrip("."), f"{name}.{short}".lstrip("."))

    return walk(network, "", "")


def cut(whole: Tensor, shape: Sequence[int], centred: int) -> Tensor:
    """The part of a tensor that a smaller one is: the first of every dimension, the middle from `centred` on.

    Raises:
        ValueError: it is not smaller.
    """
    if any(large < small for large, small in zip(whole.shape, shape, strict=True)):
        raise ValueError(f"weights of the shape {tuple(shape)} are not a part of {tuple(whole.shape)}")
    for axis, (large, small) in enumerate(zip(whole.shape, shape, strict=True)):
        if large != small:
            whole = whole.narrow(axis, (large - small) // 2 if axis >= centred else 0, small)
    return whole


def largest(shapes: Sequence[torch.Size]) -> torch.Size:
    """The largest size of every dimension."""
    return torch.Size(map(max, zip(*shapes, strict=True)))


def holds_numbers(network: nn.Module) -> bool:
    """Whether there is more to a network than its weights: buffers, or tensors that are plain attributes."""
    if next(network.buffers(), None) is not None:
        return True
    own = (x for module in network.modules() for name, x in vars(module).items() if name not in OURS)
    return any(isinstance(leaf, Tensor) for x in own for leaf in tree_leaves(x))


class Recent:
    """The networks that were used last. Copies and pickles are empty."""

    def __init__(self, most: int):
        self.most, self.kept = most, OrderedDict[Any, Any]()

    def __getitem__(self, key: Any) -> Any:
        self.kept.move_to_end(key)
        return self.kept[key]

    def __contains__(self, key: Any) -> bool:
        return key in self.kept

    def __setitem__(self, key: Any, value: Any) -> None:
        self.kept[key] = value
        while len(self.kept) > self.most:
            self.kept.popitem(last=False)

    def __deepcopy__(self, memo: Any) -> Recent:
        return Recent(self.most)

    def __getstate__(self) -> dict[str, Any]:
        return {"most": self.most, "kept": OrderedDict()}
