import dataclasses
from functools import partial

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck

from appnas.one_shot import Shared
from appnas.spaces import Bench201, Cells
from appnas.strategy import Draw
from appnas.supernet import Fused, Norm, State, add_normed, add_scaled, centred, fast, plain, scale, weighed
from appnas.support import seeded


def wide(*shape: int, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=rng, dtype=torch.float64).requires_grad_()


GATES = {"one": (), "each": (4,)}


def test_scale_by_hand():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert scale(x, torch.tensor(2.0)).tolist() == [[2.0, 4.0], [6.0, 8.0]]
    assert scale(x, torch.tensor([2.0, 10.0])).tolist() == [[2.0, 4.0], [30.0, 40.0]]


def test_the_switch():
    x = torch.ones(1)
    assert fast(x) and State(x).fast and not fast(torch.ones(1, device="meta"))
    with plain():
        assert not fast(x)
        with plain():
            pass
        assert not State(x).fast
    assert fast(x)
    with pytest.raises(KeyError), plain():
        raise KeyError
    assert fast(x)


def test_a_state_computes_once():
    calls = []
    state = State(torch.tensor(3.0))
    for _ in range(2):
        assert state.once("square", lambda x: calls.append(1) or x * x).item() == 9.0
    assert state.once("double", lambda x: 2 * x).item() == 6.0 and len(calls) == 1


class TestAddScaled:
    def test_in_place_by_hand(self):
        total = torch.tensor([[1.0], [1.0]])
        out = add_scaled(total, torch.tensor([[2.0], [3.0]]), torch.tensor([10.0, 100.0]))
        assert out is total and out.tolist() == [[21.0], [301.0]]
        assert add_scaled(None, torch.tensor([2.0]), torch.tensor(0.5)).tolist() == [1.0]

    @pytest.mark.parametrize("shape", GATES.values(), ids=GATES)
    @pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
    def test_gradients(self, shape, check):
        inputs = wide(4, 3), wide(4, 3, seed=1), wide(*shape, seed=2)
        assert check(lambda t, x, g: add_scaled(t.clone(), x, g), inputs)
        assert check(lambda x, g: add_scaled(None, x, g), (wide(4, 3), wide(*shape, seed=1)))


class TestAddNormed:
    def reference(self, total, x, gate, weight=None, bias=None):
        return total + scale(nn.functional.batch_norm(x, None, None, weight, bias, True), gate)

    @pytest.mark.parametrize("affine", [False, True])
    @pytest.mark.parametrize("shape", GATES.values(), ids=GATES)
    def test_is_batch_norm_times_the_gate(self, shape, affine):
        total, x, gate = wide(4, 3, 5, 5), wide(4, 3, 5, 5, seed=1), wide(*shape, seed=2)
        extra = (wide(3, seed=3), wide(3, seed=4)) if affine else ()
        inputs = (total, x, gate, *extra)
        expected = self.reference(*inputs)
        out = add_normed(total.clone(), *inputs[1:])
        torch.testing.assert_close(out, expected)
        torch.testing.assert_close(add_normed(None, *inputs[1:]), expected - total)
        noise = wide(4, 3, 5, 5, seed=5).detach()
        found, wanted = (torch.autograd.grad((y * noise).sum(), inputs) for y in (out, expected))
        torch.testing.assert_close(found, wanted)

    @pytest.mark.parametrize("affine", [False, True])
    @pytest.mark.parametrize("shape", GATES.values(), ids=GATES)
    @pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
    def test_gradients(self, check, shape, affine):
        extra = (wide(2, seed=3), wide(2, seed=4)) if affine else ()
        inputs = (wide(4, 2, 2, 2), wide(4, 2, 2, 2, seed=1), wide(*shape, seed=2), *extra)
        assert check(lambda t, *more: add_normed(t.clone(), *more), inputs)

    def test_gates_alone(self):
        """Nothing but the gate learns, as in a step of the gates on frozen weights."""
        x, gate = wide(4, 3, 5, 5).detach(), wide()
        y = nn.functional.batch_norm(x, None, None, training=True)
        (slope,) = torch.autograd.grad((add_normed(None, x, gate) * x).sum(), gate)
        torch.testing.assert_close(slope, (y * x).sum())


def test_statistics_of_a_far_mean_are_exact():
    """A mean 1,000 times the deviation: the difference of squares would lose all digits."""
    x = torch.randn(8, 4, 16, 16).to(memory_format=torch.channels_last) + 1000
    y, mean, rstd = centred(x, 0.0)
    torch.testing.assert_close(mean.double(), x.double().mean((0, 2, 3)), rtol=1e-6, atol=0)
    torch.testing.assert_close(rstd.double(), x.double().var((0, 2, 3), correction=0).rsqrt(), rtol=1e-4, atol=0)
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_norms_are_batch_norms():
    x = torch.randn(4, 3, 5, 5, dtype=torch.float64)
    for affine in (False, True):
        norm = Norm(3, affine=affine, track_running_stats=False).double()
        with plain():
            expected = norm(x)
        torch.testing.assert_close(norm(x), expected)
    tracking = Norm(3).double()
    tracking(x)
    assert tracking.num_batches_tracked == 1


def test_fused_operations_tell_states_from_tensors():
    class Double(Fused, nn.Identity):
        fuses = True

        def fused(self, state, gate, total):
            return add_scaled(total, 2 * state.x, gate)

    x = torch.ones(2)
    assert Double()(x) is x
    assert Double()(State(x), torch.tensor(3.0), None).tolist() == [6.0, 6.0]
    with pytest.raises(NotImplementedError):
        Fused()(State(x), torch.tensor(3.0), None)


@pytest.mark.parametrize("space", [Bench201(channels=2, repeats=1), Cells(channels=2, cells=3, nodes=2)], ids=str)
def test_a_threshold_leaves_out_small_gates(space, digits):
    """As if they were zero."""
    gates = tuple(torch.full((c.count, len(c.options)), 0.01) for c in space.choices)
    for matrix in gates:
        matrix[:, -1] = 0.9
    zeroed = tuple(matrix * (matrix > 0.05) for matrix in gates)
    spaces = (space, dataclasses.replace(space, threshold=0.05))
    exact, rough = (seeded(0, partial(s.supernet, digits.io)) for s in spaces)
    inputs = digits.example(4)
    torch.testing.assert_close(rough(*inputs, gates=gates), exact(*inputs, gates=zeroed))
    assert not torch.equal(rough(*inputs, gates=gates), exact(*inputs, gates=gates))


@pytest.mark.parametrize("space", [Bench201(channels=2, repeats=1), Cells(channels=2, cells=3, nodes=2)], ids=str)
@pytest.mark.parametrize("lookahead", ["none", "exact", "finite"])
@pytest.mark.parametrize("recompute", ["convolutions", "cells"])
def test_recomputing_changes_no_gradient(space, lookahead, recompute, digits):
    """Of the gates, also through look-ahead steps whose weights are put in for a while; and of the weights."""

    def gradients(chosen):
        shared = Shared(chosen, digits, lookahead=lookahead)
        rng = torch.Generator().manual_seed(1)
        gates = tuple(torch.rand(c.count, len(c.options), generator=rng).requires_grad_() for c in chosen.choices)
        draw = Draw(chosen.discretise(tuple(g.detach() for g in gates)), gates)
        found = torch.autograd.grad(shared.score(draw).value, gates)
        shared.learn(draw)
        return [*found, *(w.grad for w in shared.supernet.parameters())]

    assert space.recompute == "auto"  # which is nothing, where nobody has planned
    for a, b in zip(gradients(space), gradients(dataclasses.replace(space, recompute=recompute)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_gate_of_one_copies_nothing():
    """Its gradient, and that of the gradient, are those of the product."""
    x, one = torch.randn(4, 3, dtype=torch.float64, requires_grad=True), torch.ones((), dtype=torch.float64)
    assert weighed(x, one) is x
    one.requires_grad_()
    assert weighed(x, one).data_ptr() == x.data_ptr() != weighed(x, 2 * one).data_ptr()
    found = []
    for form in (weighed, scale):
        slopes = torch.autograd.grad(form(x, one).pow(3).sum(), (x, one), create_graph=True)
        found.append([*slopes, *torch.autograd.grad(slopes[1], (x, one))])
    torch.testing.assert_close(*found)
    images = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    (slope,) = torch.autograd.grad((weighed(images, gate := torch.ones((), requires_grad=True)) * images).sum(), gate)
    torch.testing.assert_close(slope, images.square().sum())
