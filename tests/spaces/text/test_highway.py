"""appnas.spaces.text.highway: the cell by hand, its fast form over several moments, what its dropout mask hits."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from appnas.spaces.text.highway import ACTIVATIONS, Highway, Node
from appnas.supernet import plain

ALL = list(ACTIVATIONS)
SMOOTH = ["tanh", "sigmoid", "linear"]


def cell(nodes, allowed=ALL, norm=False, width=3):
    torch.manual_seed(0)
    return Highway(width, [[allowed] * i for i in range(1, nodes + 1)], norm).double()


def gates(nodes, seed=1, batch=()):
    rng = torch.Generator().manual_seed(seed)
    return [torch.rand(*batch, i, 4, generator=rng, dtype=torch.float64) for i in range(1, nodes + 1)]


def data(moments=3, batch=5, width=3):
    rng = torch.Generator().manual_seed(2)
    x = torch.randn(moments, batch, width, generator=rng, dtype=torch.float64)
    return x, torch.randn(batch, width, generator=rng, dtype=torch.float64)


def test_a_derived_cell_by_hand():
    """Two nodes, tanh after the first state and relu after node 1: the equations written out."""
    torch.manual_seed(0)
    net = Highway(3, [[["tanh"]], [[], ["relu"]]]).double()
    x, h = data(1)
    c, g = (torch.cat([x[0], h], 1) @ net.first).chunk(2, 1)
    s0 = h + torch.sigmoid(c) * (torch.tanh(g) - h)
    c, g = (s0 @ net.nodes[0].weight).chunk(2, 1)
    s1 = s0 + torch.sigmoid(c) * (torch.tanh(g) - s0)
    c, g = (s1 @ net.nodes[1].weight).chunk(2, 1)
    s2 = s1 + torch.sigmoid(c) * (torch.relu(g) - s1)
    torch.testing.assert_close(net(x, h)[0], (s1 + s2) / 2)


def test_a_mixed_node_by_hand():
    """Gates are multipliers of whole candidates, the part that is passed on included."""
    net, (weights,) = cell(1), gates(1)
    x, h = data(1)
    c, g = (torch.cat([x[0], h], 1) @ net.first).chunk(2, 1)
    s0 = h + torch.sigmoid(c) * (torch.tanh(g) - h)
    c, g = (s0 @ net.nodes[0].weight).chunk(2, 1)
    functions = torch.tanh, torch.relu, torch.sigmoid, lambda x: x
    expected = sum(w * (s0 + torch.sigmoid(c) * (f(g) - s0)) for w, f in zip(weights[0], functions, strict=True))
    torch.testing.assert_close(net(x, h, [weights])[0], expected)


@pytest.mark.parametrize("batch", [(), (5,)], ids=["shared gates", "own gates"])
@pytest.mark.parametrize("norm", [False, True])
def test_the_fast_form_over_time_is_the_plain_one(batch, norm):
    net, weights = cell(3, norm=norm), [g.requires_grad_() for g in gates(3, batch=batch)]
    x, h = (v.requires_grad_() for v in data())
    mask = torch.tensor([[0.0, 2.0, 2.0]], dtype=torch.float64).expand(5, 3)
    found = []
    for form in (False, True):
        with plain(form):
            out = net(x, h, weights, mask)
        found.append([out, *torch.autograd.grad(out.pow(3).sum(), [x, h, *weights, *net.parameters()])])
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("form", [False, True])
def test_gradients_twice(form):
    """Both orders of the derivatives, as second-order DARTS takes them."""
    net, weights = cell(2, SMOOTH, norm=True), [g.requires_grad_() for g in gates(2)]
    x, h = data(2)

    def run(*weights):
        with plain(form):
            return net(x, h, weights)

    assert torch.autograd.gradcheck(run, weights)
    assert torch.autograd.gradgradcheck(run, weights)


def test_moments_follow_each_other():
    """A sequence in one call, or in two with the hidden state handed over."""
    net, (x, h) = cell(2), data(4)
    whole = net(x, h, gates(2))
    first = net(x[:3], h, gates(2))
    torch.testing.assert_close(torch.cat([first, net(x[3:], first[-1], gates(2))]), whole)


def test_edges_that_are_not_allowed_do_not_matter():
    torch.manual_seed(0)
    node = Node(3, [["tanh"], [], ["relu", "tanh"]]).double()
    states = list(torch.randn(3, 4, 3, dtype=torch.float64))
    weights = torch.rand(3, 4, dtype=torch.float64)
    mix = node.mix(weights)
    assert mix.sources == [0, 2] and mix.options == ["tanh", "relu"]
    other = weights.clone()
    other[1] = 7.0
    other[0, 1:] = 7.0
    torch.testing.assert_close(node(states, states, node.mix(other)), node(states, states, mix))
    with plain():
        torch.testing.assert_close(node(states, states, node.mix(other)), node(states, states, mix))


def test_a_node_without_a_candidate_is_zero():
    net, weights = cell(2), gates(2)
    weights[1] = torch.zeros_like(weights[1])
    x, h = data(1)
    out = net(x, h, weights)
    assert net.nodes[1].mix(weights[1]) is None
    torch.testing.assert_close(2 * out, cell(1)(x, h, weights[:1]))


def test_candidates_without_gates_are_added():
    """What a space of masks asks for: several on an edge, each at 1."""
    net, (x, h) = cell(2), data()
    torch.testing.assert_close(net(x, h), net(x, h, [torch.ones(i, 4, dtype=torch.float64) for i in (1, 2)]))


def test_the_mask_hits_what_enters_a_matrix_only():
    """With all states masked, c and h are those of zeros: a derived node halves what it passes on."""
    torch.manual_seed(0)
    net = Highway(3, [[["tanh"]]]).double()
    x, h = data(1)
    out = net(torch.zeros_like(x), h, None, torch.zeros_like(h))
    torch.testing.assert_close(out[0], h / 4)


def test_every_state_is_normalised_by_its_batch():
    """Of a supernet's nodes, the mean of the outputs over the batch is 0; nothing is kept."""
    net, (x, h) = cell(3, norm=True), data()
    torch.testing.assert_close(net(x, h, gates(3)).mean(1), torch.zeros(3, 3, dtype=torch.float64))
    assert not list(net.norm.state_dict())


def test_the_benchmark_of_a_step():
    """At a small size: three forms of one step, equal gradients."""
    program = Path(__file__).parents[3] / "benchmarks/recurrent_step.py"
    out = subprocess.run([sys.executable, str(program), "--small"], capture_output=True, text=True, check=True).stdout
    gaps = re.findall(r"largest relative difference of loss and gradients (\S+)", out)
    assert len(gaps) == 2 and max(map(float, gaps)) < 1e-10
    assert float(re.search(r"per operation \S+ s \((\S+)\)", out)[1]) > 1
