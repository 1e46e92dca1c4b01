"""Exercise convolutions: `python tests/convolutions.py FILE` runs every shape that FILE holds.

Forward and backward with 1 to 8 channels, in both layouts, each shape in a process of its own: a fault of a library,
such as a heap that it corrupts, ends that process only. It prints what it runs before it does, compares with float64,
and names the shapes that died or were wrong. FILE is made by tests/test_convolutions.py, of what our networks run.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

REPEATS, BATCH, SIDE, TOLERANCE = 5, 8, 16, 1e-4


class Shape(NamedTuple):
    """A convolution, apart from the number of its channels; groups of 0: one a channel."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int

    @property
    def strided_pointwise(self) -> bool:
        """Whether pixels are left out along an axis: what has to be done by picking the others first."""
        return any(k == 1 and s > 1 for k, s in zip(self.kernel, self.stride, strict=True))


def widths(groups: int) -> Iterator[tuple[int, int, int]]:
    """Channels that come in, channels that go out, groups: 1 to 8, equal, or 8 on one side."""
    for c in range(1, 9):
        for pair in {(c, c), (c, 8), (8, c)} if groups == 1 else {(c, c)}:
            if groups == 0 or c % groups == 0:
                yield *pair, groups or c


def exercise(shape: Shape) -> None:
    """Forward and backward in every width and layout, against float64.

    Raises:
        ArithmeticError: other values than in float64.
    """
    generator = torch.Generator().manual_seed(0)
    axes = len(shape.kernel)
    for (c_in, c_out, groups), last in itertools.product(sorted(widths(shape.groups)), (True, False)):
        print(f"{shape}: {c_in} to {c_out} channels, {'channels last' if last else 'contiguous'}", flush=True)
        layout = torch.channels_last if last and axes == 2 else torch.contiguous_format
        x = torch.randn(BATCH, c_in, *[SIDE] * axes, generator=generator).contiguous(memory_format=layout)
        outer, inner = (c_in, c_out // groups) if shape.transposed else (c_out, c_in // groups)
        weight = torch.randn(outer, inner, *shape.kernel, generator=generator)
        bias = torch.randn(c_out, generator=generator)
        how = shape.stride, shape.padding, shape.dilation, shape.transposed, shape.output_padding, groups
        exact = step([t.double() for t in (x, weight, bias)], how)
        for repeat in range(REPEATS):
            for found, true in zip(step([x, weight, *[bias] * (repeat % 2)], how), exact, strict=False):
                off, most = (found - true).abs().max().item(), true.abs().max().item()
                if not off <= TOLERANCE * max(most, 1):
                    raise ArithmeticError(f"off by {off:.3g} where values reach {most:.3g}")


def step(tensors: list[Tensor], how: tuple[Any, ...]) -> list[Tensor]:
    """The gradients of x, the weight and the bias, and the output without the bias, of one convolution."""
    wanted = [t.detach().requires_grad_() for t in tensors]
    bias = wanted[2] if len(wanted) > 2 else None
    y = torch.convolution(*wanted[:2], bias, *how)
    direction = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    gradients = torch.autograd.grad((y * direction).sum(), wanted)
    return [(y if bias is None else y - bias.reshape(-1, *[1] * (y.dim() - 2))).detach(), *gradients]


def failures(shapes: Sequence[Shape]) -> list[str]:
    """What died, or was wrong, each in a process of its own."""
    found, context = [], multiprocessing.get_context("fork")
    for shape in shapes:
        process = context.Process(target=exercise, args=(shape,))
        process.start()
        process.join()
        if process.exitcode:
            found.append(f"FAILED with exit code {process.exitcode}: {shape}")
    return found


def save(shapes: Sequence[Shape], path: Path) -> None:
    """Write what `load` reads."""
    path.write_text(json.dumps(shapes))


def load(path: Path) -> list[Shape]:
    """The shapes of a file."""
    return [Shape(*(tuple(v) if isinstance(v, list) else v for v in shape)) for shape in json.loads(path.read_text())]


if __name__ == "__main__":
    torch.set_num_threads(1)
    failed = failures(load(Path(sys.argv[1])))
    print(*failed, sep="\n")
    sys.exit(1 if failed else 0)
