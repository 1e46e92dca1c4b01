"""Supernets of choices that cannot be mixed: single paths, whose weights are parts of common ones.

Weights of the same name are one tensor, as large as the largest architecture needs; a smaller one uses its first rows
and columns, and the middle of its kernels (AutoFormer, Chen et al., arXiv 2107.00651; Once-for-All, Cai et al., arXiv
1908.09791, but for its learnt transformations of kernels).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from appnas.compute import CPU, home, read
from appnas.picked.mixing import of_the_batch
from appnas.picked.recording import META
from appnas.picked.skeletons import Parts, Recent, Slot, cut, holds_numbers, largest, weights
from appnas.space import Arch, Gates
from appnas.support import forked

Build = Callable[[Arch], tuple[nn.Module, Parts]]
"""Architecture -> its network, and what its factories made."""
LISTED = 200
"""Architectures up to which all are looked at for the sizes of weights."""
DRAWN = 50
"""Random ones that are looked at otherwise."""
RECENT = 64
"""Networks without memory that a supernet keeps."""


class Sizes:
    """The weights of all architectures, and who has the largest.

    Args:
        build: makes networks.
        archs: architectures to look at.
    """

    def __init__(self, build: Build, archs: Sequence[Arch]):
        self.shapes: dict[Slot, torch.Size] = {}
        self.owners: dict[Slot, tuple[int, Arch]] = {}
        self.totals: dict[Arch, int] = {}
        self.build = build
        for arch in archs:
            self.look(arch)

    def look(self, arch: Arch) -> int:
        """Take an architecture in.

        Returns:
            Its number of weights.
        """
        if arch in self.totals:
            return self.totals[arch]
        with torch.random.fork_rng(devices=[]), torch.device(META):
            network, parts = self.build(arch)
        total = 0
        for weight in weights(network, parts):
            shape, size = weight.value.shape, weight.value.numel()
            total += size
            self.shapes[weight.slot] = largest([self.shapes.get(weight.slot, shape), shape])
            if size > self.owners.get(weight.slot, (-1, ()))[0]:
                self.owners[weight.slot] = size, arch
        self.totals[arch] = total
        return total

    @property
    def most(self) -> Arch:
        """The architecture with the most weights."""
        return max(self.totals, key=self.totals.__getitem__)


def looked_at(
    build: Build, canonical: Callable[[Arch], Arch], options: Sequence[Sequence[int]], every: Sequence[Arch] | None
) -> Sizes:
    """The sizes of all architectures, or of many: the largest that is found going up, those beside it, random ones.

    Args:
        build: makes networks.
        canonical: of any indices.
        options: indices that every decision may have.
        every: all architectures, if they are few.
    """
    if every is not None and len(every) <= LISTED:
        return Sizes(build, every)
    sizes, rng = Sizes(build, []), random.Random(0)

    def beside(arch: Arch) -> Iterator[Arch]:
        for d, indices in enumerate(options):
            for k in indices:
                yield (*arch[:d], k, *arch[d + 1 :])

    top = tuple(indices[-1] for indices in options)
    for _ in range(len(options) + 1):  # decisions that exist only in larger ones come into play
        before = top
        for d, indices in enumerate(options):
            tried = [(*top[:d], k, *top[d + 1 :]) for k in indices]
            top = max(tried, key=lambda arch: sizes.look(canonical(arch)))
        if top == before:
            break
    for arch in [*beside(top), *(tuple(map(rng.choice, options)) for _ in range(DRAWN))]:
        sizes.look(canonical(arch))
    return sizes


class Paths(nn.Module):
    """A supernet of single paths: forward(*inputs, gates), with one-hot gates.

    A path is the network as it is built, on views of the bank. Batch norms have the statistics of the batch. Other
    buffers are those of the network that is built: what a model gathers in them is not kept.

    Args:
        build: makes networks; inside of `torch.device("meta")` without memory.
        sizes: of weights.
        canonical: of any indices.
        reason: why options cannot be mixed.

    Attributes:
        largest: the architecture with the most weights.
    """

    def __init__(self, build: Build, sizes: Sizes, canonical: Callable[[Arch], Arch], reason: str):
        super().__init__()
        self.build, self.canonical, self.reason = build, canonical, reason
        self.bank = nn.ParameterDict()
        self.largest = sizes.most
        self.skeletons = Recent(RECENT)
        self._fill(sizes)

    def _fill(self, sizes: Sizes) -> None:
        """Give weights the values of real networks, the largest first."""
        missing = dict(sizes.shapes)
        for arch in dict.fromkeys([sizes.most, *(arch for _, arch in sizes.owners.values())]):
            if not any(sizes.owners[slot][1] == arch for slot in missing) and arch != sizes.most:
                continue
            network, parts = self.build(arch)
            for weight in weights(network, parts):
                slot, value = weight.slot, weight.value.detach()
                if slot not in missing or (value.shape != missing[slot] and sizes.owners[slot][1] != arch):
                    continue
                shape = missing.pop(slot)
                whole = value
                if value.shape != shape:  # no architecture has all of it: the rest is drawn as its largest part is
                    mean, deviation = (0.0, 0.0) if value.is_meta else (float(value.mean()), float(value.std()))
                    whole = torch.empty(shape, dtype=value.dtype).normal_(mean, max(deviation, 0.0))
                    cut(whole, value.shape, weight.centred).copy_(value)
                self.bank[slot.key] = nn.Parameter(whole, weight.value.requires_grad)

    def arch(self, gates: Gates) -> Arch:
        """The architecture that one-hot gates are.

        Raises:
            TypeError: other gates.
        """
        found: list[int] = []
        for matrix in map(read, gates):
            if matrix.dim() == 3 and len(matrix) and bool((matrix == matrix[:1]).all()):
                matrix = matrix[0]
            if matrix.dim() != 2 or not bool(((matrix == 0) | (matrix == 1)).all() and (matrix.sum(-1) == 1).all()):
                raise TypeError(
                    f"this supernet takes one-hot gates, the same for all examples, as {self.reason}; it got"
                    f" {matrix.flatten()[:6].tolist()}"
                )
            found += matrix.argmax(-1).tolist()
        return self.canonical(tuple(found))

    def path(self, arch: Arch) -> tuple[nn.Module, list[tuple[str, str, torch.Size, int]]]:
        """The network of an architecture without its weights, and where each of them comes from."""
        key = arch, str(home(self))
        if key not in self.skeletons:
            with forked(CPU, 0):
                with torch.device(META):
                    network, parts = self.build(arch)
                if holds_numbers(network):
                    network, parts = self.build(arch)
                    network.to(home(self))
            of_the_batch(network)
            places = [(w.name, w.slot.key, w.value.shape, w.centred) for w in weights(network, parts)]
            self.skeletons[key] = network, places
        found: tuple[nn.Module, list[tuple[str, str, torch.Size, int]]] = self.skeletons[key]
        return found

    def forward(self, *inputs: Any, gates: Gates, **more: Any) -> Any:
        """The output of the path that the gates are.

        Raises:
            TypeError: gates that are not one-hot.
            ValueError: the path has weights that no architecture had which was looked at.
        """
        network, places = self.path(self.arch(gates))
        used: dict[str, Tensor] = {}
        for name, key, shape, centred in places:
            if key not in self.bank:
                raise ValueError(f"the weight {name} {tuple(shape)} of this architecture is not in the supernet")
            used[name] = cut(self.bank[key], shape, centred)
        return functional_call(network.train(self.training), used, inputs, more)
