"""appnas.domains.labelled.domain on arrays: every kind of target, splits, loss and metrics."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn
from torch.nn import functional

import appnas
from appnas import pick
from appnas.domains import Labelled
from appnas.domains.labelled import Options
from appnas.domains.labels import LabelNote
from appnas.task import DifferentiableDomain, Recipe
from appnas.testing import DomainSuite

QUICK = Options(batch=16, final_batch=16, recipe=Recipe("adam", lr=0.02, lr_min=0.02), epochs=3)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def inputs(*shape, seed=0):
    return torch.randn(*shape, generator=rng(seed))


X = inputs(96, 5)


def classes(**more):
    return Labelled(X, X[:, :3].argmax(1), X[:20], X[:20, :3].argmax(1), options=QUICK, **more)


def sets(**more):
    return Labelled(X, (X[:, :3] > 0).float(), X[:20], X[:20, :3] > 0, options=QUICK, **more)


def numbers(**more):
    y = 300 + 50 * X[:, 0] + 10 * X[:, 1]
    return Labelled(X, y.numpy(), X[:20].numpy(), y[:20], options=QUICK, **more)


def several_numbers(**more):
    y = X[:, :2] * torch.tensor([1.0, 100.0]) + 5
    return Labelled(X, y, X[:20], y[:20], options=QUICK, **more)


IMAGES = inputs(48, 2, 4, 4)


def pixels(**more):
    y = (IMAGES.sum(1) > 0).long() + (IMAGES[:, 0] > 1).long()
    return Labelled(IMAGES, y, IMAGES[:10], y[:10], options=QUICK, **more)


def maps(**more):
    y = IMAGES[:, :1] * 3 + 7
    return Labelled(IMAGES, y, IMAGES[:10], y[:10], options=QUICK, **more)


def sequences(**more):
    y = (inputs(48, 6, seed=2) > 0).long() + 1
    y[:, 4:] = 0
    x = functional.one_hot(y, 3).float() + 0.1 * inputs(48, 6, 3)
    options = replace(QUICK, ignore=0)
    return Labelled(x, y, x[:10], y[:10], options=options, outputs=(3, 6), **more)


def two_inputs(**more):
    x = X, X[:, :2].numpy()
    return Labelled(x, X[:, :3].argmax(1), (X[:20], X[:20, :2]), X[:20, :3].argmax(1), options=QUICK, **more)


KINDS = {
    "classes": classes, "sets": sets, "numbers": numbers, "several numbers": several_numbers, "pixels": pixels,
    "maps": maps, "sequences": sequences, "two inputs": two_inputs,
    "balanced": lambda: classes(loss="cross_entropy", weights="balanced", metric="balanced_accuracy"),
    "own": lambda: numbers(
        loss=lambda outputs, y: (outputs - y / 300).abs(), metric=lambda outputs, y: float((outputs - y).abs().mean()),
        higher=False, unit="K",
    ),
    "torchmetrics": lambda: sets(metric="MultilabelF1Score"),
}  # fmt: skip


class Both(nn.Module):
    """A network of several inputs."""

    def __init__(self, domain):
        super().__init__()
        sizes = [x[0].numel() for x in domain.example(1)]
        self.first, self.rest = nn.Linear(sizes[0], 3), nn.Linear(sizes[1], 3)

    def forward(self, x, more):
        return self.first(x) + self.rest(more)


@pytest.mark.parametrize("kind", KINDS)
class TestSuite(DomainSuite):
    budget = 2

    @pytest.fixture
    def domain(self, kind):
        return KINDS[kind]()

    def network(self, domain):
        if len(domain.example(1)) == 2:
            torch.manual_seed(0)
            return Both(domain)
        return super().network(domain)

    def identify(self, domain, split):
        x, _ = domain._split(split)
        return [row.numpy().tobytes() for row in (x if isinstance(x, torch.Tensor) else x.parts[0])]


class Small(nn.Module):
    """A model of one's own for any of the three tasks below."""

    def __init__(self, io):
        super().__init__()
        kind = nn.Conv2d if len(io.inputs) == 3 else nn.Linear
        more = (1,) if kind is nn.Conv2d else ()
        self.first = kind(io.inputs[0], 8, *more)
        self.act = pick("act", {"relu": nn.ReLU, "tanh": nn.Tanh, "none": nn.Identity})
        self.last = kind(8, io.outputs[0], *more)

    def forward(self, x):
        return self.last(self.act(self.first(x)))


def predictions(domain, model):
    """Outputs on held-out data as a user gets them from an exported network, and the truth."""
    told, x = domain.preprocessing(), domain._held_out[0]
    shape = (1, -1, *[1] * (x.dim() - 2))
    outputs = model((x - torch.tensor(told["mean"]).view(shape)) / torch.tensor(told["std"]).view(shape))
    if "outputs" in told:
        outputs = outputs * torch.tensor(told["outputs"]["std"]) + torch.tensor(told["outputs"]["mean"])
    return outputs.detach().double(), domain._held_out[1]


SEARCHED = {
    "r2": (numbers, lambda out, y: metrics.r2_score(y, out)),
    "rmse": (partial(numbers, metric="rmse", unit="mm"), lambda out, y: metrics.mean_squared_error(y, out) ** 0.5),
    "micro_f1": (sets, lambda out, y: 100 * metrics.f1_score(y, out > 0, average="micro")),
    "MultilabelAUROC": (
        partial(sets, metric="MultilabelAUROC"),
        lambda out, y: metrics.roc_auc_score(y, out.sigmoid(), average="macro"),
    ),
    "mean_iou": (
        pixels, lambda out, y: 100 * metrics.jaccard_score(y.flatten(), out.argmax(1).flatten(), average="macro")
    ),
    "MulticlassJaccardIndex": (
        partial(pixels, metric="MulticlassJaccardIndex"),
        lambda out, y: metrics.jaccard_score(y.flatten(), out.argmax(1).flatten(), average="macro"),
    ),
}  # fmt: skip
"""Regression, label sets and segmentation: the metric, the task, and the number as scikit-learn has it."""


@pytest.mark.parametrize("method", ["darts", "random"])
@pytest.mark.parametrize("name", SEARCHED)
def test_searched_with_a_metric_that_is_scikit_learn_s(name, method):
    if name[0].isupper():
        pytest.importorskip("torchmetrics", reason="the extra `metrics` is not installed")
    make, wanted = SEARCHED[name]
    domain = make()
    space = appnas.space_of(Small, domain.io, inputs=domain.example(2))
    settings = {"epochs": 1, "order": "first"} if method == "darts" else {"evaluations": 2, "budget": 1}
    result = appnas.search(space, domain, method, **settings)
    trained = result.retrain(2, beside=["random"])
    out, y = predictions(domain, trained.model)
    assert trained.rows[0].tests[0][name] == pytest.approx(wanted(out, y), rel=1e-6, abs=1e-6)
    assert trained.metric == domain.metric and f"test {domain.metric.words}" in str(
        trained.__rich__().columns[4].header
    )
    assert ("less rmse is better" in str(trained.__rich__().title)) == (name == "rmse")
    if method == "random":
        assert domain.metric.name.replace("_", " ") in result.value_name
        sign = 1 if domain.metric.higher else -1
        assert all(r.value == pytest.approx(sign * r.metrics[name]) for r in result.history)


def test_a_head_of_another_size_is_named_before_the_start():
    space = appnas.space_of(lambda io: nn.Sequential(pick("a", {"x": nn.Identity, "y": nn.ReLU}), nn.Linear(5, 1)),
                            classes().io, inputs=(X[:2],))  # fmt: skip
    with pytest.raises(ValueError, match="1 output an example, the domain has 3"):
        appnas.search(space, classes(), "random", evaluations=1, budget=1)


def test_folds_share_out_all_examples_evenly():
    domain = classes()
    held = [domain.fold(k, 4) for k in range(4)]
    rows = [row.numpy().tobytes() for fold in held for row in fold._splits["valid"][0]]
    assert len(set(rows)) == len(rows) == 96 and held[0].fingerprint != held[1].fingerprint
    whole = domain._splits["all"][1].bincount() / 4
    assert all((fold._splits["valid"][1].bincount() - whole).abs().max() <= 1 for fold in held)


def test_validation_data_are_a_share_a_pair_places_or_a_mask():
    y = X[:, :3].argmax(1)
    for valid, size in ((0.5, 48), ((X[:10], y[:10]), 10), ([3, 1], 2), (y == 0, int((y == 0).sum()))):
        domain = Labelled(X, y, valid=valid)
        assert len(domain._splits["valid"][1]) == size
    assert len(Labelled(X, y, valid=(X[:10], y[:10]))._splits["all"][1]) == 106


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: Labelled(X, X[:3, 0]), ValueError, "training data: 96 inputs need as many targets, got 3"),
        (lambda: Labelled(X, X[:, 0], X), ValueError, "test inputs and targets come together"),
        (lambda: Labelled(X, X[:, 0], options=7), TypeError, "options"),
        (lambda: Labelled(X, X[:, 0], valid=1.0), ValueError, "between 0 and 1, got 1.0"),
        (lambda: Labelled(X, X[:, 0], loss="mse_los"), ValueError, "there is no loss 'mse_los'|mse_loss"),
        (
            lambda: Labelled(X, X[:, 0], metric="accuracy"),
            ValueError,
            "accuracy is for classes or a class for every place",
        ),
        (lambda: classes(metric=lambda o, t: torch.ones(3), higher=True), TypeError, "must be a number"),
        (lambda: numbers().random_labels(0), TypeError, "random labels are of classes or sets of labels"),
        (lambda: Labelled(X, X[:, 0]).test(nn.Linear(5, 1)), ValueError, "made without test data"),
    ],
)
def test_what_does_not_go_together_is_said_at_once(make, error, said):
    with pytest.raises(error, match=said):
        make()


def added(by):
    return lambda x, y, rng: (x + by, y)


def test_a_checkpoint_knows_targets_and_loss():
    prints = [make().fingerprint for make in (numbers, partial(numbers, loss="l1_loss"), several_numbers, classes)]
    prints += [classes(weights="balanced").fingerprint]
    prints += [numbers(metric=metric).fingerprint for metric in ("rmse", "mae")]
    losses = (lambda a, b: (a - b).abs().flatten(1).mean(1), lambda a, b: (a - b).abs().flatten(1).mean(1) * 2)
    prints += [numbers(loss=loss).fingerprint for loss in losses]
    prints += [numbers(augment=added(by)).fingerprint for by in (0.1, 0.2)]
    assert len(set(prints)) == len(prints) and numbers().fingerprint == prints[0]


def test_classes_keep_their_names():
    y = np.array(["a", "b", "c"])[X[:, :3].argmax(1).numpy()]
    with pytest.warns(LabelNote, match="texts"):
        domain = Labelled(X, y)
    assert domain.labels == ("a", "b", "c") and domain.preprocessing()["labels"] == ["a", "b", "c"]
    assert isinstance(domain, DifferentiableDomain)
