"""Supernets of choices that can be mixed: the model itself, with a weighted sum wherever it picks.

Parts are named by the option, so weights move by name between a supernet and what a mask leaves of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from appnas.compute import read
from appnas.picked.answering import Answered, Key, Known, unseen
from appnas.picked.asking import Asked, answering, begin, end, made
from appnas.space import Gates
from appnas.supernet import Mixed, add_scaled, fast, live_options, scale


class Board:
    """The gates of the pass that is made, by decision; the same for all parts of a supernet."""

    def __init__(self) -> None:
        self.rows: list[Tensor] = []
        self.live: list[list[bool]] = []

    def write(self, gates: Gates) -> None:
        """Read once for all decisions which options must be computed."""
        self.rows = [matrix[..., n, :] for matrix in gates for n in range(matrix.shape[-2])]
        flat = all(matrix.dim() == 2 for matrix in gates) and not torch.compiler.is_compiling()
        if any(matrix.is_meta for matrix in gates):
            self.live = [[True] * row.shape[-1] for row in self.rows]
            return
        if not flat or (torch.is_grad_enabled() and any(matrix.requires_grad for matrix in gates)):
            self.live = [row for matrix in gates for row in live_options(matrix)]
            return
        used = torch.cat([read(matrix).flatten() for matrix in gates]).ne(0).tolist()
        self.live, start = [], 0
        for row in self.rows:
            self.live.append(used[start : start + row.shape[-1]])
            start += row.shape[-1]

    def wipe(self) -> None:
        """Forget the gates."""
        self.rows, self.live = [], []


def mixture(
    name: str, options: Mapping[str, Callable[..., Any]], index: Mapping[str, int], row: Tensor, live: Sequence[bool],
    inputs: tuple[Any, ...], more: Mapping[str, Any],
) -> Tensor:  # fmt: skip
    """The weighted sum of what options give; zeros if none is live.

    Shapes:
        row: [K] or [B, K].

    Raises:
        TypeError: an option gives no tensor.
        ValueError: options give tensors of different shapes.
    """
    total: Tensor | None = None
    quick = bool(inputs) and fast(inputs[0])
    for option, op in options.items():
        if not live[index[option]]:
            continue
        y = op(*inputs, **more)
        if not isinstance(y, Tensor):
            raise TypeError(f"the option {option!r} of {name!r} gives a {type(y).__name__}: only tensors can be mixed")
        if total is not None and total.shape != y.shape:
            raise ValueError(
                f"the options of {name!r} give outputs of different shapes, {option!r} {tuple(y.shape)} and one before"
                f" it {tuple(total.shape)}: they cannot be mixed"
            )
        gate = row[..., index[option]]
        if quick:
            total = add_scaled(total, y, gate)
        else:
            total = scale(y, gate) if total is None else total + scale(y, gate)
    if total is None:
        with torch.no_grad():
            first: Tensor = next(iter(options.values()))(*inputs, **more)
        return torch.zeros_like(first)
    return total


class Part(nn.Module):
    """A function as a module, so that it can be an option."""

    def __init__(self, function: Callable[..., Any]):
        super().__init__()
        self.function = function

    def forward(self, *inputs: Any, **more: Any) -> Any:
        """What the function gives."""
        return self.function(*inputs, **more)


class Blend(Mixed):
    """One `pick` of a supernet: the sum of its options, weighted by its row of the gates.

    Args:
        asked: what it asks.
        parts: its allocated options.
        place: the decision.
        board: where the gates are.
    """

    def __init__(self, asked: Asked, parts: Mapping[str, nn.Module], place: int, board: Board):
        nn.ModuleDict.__init__(self, dict(parts))
        self.index = {option: asked.options.index(option) for option in parts}
        self.asked, self.place, self.board = asked.name, place, board

    @property
    def row(self) -> Tensor | None:
        """Its gates in the pass that is made."""
        return self.board.rows[self.place] if self.board.rows else None

    def forward(self, *inputs: Any, **more: Any) -> Tensor:
        """The weighted sum of the options' outputs."""
        row, live = self.board.rows[self.place], self.board.live[self.place]
        return mixture(self.asked, dict(self.items()), self.index, row, live, inputs, more)


class Mixing(Answered):
    """Answers with blends while a supernet is built, and with weighted sums in its forward passes.

    Args:
        places: decision -> its number.
        known: the choices of the space.
        allowed: by number, which options there are.
        board: where the gates are.
        root: the network, in its forward pass.
    """

    def __init__(
        self, places: Mapping[Key, int], known: Known, allowed: Sequence[Sequence[bool]], board: Board,
        root: nn.Module | None = None,
    ):  # fmt: skip
        super().__init__(lambda key, asked: 0, known, closed=True, root=root)
        self.places, self.allowed, self.board = places, allowed, board

    def answer(self, asked: Asked) -> Any:
        """The blend of all allowed options, or its function."""
        if asked.name not in self.known:
            raise unseen(asked.name, list(self.known))
        self.known.note(asked)
        key = self.key(asked)
        if key not in self.places:
            raise unseen(asked.name, list(self.known))
        self.met.setdefault(key, 0)
        place = self.places[key]
        kept = [option for option, on in zip(asked.options, self.allowed[place], strict=True) if on]
        if self.root is not None:
            live = self.board.live[place]
            ops = {o: self._inside(asked, key, o) for o in kept if live[asked.options.index(o)]}
            ops = ops or {kept[0]: self._inside(asked, key, kept[0])}
            index = {option: asked.options.index(option) for option in ops}
            return partial(self._mixed, asked.name, ops, index, self.board.rows[place], live)
        parts = {option: self._inside(asked, key, option) for option in kept}
        return Blend(
            asked, {o: p if isinstance(p, nn.Module) else Part(p) for o, p in parts.items()}, place, self.board
        )

    @staticmethod
    def _mixed(name: str, ops: Any, index: Any, row: Tensor, live: Any, *inputs: Any, **more: Any) -> Tensor:
        return mixture(name, ops, index, row, live, inputs, more)

    def _inside(self, asked: Asked, key: Key, option: str) -> Any:
        self.scope.append((key.name, key.number, option))
        try:
            return made(asked, option)
        finally:
            self.scope.pop()


class Blended(nn.Module):
    """The supernet of a model: forward(*inputs, gates).

    Batch norms have the statistics of the batch, in evaluation too: no architecture has statistics of its own here.

    Args:
        make: builds the model.
        places: decision -> its number.
        known: the choices of the space.
        allowed: by number, which options are allocated.
        running: whether the model picks in `forward`.
    """

    def __init__(
        self, make: Callable[[], nn.Module], places: Mapping[Key, int], known: Known,
        allowed: Sequence[Sequence[bool]], running: bool,
    ):  # fmt: skip
        super().__init__()
        self.board, self.running = Board(), running
        self.places, self.known, self.allowed = dict(places), known, allowed
        answers = Mixing(places, known, allowed, self.board)
        with answering(answers):
            self.net = make()
        self.met = set(answers.met)
        of_the_batch(self.net)

    def forward(self, *inputs: Any, gates: Gates, **more: Any) -> Any:
        """The model's output under these gates."""
        self.board.write(gates)
        try:
            if not self.running:
                return self.net(*inputs, **more)
            token = begin(Mixing(self.places, self.known, self.allowed, self.board, self.net))
            try:
                return self.net(*inputs, **more)
            finally:
                end(token)
        finally:
            self.board.wipe()


def of_the_batch(network: nn.Module) -> None:
    """Let batch norms keep no running statistics: they would be those of all architectures together.

    And nothing be written in place: the other options of a mixture read the same input.
    """
    for module in network.modules():
        if getattr(module, "inplace", None) is True:
            module.inplace = False  # type: ignore[assignment]
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            module.track_running_stats = False
            module.running_mean = module.running_var = module.num_batches_tracked = None
