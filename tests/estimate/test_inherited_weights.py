"""appnas.estimate.inherited_weights: what is inherited under which key, and a store's state."""

import pytest
import torch
from torch import nn

from appnas.estimate import ParamStore, Scratch, by_homogeneity, by_shape
from appnas.space import IO, parse
from appnas.spaces import GNN
from appnas.strategy import Draw
from appnas.testing import identical, round_trip


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.a, self.b = nn.Linear(2, width), nn.Linear(width, 3)


def test_by_shape_takes_what_fits():
    torch.manual_seed(0)
    store, old = ParamStore(by_shape), Net(4)
    store.keep(old, (0,))
    same, wider = Net(4), Net(5)
    assert store.inherit(same, (1,)) == 1.0 and torch.equal(same.a.weight, old.a.weight)
    before = wider.a.weight.clone()
    assert store.inherit(wider, (1,)) == pytest.approx(3 / (15 + 18))  # the last bias alone
    assert torch.equal(wider.b.bias, old.b.bias) and torch.equal(wider.a.weight, before)


def test_what_is_kept_is_a_copy_and_the_latest():
    store, first, second = ParamStore(by_shape), Net(4), Net(4)
    store.keep(first, (0,))
    store.keep(second, (0,))
    kept = second.a.weight.detach().clone()
    second.a.weight.data.zero_()
    third = Net(4)
    store.inherit(third, (0,))
    assert torch.equal(third.a.weight, kept)


def described(attention="gat", activation="elu", hidden="8", heads="2"):
    return {"hidden": [hidden], "attention": [attention, "gcn"], "heads": [heads, "1"], "aggregation": ["sum", "sum"],
            "combine": ["identity", "mlp"], "activation": [activation, "relu"]}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "shared"),
    [
        ({}, {"first", "second"}),
        ({"attention": "linear"}, {"second"}),
        ({"activation": "tanh"}, {"second"}),
        ({"hidden": "16"}, {"second, but its input"}),
        ({"hidden": "16", "heads": "1"}, {"first map", "second"}),
    ],
)
def test_homogeneous_networks(change, shared):
    """Attention and activation must agree layer by layer, shapes tensor by tensor; skips are never shared."""
    pytest.importorskip("torch_geometric")
    space, io = GNN(skip=True), IO((6,), (3,))
    old, new = parse(space, described()), parse(space, described(**change))
    store = ParamStore(by_homogeneity(space))
    store.keep(space.build(old, io), old)
    network = space.build(new, io)
    before = {name: w.clone() for name, w in network.named_parameters()}
    for w in store.kept.values():
        w.fill_(7.0)
    store.inherit(network, new)
    taken = {name for name, w in network.named_parameters() if not torch.equal(w, before[name])}
    first = {f"layers.0.{role}" for role in ("weight", "bias", "left", "right")}
    second = {name for name in before if name.startswith("layers.1") and not name.endswith("skip")}
    parts = {"first": first, "second": second, "first map": {"layers.0.weight", "layers.0.bias"},
             "second, but its input": second - {"layers.1.weight"}}  # fmt: skip
    assert taken == set().union(*(parts[part] for part in shared))


def test_a_space_without_a_signature_shares_by_its_names(chain):
    assert by_homogeneity(chain)((0,), "layers.0.tanh.weight", torch.zeros(2)) == ("layers.0.tanh.weight", 2)


def test_state():
    store, other = ParamStore(by_shape), ParamStore(by_shape)
    store.keep(Net(4), (0,))
    other.load_state_dict(round_trip(store.state_dict()))
    assert identical(other.kept, store.kept)


def test_an_inherited_training_is_short_and_goes_on(chain, regression):
    """The second network of an architecture starts where the first one ended, and takes the warm-up's budget."""
    budgets = []

    class Counting(type(regression)):
        def fit(self, model, budget, **more):
            budgets.append(budget)
            super().fit(model, budget, **more)

    scratch = Scratch(chain, Counting(), 20, store=ParamStore(by_shape), warmup=3)
    first, second = (scratch.score(Draw((2, 4))) for _ in range(2))
    assert budgets == [20, 3]
    assert [s.metrics["inherited"] for s in (first, second)] == [0.0, 1.0]
    assert float(second.value) > float(Scratch(chain, regression, 3).score(Draw((2, 4))).value)
    scratch.store.kept.popitem()
    share = scratch.score(Draw((2, 4))).metrics["inherited"]
    assert 0 < share < 1 and budgets[2] == round(3 * share + 20 * (1 - share))
    other = Scratch(chain, regression, 20, store=ParamStore(by_shape), warmup=3)
    other.load_state_dict(round_trip(scratch.state_dict()))
    assert identical(other.score(Draw((2, 3))).value, scratch.score(Draw((2, 3))).value)


def test_a_diverged_training_leaves_nothing(chain, regression):
    class Broken(type(regression)):
        def score(self, model):
            return {"value": float("nan")}

    scratch = Scratch(chain, Broken(), 1, store=ParamStore(by_shape), warmup=1)
    scratch.score(Draw((2, 4)))
    assert not scratch.store.kept
