"""appnas.predict.gcn: propagation by hand, nodes that contribute nothing, and how closely a fit follows noise."""

import random

import pytest
import torch

from appnas.predict import GCNRegressor, as_tensor
from appnas.predict.gcn import GCN, propagation
from appnas.space import random_arch
from appnas.spaces import Bench201

CHAIN = torch.tensor([[0.0, 1, 0], [0, 0, 1], [0, 0, 0]])
SPACE = Bench201()


def test_propagation_by_hand():
    alive = torch.tensor([[1.0, 1, 1], [1, 0, 1]])
    plain = propagation(CHAIN, alive, normalised=False)
    assert plain[0].tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1]], "a node hears itself and what feeds it"
    assert plain[1].tolist() == torch.eye(3).tolist(), "the middle is cut off"
    both = propagation(CHAIN, alive, normalised=True)
    expected = torch.tensor([[1 / 2, 6**-0.5, 0], [6**-0.5, 1 / 3, 6**-0.5], [0, 6**-0.5, 1 / 2]])
    torch.testing.assert_close(both[0], expected)


def test_a_layer_by_hand():
    """H + relu(P (H W + b)), the nodes of `none` left out of the mean."""
    net = GCN(SPACE, 0, width=3, layers=1)
    arch = (0, 3, 1, 0, 2, 4)
    words = torch.tensor([0, *(1 + option for option in arch), 6])
    alive = torch.tensor([1.0, 0, 1, 1, 0, 1, 1, 1])
    h, (layer,) = net.embed(words), net.layers
    h = h + (propagation(net.adjacency, alive[None], False)[0] @ (h @ layer.weight.T + layer.bias)).relu()
    torch.testing.assert_close(net(as_tensor([arch]))[0], (h * alive[:, None]).sum(0) / 6)


@pytest.mark.parametrize("readout", ["mean", "nodes"])
def test_embeddings(readout):
    """One for each architecture, whatever else is in its batch; the mean is blind to positions."""
    net = GCN(SPACE, 0, width=4, layers=2, readout=readout)
    archs = [(1, 2, 3, 4, 1, 2), (0,) * 6, (3, 0, 0, 0, 0, 0), (0, 3, 0, 0, 0, 0)]
    together = net(as_tensor(archs))
    assert together.shape == (4, net.size) and net.size == (4 if readout == "mean" else 32)
    torch.testing.assert_close(together[1:2], net(as_tensor(archs[1:2])))
    assert torch.allclose(together[2], together[3]) == (readout == "mean")


def test_a_seed_is_a_network():
    archs = as_tensor([(1, 2, 3, 4, 1, 2)])
    assert torch.equal(GCN(SPACE, 1)(archs), GCN(SPACE, 1)(archs))
    assert not torch.equal(GCN(SPACE, 1)(archs), GCN(SPACE, 2)(archs))


def test_a_small_fit_averages_noise_out_and_a_large_one_learns_it():
    """Values are a sum over decisions plus noise: on other architectures the small fit is nearer to the truth."""
    rng = random.Random(0)
    archs = [random_arch(SPACE, rng) for _ in range(300)]
    truth = torch.tensor([float(sum(option in (2, 3) for option in arch)) for arch in archs])
    noisy = truth + 2 * torch.randn(300, generator=torch.Generator().manual_seed(0))
    errors = {}
    for name, settings in {"small": {}, "large": {"readout": "nodes", "width": 64, "epochs": 120}}.items():
        model = GCNRegressor(SPACE, 0, **{"width": 16, "layers": 1, "epochs": 60, "lr": 3e-3, **settings})
        model.fit(archs[:200], noisy[:200].tolist())
        both = torch.stack([model.predict(archs[200:]), truth[200:]])
        errors[name] = 1 - float(torch.corrcoef(both)[0, 1])
    raw = 1 - float(torch.corrcoef(torch.stack([noisy, truth]))[0, 1])
    assert errors["small"] < 0.2 * raw and errors["small"] < 0.5 * errors["large"]
