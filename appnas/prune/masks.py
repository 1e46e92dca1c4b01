"""Masks over the parts of a supernet: what they cost, which parts to keep, and the smaller network that is left.

A part is an option that computes something: a unit or a weight of a space with the options `none` and `keep` (see
`appnas.spaces.parts.maskable`, which makes such a space of any other), or an operation of an edge. Its gate is its
indicator v. A mask is then an ordinary architecture of an ordinary space: every method can search it, `build` gives
the smaller network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from appnas.compute import CPU, home, moved
from appnas.cost import parameters
from appnas.space import IO, ZERO, Arch, Gates, Mask, Space, full_mask, one_hot, without
from appnas.supernet import Gated, connection_sensitivity


def parts(space: Space) -> Mask:
    """Where there is something to switch off: the options that compute something and that the space's mask allows."""
    live = without(space.choices, ZERO)
    return live if space.mask is None else tuple(a & b for a, b in zip(live, space.mask, strict=True))


def dense(space: Space) -> Gates:
    """Gates that are 1 at every part: the whole supernet."""
    return tuple(matrix.float() for matrix in parts(space))


def costs(space: Space, io: IO, unit: str = "parts") -> Gates:
    """What every part costs; 0 for what is no part.

    Args:
        space: whose parts. Its own method `costs(io)` is asked for the parameters of a part, if it has one.
        io: sizes of an example.
        unit: "parts" for 1 each, "parameters" for the weights that the supernet loses with the part.

    Raises:
        ValueError: another unit.
    """
    if unit not in ("parts", "parameters"):
        raise ValueError(f"the cost of a part is counted in 'parts' or 'parameters', got {unit!r}")
    if unit == "parts":
        return dense(space)
    own: Callable[[IO], Gates] | None = getattr(space, "costs", None)
    return own(io) if own else _measured(space, io)


def _measured(space: Space, io: IO) -> Gates:
    """Parameters of the whole supernet less those of the one without the part, built without memory."""

    def weight(mask: Mask) -> int:
        with torch.device("meta"):
            return parameters(space.supernet(io, mask))

    open_options = full_mask(space.choices) if space.mask is None else space.mask
    whole, found = weight(open_options), dense(space)
    for i, matrix in enumerate(parts(space)):
        for row, k in matrix.nonzero().tolist():
            mask = tuple(m.clone() for m in open_options)
            mask[i][row, k] = False
            if mask[i][row].any():  # a decision's only option cannot be taken away
                found[i][row, k] = whole - weight(mask)
    return found


def complexity(gates: Gates, prices: Gates) -> Tensor:
    """C(v) = sum_i c_i v_i / sum_i c_i, between 0 and 1.

    Shapes:
        gates: each [count, K] or [B, count, K]. prices: each [count, K]. returns: [] or [B].
    """
    total = sum((c.sum() for c in prices), torch.zeros(()))
    return sum(((g * c).sum((-2, -1)) for g, c in zip(gates, prices, strict=True)), torch.zeros(())) / total


def density(space: Space, arch: Arch, prices: Gates | None = None) -> float:
    """Share of the parts (or of their cost) that an architecture keeps."""
    return float(complexity(one_hot(space.choices, arch), prices or dense(space)))


def kept(space: Space, arch: Arch) -> list[int]:
    """Number of parts that an architecture keeps of every choice."""
    hard = zip(one_hot(space.choices, arch), parts(space), strict=True)
    return [int((matrix * live).sum()) for matrix, live in hard]


def strongest(space: Space, scores: Gates, count: int | Sequence[int]) -> Arch:
    """The mask that keeps the parts with the largest scores, ties to the first; the space's floors come on top.

    Args:
        space: with binary choices (`none` and one part a decision).
        scores: each [count, 2]; only the part's column is read.
        count: parts to keep of every choice, or one number for all choices together.

    Raises:
        ValueError: a choice that is not binary, or more parts wanted than there are.
    """
    live = parts(space)
    if any(len(c.options) != 2 or not bool((m.sum(-1) <= 1).all()) for c, m in zip(space.choices, live, strict=True)):
        raise ValueError("keeping the strongest parts needs binary choices: see appnas.spaces.parts.Maskable")
    column = [int(matrix.any(0).nonzero()[0]) for matrix in live]
    flat = [s[:, k].masked_fill(~m[:, k], -torch.inf) for s, k, m in zip(scores, column, live, strict=True)]
    groups = [torch.cat(flat)] if isinstance(count, int) else flat
    counts = [count] if isinstance(count, int) else list(count)
    available = [int((group > -torch.inf).sum()) for group in groups]
    if any(not 0 <= n <= m for n, m in zip(counts, available, strict=True)):
        raise ValueError(f"there are {available} parts to keep, got {counts}")
    ranked = torch.cat([_ranked(group, n) for group, n in zip(groups, counts, strict=True)])
    gates = []
    for v, k in zip(torch.split(ranked, [len(x) for x in flat]), column, strict=True):
        gates.append(torch.stack([v, 1 - v] if k == 0 else [1 - v, v], -1))
    return space.discretise(tuple(gates))


def _ranked(scores: Tensor, count: int) -> Tensor:
    """Scores by rank alone, between 0 and 1, above a half for the `count` largest."""
    rank = torch.empty(len(scores)).scatter_(
        0, scores.argsort(descending=True, stable=True), torch.arange(len(scores)).float()
    )
    return 0.5 + (count - 0.5 - rank) / (2 * len(scores))


def random_like(space: Space, arch: Arch, generator: torch.Generator) -> Arch:
    """A random mask that keeps as many parts of every choice as another: the control that a learned mask must beat."""
    scores = tuple(torch.rand(matrix.shape, generator=generator) for matrix in dense(space))
    return strongest(space, scores, kept(space, arch))


@torch.no_grad()
def magnitudes(space: Space, network: nn.Module, inputs: tuple[Any, ...]) -> Gates:
    """How large every part is in a trained supernet, the score of magnitude pruning.

    The space's own `magnitudes(network)` if it has that. Otherwise the mean absolute change of the outputs when the
    part alone is switched off: skips and activations have no weights to go by. As many passes as there are parts.

    Args:
        space: whose parts.
        network: its supernet, anywhere; what is returned is on the CPU.
        inputs: of some examples.
    """
    own: Callable[[nn.Module], Gates] | None = getattr(space, "magnitudes", None)
    if own:
        return moved(own(network), CPU)  # type: ignore[no-any-return]
    gates, found = dense(space), tuple(torch.zeros_like(matrix) for matrix in dense(space))
    network, inputs = Gated(network.eval(), gates), moved(inputs, home(network))
    whole = tree_leaves(network(*inputs))
    for matrix, score in zip(gates, found, strict=True):
        for row, k in matrix.nonzero().tolist():
            matrix[row, k] = 0.0
            less = tree_leaves(network(*inputs))
            score[row, k] = sum((a - b).abs().mean() for a, b in zip(whole, less, strict=True))
            matrix[row, k] = 1.0
    return found


def snip(space: Space, loss: Callable[[Gates], Tensor]) -> Gates:
    """Connection sensitivity |dL / dv| at v = 1, SNIP's score (Lee, Ajanthan and Torr, arXiv 1810.02340).

    Args:
        space: whose parts.
        loss: gates -> mean loss, of a supernet with initial weights.
    """
    gates = tuple(matrix.requires_grad_() for matrix in dense(space))
    return connection_sensitivity(loss(gates), gates)


def mean_loss(supernet: nn.Module, domain: Any, batches: Iterable[Any]) -> Callable[[Gates], Tensor]:
    """The mean loss over given batches as a function of the gates."""
    examples = [moved(batch, home(supernet)) for batch in batches]

    def loss(gates: Gates) -> Tensor:
        losses = [domain.loss(Gated(supernet, gates), batch) for batch in examples]
        return moved(torch.cat(losses).mean(), CPU)  # type: ignore[no-any-return]

    return loss


def shrink(space: Space, supernet: nn.Module, arch: Arch, io: IO) -> nn.Module:
    """The stand-alone network of a mask with the supernet's weights: smaller, not multiplied by 0.

    A space whose weights change shape has its own `inherit(network, supernet, arch)`; otherwise weights move by name.

    Raises:
        ValueError: a weight that the supernet does not have in this shape.
    """
    network = space.build(arch, io).to(home(supernet))
    own = getattr(space, "inherit", None)
    if own:
        own(network, supernet, arch)
        return network
    have = supernet.state_dict()
    for name, parameter in network.named_parameters():
        if name not in have or have[name].shape != parameter.shape:
            raise ValueError(f"the supernet has no weight {name!r} of shape {tuple(parameter.shape)}")
        parameter.data.copy_(have[name])
    return network
