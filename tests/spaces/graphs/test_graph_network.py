"""appnas.spaces.graphs.graph_network: what runs, where the first state comes from, numbers of layers."""

import pytest
import torch

pytest.importorskip("torch_geometric")

from appnas.space import IO, full_mask, one_hot, parse
from appnas.spaces import GraphNet

SIZES = IO((6,), (3,))
X, EDGES = torch.randn(5, 6), torch.tensor([[0, 1, 3], [1, 2, 4]])
SPACE = GraphNet(operations=("gcn", "gcnii"), repeats=(1, 2, 4), norms=("off",), residuals=("none", "initial"),
                 pre=(1,), output=("linear",), hidden=(4,), dropout=(0.0,))  # fmt: skip


def arch(first, second, space=SPACE, **more):
    named = {"operation": ["gcn", "gcnii"], "repeats": [first, second], "residual": ["initial", "none"]}
    return parse(space, named | more)


def test_layers_that_no_gate_needs_are_not_run():
    network, ran = SPACE.supernet(SIZES), []
    for block in network.blocks:
        for layer in block:
            layer.register_forward_hook(lambda module, *_: ran.append(module.block))
    with torch.no_grad():
        network(X, EDGES, gates=one_hot(SPACE.choices, arch("2", "1")))
        assert ran == [0, 0, 1]
        ran.clear()
        network(X, EDGES, gates=tuple(on.float() / on.shape[-1] for on in full_mask(SPACE.choices)))
        assert ran == [0] * 4 + [1] * 4


def test_what_is_no_decision_has_no_gates():
    network = SPACE.supernet(SIZES)
    assert [choice.name for choice in SPACE.choices] == ["operation", "repeats", "residual"] == list(network.gated)
    assert type(network.head).__name__ == "Settled" and list(network.head) == ["linear"]


@pytest.mark.parametrize("pre", [0, 1])
def test_the_first_state(pre):
    """After the linear layers before, or after the first layer, which has its own input for a residual."""
    space = GraphNet(operations=("gcn",), repeats=(2,), norms=("off",), residuals=("initial",), pre=(pre,),
                     output=("linear",), hidden=(4,), dropout=(0.0,))  # fmt: skip
    network = space.build((0, 0), SIZES)
    seen = []
    for block in network.blocks:
        for layer in block:
            layer.residual["initial"].register_forward_hook(lambda module, given, y: seen.append(given[0][2]))
    network(X, EDGES)
    assert type(network.blocks[0][0].residual["initial"]).__name__ == ("Initial" if pre else "Ego")
    assert all(state is seen[1] for state in seen[1:]) and (seen[0] is seen[1] if pre else seen[0] is None)


def test_layers_are_numbered_as_in_the_deepest_network():
    shallow, deep = (SPACE.build(arch(first, "2"), SIZES) for first in ("1", "4"))
    betas = [[layer.operation["gcnii"].beta for layer in network.blocks[1]] for network in (shallow, deep)]
    assert betas[0] == betas[1] and betas[0][0] > betas[0][1]


@pytest.mark.parametrize("name", ["mlp", "gcn", "sage", "gin", "gat", "gatv2", "transformer", "appnp", "gcnii"])
def test_what_a_network_takes(name):
    """Float64 and sparse features, inference mode, autocast, weights in fewer bits."""
    space = GraphNet()
    network = space.build(space.hand_made[name], IO((40,), (3,))).eval()
    x = torch.zeros(50, 40)
    x[torch.arange(50), torch.arange(50) % 40] = 1
    edges = torch.randint(50, (2, 200), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = network(x, edges)
        for given in (x.double(), x.to_sparse()):
            torch.testing.assert_close(network(given, edges), wanted)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(network(x, edges).float(), wanted, rtol=0.1, atol=0.1)
    with torch.inference_mode():
        torch.testing.assert_close(network(x.clone(), edges.clone()), wanted)
    fresh = x.clone()
    with torch.inference_mode():
        network(fresh, edges)
    network.train()(fresh, edges).sum().backward()  # what inference mode made is no hindrance
    network.eval()
    with torch.inference_mode():
        low = network.to(torch.bfloat16)(x, edges)
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), wanted.clone(), rtol=0.1, atol=0.1)
