"""appnas.predict.gcn: propagation by hand, nodes that contribute nothing, and how closely a fit follows noise."""

import random

import pytest
import torch

from appnas.predict import GCNRegressor, as_tensor
from appnas.predict.gcn import GCN, propagation
from appnas.space import op_graph, random_arch
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
    """H + relu(P (H W + b)), then the mean: in -> conv 3x3 -> out, beside a skip. The other edges lead nowhere."""
    net = GCN(SPACE, 0, width=3, layers=1)
    said = ("input", "nor_conv_3x3", "skip_connect", "nor_conv_1x1", "output")
    h = net.embed.weight[[net.view.words[word] for word in said]]
    adjacency = torch.zeros(5, 5)
    for arrow in ((0, 1), (0, 2), (1, 3), (2, 4), (3, 4)):
        adjacency[arrow] = 1
    (layer,) = net.layers
    h = h + ((adjacency.T + torch.eye(5)) @ (h @ layer.weight.T + layer.bias)).relu()
    batch = as_tensor([(0, 3, 4, 1, 0, 2), (3,) * 6])  # the second is larger: the first is filled up
    torch.testing.assert_close(net(batch)[0], h.mean(0))


@pytest.mark.parametrize("readout", ["mean", "nodes"])
def test_embeddings(readout):
    """One for each architecture, whatever else is in its batch; the mean sees networks, here conv 3x3 -> skip twice."""
    net = GCN(SPACE, 0, width=4, layers=2, readout=readout)
    archs = [(1, 2, 3, 4, 1, 2), (0,) * 6, (3, 0, 0, 0, 1, 0), (0, 3, 0, 0, 0, 1)]
    together = net(as_tensor(archs))
    assert together.shape == (4, net.size) and net.size == (4 if readout == "mean" else 28)
    torch.testing.assert_close(together[1:2], net(as_tensor(archs[1:2])))
    assert torch.allclose(together[2], together[3]) == (readout == "mean")


def test_a_seed_is_a_network():
    archs = as_tensor([(1, 2, 3, 4, 1, 2)])
    assert torch.equal(GCN(SPACE, 1)(archs), GCN(SPACE, 1)(archs))
    assert not torch.equal(GCN(SPACE, 1)(archs), GCN(SPACE, 2)(archs))


def test_a_small_fit_averages_noise_out_and_a_large_one_learns_it():
    """Values are the share of convolutions plus noise: on other architectures the small fit is nearer to the truth."""
    rng = random.Random(0)
    archs = [random_arch(SPACE, rng) for _ in range(300)]
    words = [[op for (op,) in op_graph(SPACE.graph(arch)).ops] for arch in archs]
    truth = torch.tensor([sum("conv" in word for word in row) / len(row) for row in words])
    noisy = truth + 0.4 * torch.randn(300, generator=torch.Generator().manual_seed(0))
    errors = {}
    for name, settings in {"small": {}, "large": {"readout": "nodes", "width": 64, "epochs": 120}}.items():
        model = GCNRegressor(SPACE, 0, **{"width": 16, "layers": 1, "epochs": 60, "lr": 3e-3, **settings})
        model.fit(archs[:200], noisy[:200].tolist())
        both = torch.stack([model.predict(archs[200:]), truth[200:]])
        errors[name] = 1 - float(torch.corrcoef(both)[0, 1])
    raw = 1 - float(torch.corrcoef(torch.stack([noisy, truth]))[0, 1])
    assert errors["small"] < 0.2 * raw and errors["small"] < 0.5 * errors["large"]


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("readout", ["mean", "nodes"])
def test_the_first_layer_on_words_is_the_first_layer_on_nodes(normalised, readout):
    """H <- H + relu(P (H W + b)) as it is written, on what every node is embedded as; and in rows of a larger set."""
    net = GCN(SPACE, 0, 5, 3, readout, normalised)
    archs = as_tensor([random_arch(SPACE, random.Random(seed)) for seed in range(20)])
    adjacency, words, alive = net.view(archs)
    spread, h = propagation(adjacency, alive, normalised), net.embed(words.flatten(0, 1)).view(*alive.shape, -1)
    for layer in net.layers:
        h = h + (spread @ layer(h)).relu()
    mean = (h * alive[..., None]).sum(1) / alive.sum(1, keepdim=True)
    torch.testing.assert_close(net(archs)[:, :5], mean)
    rows = torch.tensor([3, 0, 3])
    torch.testing.assert_close(net.embedded(net.see(archs).at(rows)), net(archs)[rows])
