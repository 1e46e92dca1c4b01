"""What every search space must do, apart from its supernet."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn

from appnas.space import (
    IO,
    Arch,
    Listed,
    Space,
    active,
    canonical,
    check,
    constant_arch,
    crossover,
    decisions,
    describe,
    encoding,
    everything,
    legal,
    mutate,
    neighbours,
    only,
    parse,
    random_arch,
    restrict,
    size,
)  # fmt: skip
from appnas.space.restricted import Restricted
from appnas.supernet import split_parameters
from appnas.support import lacking
from appnas.testing.parts import as_floats, chi_squared, fits, identical, live, narrow, soft_gates


class SpaceSuite:
    """Tests of choices, rules and stand-alone networks.

    Fixtures to give: `space`, and `io`, the sizes of an example. Use a small space: networks are built. It needs no
    supernet, and may be inherited together with `SupernetSuite`.
    """

    draws = 600
    """Random architectures in the test of uniformity."""

    def symmetric(self, space: Space) -> bool:
        """Whether the rules treat options that compute something alike: not in a list, nor if some exist under others.

        Override for other rules of that kind.
        """
        return not isinstance(_whole(space), Listed) and getattr(space, "active", None) is None

    def inputs(self, io: IO, count: int) -> tuple[Tensor, ...]:
        """Inputs of a network. Override for spaces whose inputs are not one tensor of floats."""
        return (torch.randn(count, *io.inputs, generator=torch.Generator().manual_seed(0)),)

    def archs(self, space: Space, count: int = 8, seed: int = 0) -> list[Arch]:
        """Random architectures."""
        rng = random.Random(seed)
        return [random_arch(space, rng) for _ in range(count)]

    def test_is_a_space(self, space: Space) -> None:
        """Its members, unique names, at least one option that computes something, a count that is right."""
        assert not (lost := lacking(space, ["choices", "mask", "valid", "discretise", "build"])), lost
        names = [choice.name for choice in space.choices]
        assert len(names) == len(set(names)), names
        for choice in space.choices:
            assert choice.count >= 1 and len(set(choice.options)) == len(choice.options) >= 1, choice
            assert live(choice), choice
        assert size(space) >= 1
        if (known := everything(space)) is not None:
            own = callable(getattr(space, "count", None))
            assert size(space) == len(known) if own else size(space) >= len(known)

    def test_random_architectures_are_valid(self, space: Space) -> None:
        """Drawn, checked, and repeatable."""
        archs = self.archs(space, 50)
        assert all(check(space, list(arch)) == arch for arch in archs)
        assert archs == self.archs(space, 50)

    def test_random_architectures_are_roughly_uniform(self, space: Space) -> None:
        """All architectures come equally often, if they are few; else the options that compute something at a decision.

        Within chance of 1 in a million, and 5 standard deviations.
        """
        archs, known = self.archs(space, self.draws), everything(space)
        if size(space) > 100 * self.draws**2:
            assert len(set(archs)) == len(archs)
        if known is not None and len(known) <= self.draws // 5:
            times = Counter(archs)
            assert set(times) <= set(known)
            assert chi_squared([times[arch] for arch in known]) > 1e-6, times
        if not self.symmetric(space):
            return
        position = 0
        for choice in space.choices:
            for _ in range(choice.count):
                counts = Counter(arch[position] for arch in archs)
                seen = [counts[k] for k in live(choice)]
                expected = sum(seen) / len(seen)
                assert expected > 0, f"decision {position} of {choice.name!r} never computes anything"
                assert all(abs(n - expected) <= 5 * max(expected, 1) ** 0.5 for n in seen), (
                    choice.name,
                    position,
                    seen,
                )
                position += 1

    def test_wrong_architectures_are_refused(self, space: Space) -> None:
        """Too long, out of range."""
        import pytest

        arch = self.archs(space, 1)[0]
        with pytest.raises(ValueError, match="decisions"):
            check(space, (*arch, 0))
        for wrong in (-1, len(decisions(space.choices)[0])):
            with pytest.raises(ValueError, match="options"):
                check(space, (wrong, *arch[1:]))

    def test_names_tokens_and_gates_round_trip(self, space: Space) -> None:
        """Names, tokens, one-hot gates: and back."""
        for arch in self.archs(space):
            assert parse(space, describe(space.choices, arch)) == arch
            sequence = encoding.tokens(space.choices, arch)
            assert encoding.from_tokens(space.choices, sequence) == arch
            assert all(0 < token < encoding.vocabulary(space.choices) for token in sequence)
            gates = encoding.one_hot(space.choices, arch)
            assert space.discretise(gates) == arch
            assert encoding.features(space.choices, arch).sum() == len(arch)

    def test_discretise(self, space: Space) -> None:
        """Any scores give a valid architecture, a batch axis is averaged, and ties are settled the same way twice."""
        for seed in range(5):
            gates = soft_gates(space.choices, seed)
            arch = space.discretise(gates)
            assert space.valid(arch)
            assert space.discretise(tuple(matrix.expand(3, -1, -1) for matrix in gates)) == arch
        even = tuple(torch.ones(choice.count, len(choice.options)) for choice in space.choices)
        assert space.valid(space.discretise(even))
        assert space.discretise(even) == space.discretise(even)

    def test_permuted_scores_permute_the_architecture(self, space: Space) -> None:
        """No option is preferred for its place; `none` has a place of its own in some rules, and keeps it."""
        import pytest

        if not self.symmetric(space):
            pytest.skip("the rules of this space tell its options apart")
        gates = soft_gates(space.choices, 3)
        rng, permuted, back = random.Random(0), [], []
        for choice, matrix in zip(space.choices, gates, strict=True):
            shuffled = live(choice)
            rng.shuffle(shuffled)
            order = list(range(len(choice.options)))
            for old, new in zip(live(choice), shuffled, strict=True):
                order[old] = new
            permuted.append(matrix[:, order])
            back += [order] * choice.count
        arch = space.discretise(tuple(permuted))
        assert tuple(order[index] for order, index in zip(back, arch, strict=True)) == space.discretise(gates)

    def test_mutation_and_crossover(self, space: Space) -> None:
        """Children are valid, mutants differ, and all of a child's decisions can come from its parents."""
        rng = random.Random(1)
        archs = self.archs(space, 20)
        for first, second in itertools.pairwise(archs):
            if size(space) > 1:
                mutant = mutate(space, first, rng)
                assert space.valid(mutant) and mutant != first
            child = crossover(space, first, second, rng)
            assert space.valid(child)
            assert crossover(space, first, first, rng) == first

    def test_neighbours(self, space: Space) -> None:
        """Valid, all different, one decision away: of those that both have, and by one step if they are ordered."""
        arch = self.archs(space, 1)[0]
        near, there, options = list(neighbours(space, arch)), active(space, arch), legal(space)
        order = [choice.ordered for choice in space.choices for _ in range(choice.count)]
        assert len(near) == len(set(near))
        for other in near:
            assert space.valid(other)
            both = zip(there, active(space, other), strict=True)
            moved = [d for d, on in enumerate(both) if all(on) and arch[d] != other[d]]
            assert len(moved) == 1, (arch, other)
            for d in moved:
                ends = sorted((arch[d], other[d]))
                assert not order[d] or not [k for k in options[d] if ends[0] < k < ends[1]], (arch, other)

    def test_what_is_not_there_is_0(self, space: Space) -> None:
        """One truth for every decision, of every architecture; a valid one holds index 0 where it is false."""
        for arch in self.archs(space, 20):
            there = active(space, arch)
            assert len(there) == len(arch)
            assert not any(k for k, on in zip(arch, there, strict=True) if not on), (arch, there)

    def test_names_of_networks(self, space: Space) -> None:
        """A canonical form is valid and its own; architectures that are equivalent have one."""
        for arch in self.archs(space, 20):
            name = canonical(space, arch)
            inside = space.space if isinstance(space, Listed) and space.space else _whole(space)
            assert inside.valid(name) and canonical(space, name) == name
            if getattr(space, "canonical", None) is not None:
                same: list[Arch] = getattr(space, "equivalents", lambda arch: [])(arch)
                assert {canonical(space, other) for other in same} <= {name}

    def test_constant_architectures(self, space: Space) -> None:
        """The same operation everywhere: the control of every experiment."""
        for choice in space.choices:
            for k in live(choice):
                try:
                    arch = constant_arch(space, choice.options[k])
                except ValueError:
                    assert not self.symmetric(space), choice.options[k]
                    continue
                assert space.valid(arch)
                taken = describe(space.choices, arch)[choice.name]
                assert choice.options[k] in taken or not self.symmetric(space)

    def test_restriction(self, space: Space) -> None:
        """A restricted space stays inside its mask; restricted to one architecture, it has only that one."""
        rng = random.Random(2)
        try:
            inner = restrict(space, narrow(space.choices))
        except ValueError:
            assert not self.symmetric(space)  # a list may have nothing there
        else:
            assert size(inner) <= size(space)
            known = everything(inner)
            for arch in self.archs(inner, 20):
                assert inner.valid(arch) and space.valid(arch)
                assert inner.valid(mutate(inner, arch, rng)) if size(inner) > 1 and known != [arch] else True
            assert inner.valid(inner.discretise(soft_gates(space.choices, 4)))
            if known is not None and len(known) <= self.draws // 5:
                times = Counter(self.archs(inner, self.draws))
                assert set(times) <= set(known) and chi_squared([times[arch] for arch in known]) > 1e-6, times
        arch = self.archs(space, 1)[0]
        single = restrict(space, only(space.choices, arch))
        assert size(single) == 1
        assert random_arch(single, rng) == arch
        assert single.discretise(soft_gates(space.choices, 5)) == arch

    def test_graph(self, space: Space) -> None:
        """If the space shows its networks: named parts without circles, their ends, words; of any indices in range."""
        import pytest

        if (draw := getattr(space, "graph", None)) is None:
            pytest.skip("the space has no graph")
        rng, seen = random.Random(3), set()
        free = [tuple(rng.randrange(len(names)) for names in decisions(space.choices)) for _ in range(8)]
        for arch in (*self.archs(space), *free):
            for name, part in draw(arch).items():
                assert isinstance(name, str) and nx.is_directed_acyclic_graph(part), name
                assert {"inputs", "outputs"} <= part.graph.keys(), f"{name}: its attributes name its ends"
                ends = {*part.graph["inputs"], *part.graph["outputs"]}
                assert ends and ends <= set(part), f"{name}: the ends {ends} are nodes of the graph"
                ops = [op for *_, op in (*part.nodes(data="op"), *part.edges(data="op")) if op is not None]
                assert all(op and all(isinstance(word, str) for word in encoding.words(op)) for op in ops), ops
            seen.add(graph := encoding.op_graph(draw(arch)))
            assert graph == encoding.op_graph(draw(arch)), "the same architecture has the same graph"
        assert len(seen) > 1 or size(space) == 1, "other architectures have other graphs"

    def test_stand_alone_network(self, space: Space, io: IO) -> None:
        """A plain module: forward(*inputs) in the domain's output shape, trainable, the same for the same seed."""
        for arch in self.archs(space, 2):
            torch.manual_seed(0)
            network = space.build(arch, io)
            assert not split_parameters(network.parameters())[1]
            network.eval()
            with torch.no_grad():
                out = network(*self._inputs(network, io))
            fits(out, io, 4, f"a network of {type(space).__name__}")
            assert torch.isfinite(out).all()
            torch.manual_seed(0)
            again = space.build(arch, io)
            assert identical(again.state_dict(), network.state_dict())
            assert self._trains(network, io) > 0

    def _inputs(self, network: nn.Module, io: IO) -> tuple[Tensor, ...]:
        dtypes = (p.dtype for p in network.parameters() if p.is_floating_point())
        return as_floats(self.inputs(io, 4), next(dtypes, torch.get_default_dtype()))

    def _trains(self, network: nn.Module, io: IO) -> int:
        """Number of parameters that a backward pass in training mode reaches with a gradient that is not 0."""
        out = network.train()(*self._inputs(network, io))
        out = out[0] if isinstance(out, tuple) else out
        out.pow(2).sum().backward()
        return sum(p.grad is not None and bool(p.grad.any()) for p in network.parameters())


def _whole(space: Any) -> Any:
    """The space behind all masks."""
    while isinstance(space, Restricted):
        space = space.space
    return space
