"""What every supernet must do: the gates decide, and nothing that they exclude costs anything."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from appnas.cost import saved_bytes
from appnas.space import IO, Arch, Gates, Mask, Space, full_mask, one_hot, only, random_arch
from appnas.supernet import Mixed, gumbel_paths, plain, relaxed, sampled_paths
from appnas.testing.parts import as_floats, fits, identical, live, narrow, soft_gates


class SupernetSuite:
    """Tests of a space's supernet, in float64.

    Fixtures to give: `space`, and `io`, the sizes of an example. Use a small space: the supernet is run many times.
    """

    def inputs(self, io: IO, count: int) -> tuple[Tensor, ...]:
        """Inputs of a supernet. Override for spaces whose inputs are not one tensor of floats."""
        return (torch.randn(count, *io.inputs, generator=torch.Generator().manual_seed(0), dtype=torch.float64),)

    def operations(self, supernet: nn.Module) -> dict[str, nn.Module]:
        """Every candidate operation by its full name, which ends in the option's."""
        return {
            f"{path}.{option}": op
            for path, mixed in supernet.named_modules()
            if isinstance(mixed, Mixed)
            for option, op in mixed.items()
        }

    def coincides(self, space: Space, arch: Arch) -> bool:
        """Whether the stand-alone network of an architecture, in training mode, computes what the supernet does.

        Override where stand-alone networks are as large as the supernet and name their weights alike.
        """
        return False

    def learns_alike(self, space: Space) -> bool:
        """Whether sampled gates give the gradient that they would if all ran. Override where more is left out."""
        return True

    def slopes(self, value: Tensor, alpha: list[Tensor]) -> list[Tensor]:
        """Gradients of a value; 0 where it does not depend on them."""
        return list(torch.autograd.grad(value, alpha, retain_graph=True, materialize_grads=True))

    def narrow(self, space: Space, odd: bool) -> Mask:
        """One of two masks that together drop every option. Override where options are no rivals, but on or off."""
        return narrow(space.choices, odd=odd)

    def make(self, space: Space, io: IO, mask: Mask | None = None) -> nn.Module:
        """A supernet in float64; every call starts from the same seed."""
        torch.manual_seed(0)
        supernet: nn.Module = space.supernet(io, mask).double()
        return supernet

    def arch(self, space: Space, seed: int = 0) -> Arch:
        """A random architecture."""
        return random_arch(space, random.Random(seed))

    def hard(self, space: Space, arch: Arch) -> Gates:
        """One-hot gates in float64."""
        return tuple(matrix.double() for matrix in one_hot(space.choices, arch))

    def run(self, supernet: nn.Module, io: IO, gates: Gates, count: int = 4) -> Tensor:
        """The supernet's output. Shapes: returns [count, *outputs]."""
        out: Tensor = supernet(*as_floats(self.inputs(io, count), torch.float64), gates=gates)
        return out

    def loss(self, supernet: nn.Module, io: IO) -> Callable[[Gates], Tensor]:
        """A scalar function of the gates: the output times fixed random numbers."""
        weights = torch.randn(4, *io.outputs, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        return lambda gates: (self.run(supernet, io, gates) * weights).sum()

    def test_output_shape_and_seed(self, space: Space, io: IO) -> None:
        """One output an example; the same seed gives the same bits."""
        gates = soft_gates(space.choices)
        supernet = self.make(space, io)
        out = self.run(supernet, io, gates)
        fits(out, io, 4, f"the supernet of {type(space).__name__}")
        again = self.make(space, io)
        assert identical(again.state_dict(), supernet.state_dict())
        assert identical(self.run(again, io, gates), out)

    def test_one_hot_gates_are_the_architecture(self, space: Space, io: IO) -> None:
        """Invariant (a): the same output as the supernet of that architecture alone, with weights copied by name."""
        whole = self.make(space, io)
        weights = whole.state_dict()
        for seed in range(2):
            arch = self.arch(space, seed)
            alone = self.make(space, io, mask=only(space.choices, arch))
            alone.load_state_dict({name: weights[name] for name in alone.state_dict()})
            gates = self.hard(space, arch)
            torch.testing.assert_close(self.run(alone, io, gates), self.run(whole, io, gates))

    def test_stand_alone_network_is_the_architecture(self, space: Space, io: IO) -> None:
        """Invariant (a): so does the stand-alone network, where it is built alike."""
        import pytest

        archs = [arch for seed in range(200) if self.coincides(space, arch := self.arch(space, seed))][:2]
        if not archs:
            pytest.skip("stand-alone networks of this space are not built like its supernet")
        whole = self.make(space, io)
        weights = {name: w for name, w in whole.named_parameters()}
        for arch in archs:
            network = space.build(arch, io).double().train()
            for name, parameter in network.named_parameters():
                assert name in weights or parameter.dim() == 1, f"{name} has no counterpart in the supernet"
                if name in weights:
                    parameter.data.copy_(weights[name])
            inputs = as_floats(self.inputs(io, 4), torch.float64)
            torch.testing.assert_close(network(*inputs), self.run(whole, io, self.hard(space, arch)))

    def test_masked_options_are_not_there(self, space: Space, io: IO) -> None:
        """Invariant (b): never allocated, no gradient."""
        whole = self.operations(self.make(space, io))
        assert whole
        for odd in (False, True):
            mask = self.narrow(space, odd)
            supernet = self.make(space, io, mask=mask)
            allowed = {
                choice.options[k]
                for choice, matrix in zip(space.choices, mask, strict=True)
                for k in matrix.any(0).nonzero().flatten().tolist()
            }
            kept = self.operations(supernet)
            assert kept.keys() < whole.keys()
            assert {name.rsplit(".", 1)[1] for name in kept} <= allowed
            gates = tuple(matrix.requires_grad_() for matrix in soft_gates(space.choices))
            found = torch.autograd.grad(self.loss(supernet, io)(gates), gates, materialize_grads=True)
            assert all(not gradient[~matrix].any() for gradient, matrix in zip(found, mask, strict=True))

    def test_options_at_zero_are_not_executed(self, space: Space, io: IO) -> None:
        """Invariant (b): one-hot gates run what a supernet of that architecture holds, no more, and train only that.

        Those of shared weights, without a gradient, and straight-through ones, whose logits learn.
        """
        arch = self.arch(space)
        supernet = self.make(space, io)
        operations = self.operations(supernet)
        ran: list[str] = []
        for name, op in operations.items():
            op.register_forward_hook(lambda module, x, y, name=name: ran.append(name))
        expected = self.operations(self.make(space, io, mask=only(space.choices, arch)))
        hard = self.hard(space, arch)
        soft = [torch.full_like(matrix, 1 / matrix.shape[-1], requires_grad=True) for matrix in hard]
        paths = [matrix.argmax(-1, keepdim=True) for matrix in hard]
        for gates in (hard, tuple(sampled_paths(s[None], p[None]) for s, p in zip(soft, paths, strict=True))):
            ran.clear()
            out = self.run(supernet, io, gates)
            assert len(ran) == len(set(ran))
            assert set(ran) == set(expected)
        if out.requires_grad:
            out.sum().backward()  # type: ignore[no-untyped-call]
        idle = [op for name, op in operations.items() if name not in expected]
        assert all(parameter.grad is None for op in idle for parameter in op.parameters())

    def test_sampled_gates_run_the_sample_alone(self, space: Space, io: IO) -> None:
        """Invariant (i): gates that know that they are sampled run what the same numbers without a gradient do.

        The gradient of the logits is that of the same gates without the mark, under which everything runs.
        """
        supernet = self.make(space, io)
        loss = self.loss(supernet, io)
        ran: list[str] = []
        for name, op in self.operations(supernet).items():
            op.register_forward_hook(lambda module, x, y, name=name: ran.append(name))
        alpha = [torch.log(matrix).requires_grad_() for matrix in soft_gates(space.choices)]
        generator = torch.Generator().manual_seed(3)
        for paths in (1, 2):
            gates = relaxed(alpha, partial(gumbel_paths, generator=generator, paths=paths), space.mask)
            values, names = [], []
            for given in (tuple(m.detach() for m in gates), gates, tuple(m.clone() for m in gates)):
                ran.clear()
                values.append(loss(given))
                names.append(sorted(ran))
            assert names[0] == names[1], "gates with a gradient ran more: ask appnas.supernet.live_options what to run"
            assert set(names[1]) <= set(names[2])
            if values[1].requires_grad and self.learns_alike(space):
                _, first, second = values
                torch.testing.assert_close(*(self.slopes(value, alpha) for value in (first, second)))

    def test_gradient_of_the_gates(self, space: Space, io: IO) -> None:
        """Invariant (c): equal to central differences, in one random direction for each choice and one for all."""
        loss = self.loss(self.make(space, io), io)
        gates = tuple(matrix.requires_grad_() for matrix in soft_gates(space.choices))
        gradient = torch.autograd.grad(loss(gates), gates)
        rng = torch.Generator().manual_seed(2)
        noise = [torch.randn(matrix.shape, generator=rng, dtype=torch.float64) for matrix in gates]
        step = 1e-6
        with torch.no_grad():
            for chosen in [*([i] for i in range(len(gates))), range(len(gates))]:
                way = [n if i in chosen else torch.zeros_like(n) for i, n in enumerate(noise)]
                plus, minus = (tuple(g + s * w for g, w in zip(gates, way, strict=True)) for s in (step, -step))
                slope = (loss(plus) - loss(minus)) / (2 * step)
                exact = sum(((g * w).sum() for g, w in zip(gradient, way, strict=True)), torch.zeros(()))
                torch.testing.assert_close(slope, exact.to(slope.dtype), rtol=1e-5, atol=1e-7)

    def test_every_row_of_alpha_learns(self, space: Space, io: IO) -> None:
        """Every option that computes something has a gradient, so every row of logits behind a softmax has one."""
        loss = self.loss(self.make(space, io), io)
        alpha = [torch.log(matrix).requires_grad_() for matrix in soft_gates(space.choices)]
        gates = tuple(torch.softmax(logits, -1) for logits in alpha)
        found = torch.autograd.grad(loss(gates), [*alpha, *gates])
        masks = space.mask or full_mask(space.choices)
        for choice, rows, options, allowed in zip(space.choices, found, found[len(alpha) :], masks, strict=False):
            learns = rows.abs().amax(-1).all() or len(choice.options) == 1  # what has one option is decided
            assert learns, f"rows of {choice.name!r} without a gradient"
            expected = allowed & torch.tensor([k in live(choice) for k in range(len(choice.options))])
            assert torch.equal(options != 0, expected), f"options of {choice.name!r} without a gradient, or with one"

    def test_batch_axis(self, space: Space, io: IO) -> None:
        """Invariant (d): gates [B, count, K] give every example its own row. Batch norms, which mix examples, are off.

        With them on, equal rows give what shared gates give.
        """
        supernet = self.make(space, io)
        first, second = soft_gates(space.choices, 0), soft_gates(space.choices, 1)
        same = tuple(matrix.expand(4, -1, -1) for matrix in first)
        torch.testing.assert_close(self.run(supernet, io, same), self.run(supernet, io, first))
        own = tuple(torch.stack([a, b, a, b]) for a, b in zip(first, second, strict=True))
        with plain():  # where every batch norm is a module of its own, which can be switched off
            reference = self.run(supernet, io, own)
            for module in supernet.modules():
                if isinstance(module, _BatchNorm):
                    module.register_forward_hook(lambda module, x, y: x[0])
            out, of_first, of_second = (self.run(supernet, io, gates) for gates in (own, first, second))
        torch.testing.assert_close(out[0::2], of_first[0::2])
        torch.testing.assert_close(out[1::2], of_second[1::2])
        assert not torch.allclose(out, of_first)
        torch.testing.assert_close(self.run(self.make(space, io), io, own), reference)

    def test_fast_form_is_the_plain_one(self, space: Space, io: IO) -> None:
        """Invariant (h): the same output and gradients, with gates for all and for each example."""
        supernet = self.make(space, io)
        weights = list(supernet.parameters())
        for count in ((), (4,)):
            gates = tuple(g.expand(*count, -1, -1).clone().requires_grad_() for g in soft_gates(space.choices))
            found = []
            for form in (nullcontext, plain):
                with form():
                    loss = self.loss(supernet, io)(gates)
                found.append([loss, *torch.autograd.grad(loss, [*gates, *weights], materialize_grads=True)])
            torch.testing.assert_close(*found, rtol=1e-8, atol=1e-10)

    def test_memory_falls_with_the_mask(self, space: Space, io: IO) -> None:
        """Invariant (g): fewer options, fewer bytes kept for backward; fewer weights.

        Everything; one option in every second decision; one option everywhere.
        """
        arch = only(space.choices, self.arch(space))
        half = tuple(matrix.clone() for matrix in arch)
        for matrix in half:
            matrix[::2] = True
        gates = tuple(matrix.requires_grad_() for matrix in soft_gates(space.choices))
        kept, weights = [], []
        for mask in (None, half, arch):
            supernet = self.make(space, io, mask)
            kept.append(saved_bytes(lambda net=supernet: self.run(net, io, gates)))  # type: ignore[misc]
            weights.append(sum(p.numel() for p in supernet.parameters()))
        assert kept[0] > kept[1] > kept[2] or (len(half[0]) == 1 and kept[0] > kept[2]), kept
        assert weights[0] >= weights[1] >= weights[2], weights
