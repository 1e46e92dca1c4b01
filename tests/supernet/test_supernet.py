import copy
import pickle
import random

import pytest
import torch
from torch import nn

from appnas.compute import derived, gates_on
from appnas.space import IO, one_hot, only, random_arch, restrict  # fmt: skip
from appnas.spaces import Bench201, Cells
from appnas.supernet import Dag, Mixed, SelfGated, live_options, marked, relaxed, softmax, split_parameters  # fmt: skip
from appnas.supernet.supernet import scale  # fmt: skip
from appnas.testing import SupernetSuite, identical

OPTIONS = ("none", "twice", "thrice")


class Times(nn.Module):
    """One weight, and a count of its calls."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.factor * x


def times(option: str) -> Times:
    return Times({"twice": 2.0, "thrice": 3.0}[option])


class TestOfVectors(SupernetSuite):
    """The suite on a space without batch norms and without graphs."""

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def io(self) -> IO:
        return IO((3,), (2,))

    def coincides(self, space, arch):
        return True


def test_scale_by_hand():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert scale(x, torch.tensor(2.0)).tolist() == [[2.0, 4.0], [6.0, 8.0]]
    assert scale(x, torch.tensor([2.0, 10.0])).tolist() == [[2.0, 4.0], [30.0, 40.0]]


@pytest.mark.parametrize(
    "hand", [lambda g: gates_on(g, torch.device("meta")), lambda g: derived(lambda x: [m * 2 for m in x], g)]
)
def test_gates_stay_sampled_where_they_are_moved_or_made_of_others(hand):
    gates = tuple(marked(torch.eye(2).requires_grad_() * 1) for _ in range(2))
    assert all(matrix.sampled for matrix in hand(gates))
    assert not any(hasattr(matrix, "sampled") for matrix in hand((gates[0] * 1, gates[1] * 1)))


def test_live_options():
    gates = torch.tensor([[0.0, 0.5, 0.5], [0.0, 1.0, 0.0]])
    assert live_options(gates) == [[False, True, True], [False, True, False]]
    batch = torch.stack([gates, torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])])
    assert live_options(batch) == [[True, True, True], [False, True, False]]
    assert live_options(torch.tensor([[0.1, 0.2, 0.7]]), 0.15) == [[False, True, True]]
    gates.requires_grad_()
    assert live_options(gates) == [[True] * 3] * 2
    with torch.no_grad():
        assert live_options(gates) == [[False, True, True], [False, True, False]]


class TestMixed:
    def test_weighted_sum_by_hand(self):
        mixed = Mixed(OPTIONS, times)
        x = torch.tensor([[1.0], [10.0]])
        assert list(mixed) == ["twice", "thrice"]
        torch.testing.assert_close(mixed(x, torch.tensor([0.5, 0.3, 0.2])), 1.2 * x)  # 0.3 * 2 + 0.2 * 3
        own = torch.tensor([[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]])
        torch.testing.assert_close(mixed(x, own), torch.tensor([[1.2], [30.0]]))
        torch.testing.assert_close(mixed(x), 5.0 * x)  # without weights: the sum

    def test_rows_of_a_batch_are_what_they_are_alone(self):
        mixed, x, weights = Mixed(OPTIONS, times), torch.randn(5, 2, 3), torch.rand(5, 3)
        together = mixed(x, weights)
        for i in range(5):
            torch.testing.assert_close(together[i : i + 1], mixed(x[i : i + 1], weights[i]))

    def test_masked_options_do_not_exist(self):
        assert list(Mixed(OPTIONS, times, [True, False, True])) == ["thrice"]
        assert Mixed(OPTIONS, times, [True, False, False])(torch.ones(1), torch.ones(3)) is None

    def test_idle_options_do_not_run(self):
        mixed, x = Mixed(OPTIONS, times), torch.ones(1, 1)
        mixed(x, torch.tensor([0.0, 1.0, 0.0]), [False, True, False])
        assert (mixed["twice"].calls, mixed["thrice"].calls) == (1, 0)
        assert mixed(x, torch.tensor([1.0, 0.0, 0.0]), [True, False, False]) is None


class TestDag:
    EDGES = ((0, 1), (0, 2), (1, 2))

    def make(self, **more):
        return Dag(self.EDGES, 1, OPTIONS, lambda edge, option: times(option), **more)

    def test_states_by_hand(self):
        """Node 1 = 2 x; node 2 = 3 x + (0.5 * 2 + 0.5 * 3) node 1 = 3 x + 5 x."""
        gates = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.5, 0.5]])
        x, first, second = self.make()([torch.ones(2, 1)], gates)
        assert (x.tolist(), first.tolist(), second.tolist()) == ([[1.0]] * 2, [[2.0]] * 2, [[8.0]] * 2)

    def test_without_gates_everything_allocated_is_added_up(self):
        mask = torch.tensor([[False, True, False], [True, False, False], [False, False, True]])
        assert self.make(mask=mask)([torch.ones(1, 1)])[-1].item() == 6.0

    def test_gates_with_a_batch_axis(self):
        dag, x, gates = self.make(), torch.randn(4, 2), torch.rand(4, 3, 3)
        for state, alone in zip(
            dag([x], gates), zip(*(dag([x[i : i + 1]], gates[i]) for i in range(4)), strict=True), strict=True
        ):
            torch.testing.assert_close(state, torch.cat(alone))

    def test_an_unreached_node_is_zero_and_its_edges_still_run(self):
        gates = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        dag = self.make()
        states = dag([torch.ones(2, 1)], gates)
        assert [state.tolist() for state in states[1:]] == [[[0.0]] * 2] * 2
        assert [mixed["twice"].calls for mixed in dag.edges] == [0, 0, 1]

    def test_an_unreached_node_has_the_size_after_the_stride(self):
        x = torch.ones(2, 3, 5, 5)
        assert self.make(stride=2)([x], torch.zeros(3, 3))[-1].shape == (2, 3, 3, 3)

    def test_join_is_applied_to_every_node(self):
        gates = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        states = self.make(join=lambda node: Times(10.0))([torch.ones(1, 1)], gates)
        assert [state.item() for state in states] == [1.0, 20.0, 400.0]

    def test_operations_are_named_by_edge_and_option(self):
        names = set(self.make().state_dict())
        assert names == {f"edges.{edge}.{option}.factor" for edge in range(3) for option in OPTIONS[1:]}

    def test_two_inputs(self):
        dag = Dag(((0, 2), (1, 2)), 2, OPTIONS, lambda edge, option: times(option))
        gates = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        assert [s.item() for s in dag([torch.ones(1, 1), torch.full((1, 1), 10.0)], gates)] == [1.0, 10.0, 32.0]


def test_relaxed_gives_excluded_options_nothing():
    alpha = [torch.zeros(2, 3, requires_grad=True)]
    mask = (torch.tensor([[True, True, False], [False, True, False]]),)
    (gates,) = relaxed(alpha, softmax, mask)
    assert gates.tolist() == [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]
    (gradient,) = torch.autograd.grad((gates * torch.rand(2, 3)).sum(), alpha)
    assert not gradient[~mask[0]].any()
    assert relaxed(alpha, softmax, None)[0].tolist() == [[pytest.approx(1 / 3)] * 3] * 2


class TestSelfGated:
    @pytest.fixture
    def agent(self, chain) -> nn.Module:
        """A host that owns its own loop."""
        torch.manual_seed(0)
        return nn.Sequential(SelfGated(chain, chain.supernet(IO((3,), (4,))), softmax), nn.Linear(4, 1))

    def test_output_is_that_of_its_gates(self, agent):
        gated, x = agent[0], torch.randn(5, 3)
        with torch.no_grad():
            gated.alpha[0][:] = torch.randn(2, 5)
        torch.testing.assert_close(gated(x), gated.supernet(x, gates=(torch.softmax(gated.alpha[0], -1),)))
        assert gated.arch() == tuple(gated.alpha[0].argmax(-1).tolist())

    def test_parameters_are_told_apart_also_in_copies(self, agent):
        for module in (agent, copy.deepcopy(agent), pickle.loads(pickle.dumps(agent))):
            weights, arch = split_parameters(module.parameters())
            assert [tuple(p.shape) for p in arch] == [(2, 5)]
            assert len(weights) + 1 == len(list(module.parameters()))

    def test_logits_are_saved_and_learn(self, agent):
        agent(torch.randn(6, 3)).pow(2).mean().backward()
        assert agent[0].alpha[0].grad.abs().sum(-1).all()
        with torch.no_grad():
            agent[0].alpha[0] += torch.randn(2, 5)
        other = copy.deepcopy(agent)
        nn.init.zeros_(other[0].alpha[0])
        other.load_state_dict(agent.state_dict())
        assert identical(other.state_dict(), agent.state_dict()) and other[0].alpha[0].any()

    def test_the_relaxation_can_be_replaced(self, agent):
        agent[0].relax = lambda alpha: softmax(alpha, tau=0.1)
        with torch.no_grad():
            agent[0].alpha[0][:, 2] = 1.0
        assert agent[0].gates()[0][:, 2].min() > 0.99

    def test_masks_hold(self, chain):
        inner = restrict(chain, only(chain.choices, (2, 3)))
        gated = SelfGated(inner, inner.supernet(IO((3,), (4,))), softmax)
        assert torch.equal(gated.gates()[0], one_hot(chain.choices, (2, 3))[0])
        assert gated.arch() == (2, 3) == random_arch(inner, random.Random(0))


@pytest.mark.parametrize(
    "space",
    [Cells(channels=2, cells=3, nodes=2), Bench201(channels=2, repeats=1, recompute="cells")],
    ids=["cells", "201"],
)
def test_a_supernet_compiles_whole(space):
    """One graph, soft gates and hard ones: nothing in it depends on the numbers."""
    supernet = space.supernet(IO((1, 8, 8), (10,)))
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph

    called = torch.compile(lambda x, gates: supernet(x, gates=gates), backend=backend, fullgraph=True)
    x, shapes = torch.randn(2, 1, 8, 8), [(c.count, len(c.options)) for c in space.choices]
    soft = tuple(torch.randn(shape).softmax(-1) for shape in shapes)
    hard = tuple(torch.eye(k)[torch.randint(1, k, (n,))] for n, k in shapes)
    with torch.no_grad():
        for gates in (soft, hard):
            torch.testing.assert_close(called(x, gates), supernet(x, gates=gates), rtol=1e-4, atol=1e-5)
    assert len(graphs) == 1
    torch.compiler.reset()
