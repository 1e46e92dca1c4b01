"""retrain.ensemble: what members answer together, stacking's weights, which members; the row of a retraining."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

import appnas
from appnas.domains.graphs import Graphs, Options
from appnas.loop import Record
from appnas.retrain.ensemble import Ensemble, best_few, kind_of, mixed, selected
from appnas.spaces import GraphNet

RNG = torch.Generator().manual_seed(0)
Y = torch.arange(60) % 3
GRAPH = SimpleNamespace(
    x=torch.randn(60, 4, generator=RNG) + nn.functional.one_hot(Y, 4), edge_index=torch.randint(60, (2, 150)), y=Y
)


class Fixed(nn.Module):
    """Answers what it was given, whatever comes."""

    def __init__(self, out):
        super().__init__()
        self.out = out

    def forward(self, *_):
        return self.out


def test_probabilities_are_averaged():
    a, b = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 3.0], [1.0, 1.0]])
    out = Ensemble([Fixed(a), Fixed(b)], "classes")(None)
    torch.testing.assert_close(out.exp(), (a.softmax(1) + b.softmax(1)) / 2)
    out = mixed([a, b], [0.25, 0.75], "sets")
    torch.testing.assert_close(out.sigmoid(), 0.25 * a.sigmoid() + 0.75 * b.sigmoid())
    torch.testing.assert_close(mixed([a, b], [0.25, 0.75], "numbers"), 0.25 * a + 0.75 * b)
    torch.testing.assert_close(mixed([a, b], [1.0, 0.0], "classes"), a.log_softmax(1))


class Squared:
    """Validation is the squared distance to a target."""

    def __init__(self, target):
        self.target = target

    def score(self, model):
        loss = float((model() - self.target).square().mean())
        return {"value": -loss, "loss": loss}


def test_stacking_finds_the_weights_that_validation_wants():
    ends = [Fixed(torch.tensor([0.0])), Fixed(torch.tensor([1.0])), Fixed(torch.tensor([9.0]))]
    weights = torch.tensor(selected(Squared(torch.tensor([0.25])), ends, "numbers"))
    torch.testing.assert_close(weights / weights.sum(), torch.tensor([0.75, 0.25, 0.0]))


def test_members_are_the_best_that_were_trained_one_by_one():
    def record(arch, value, **metrics):
        return Record(0, arch, value, metrics)

    history = [record((0,), 5.0, budget=1.0), record((1,), 9.0, budget=1.0), record((1,), 5.0, budget=1.0),
               record((2,), 8.0, budget=1.0), record((3,), 99.0)]  # fmt: skip
    assert best_few(history, (0,), 3) == [(0,), (2,), (1,)]
    with pytest.raises(ValueError, match="of 3 here; got 4"):
        best_few(history, (0,), 4)
    with pytest.raises(ValueError, match="at least 2"):
        best_few(history, (0,), 1)


@pytest.mark.parametrize("how", ["voting", "stacking"])
def test_a_row_beside_the_single_network(tmp_path, how):
    result = appnas.search(
        GraphNet(), Graphs(GRAPH), "random", evaluations=4, budget=2, out=tmp_path / "run", retrain_epochs=3
    )
    made = result.retrain(3, seeds=2, ensemble=3, ensemble_by=how)
    assert [row.name for row in made.rows] == ["found", f"best 3 by {how}"]
    assert len(made.rows[1].tests) == 2 and made.rows[1].parameters > made.rows[0].parameters
    again = result.retrain(3, seeds=2, ensemble=3, ensemble_by=how)  # from what is kept
    assert again.rows[1].tests == made.rows[1].tests
    page = result.report().read_text()
    assert f"The best 3 by {how}, 3 networks together" in page and "epochs each, on training data." in page


def test_what_has_no_ensemble():
    last = Graphs(GRAPH, options=Options(keep="last"))
    assert kind_of(last, "voting") == "classes"
    with pytest.raises(ValueError, match="validation data"):
        kind_of(last, "stacking")
    with pytest.raises(TypeError, match="does not say"):
        kind_of(object(), "voting")
