import pytest
import torch

from appnas.domains.images import classes, few
from appnas.prune import masks, transfer
from appnas.space import IO, constant_arch
from appnas.spaces import CNN, MLP, Maskable
from appnas.supernet import Gated
from appnas.support import seeded

SPACE = MLP(width=6)
ARCH = (1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def source(digits):
    return classes(digits, range(5))


@pytest.fixture(scope="module")
def target(digits):
    return few(classes(digits, range(5, 8)), 5)


@pytest.fixture(scope="module")
def trained(source):
    return transfer.train_source(SPACE, source, 40)


def test_the_source_is_trained_whole(source, trained):
    assert source.score(Gated(trained, masks.dense(SPACE)))["value"] > 40  # chance is 20


def test_weights_are_fresh_or_inherited_but_the_head_is_the_target_s(trained, target):
    fresh, inherited = (transfer.adopt(SPACE, target.io, 3, weights) for weights in (None, trained))
    again = seeded(3, lambda: SPACE.supernet(target.io))
    for name, weight in fresh.named_parameters():
        assert torch.equal(weight, dict(again.named_parameters())[name])
    for name, weight in inherited.named_parameters():
        theirs = fresh if name.startswith("classifier") else trained
        assert torch.equal(weight, dict(theirs.named_parameters())[name])
    assert inherited.classifier.weight.shape == (3, 6)


def test_weights_of_another_shape_are_refused(trained):
    with pytest.raises(ValueError, match=r"layers\.0\.weight.*one size"):
        transfer.adopt(SPACE, IO((1, 9, 9), (3,)), 0, trained)


def test_a_carried_mask_is_trained_with_the_given_weights(target):
    supernet = transfer.adopt(SPACE, target.io, 0)
    before = {name: weight.clone() for name, weight in supernet.state_dict().items()}
    made = [transfer.carry(SPACE, ARCH, target, 10, 0, supernet) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0].density == pytest.approx(5 / 12) and made[0].parameters == 3 * 64 + 2 * 3 + 2 * 3 + 3
    assert 0 <= made[0].test["accuracy"] <= 100
    assert all(torch.equal(weight, before[name]) for name, weight in supernet.state_dict().items())


def test_controls_are_as_sparse_and_not_the_same(target, trained):
    fresh = transfer.adopt(SPACE, target.io, 0)
    found = transfer.controls(SPACE, ARCH, target, trained, fresh, 0)
    assert found.keys() == {"random", "magnitude", "SNIP"}
    assert masks.kept(SPACE, found["random"]) == masks.kept(SPACE, found["magnitude"]) == [3, 2]
    assert sum(found["SNIP"]) in (5, 6)  # a layer's floor comes on top
    strongest = trained.layers[0].weight.detach().abs().sum(1).argsort(descending=True)[:3]
    assert sorted(strongest.tolist()) == [k for k in range(6) if found["magnitude"][k]]
    assert transfer.controls(SPACE, ARCH, target, trained, fresh, 0) == found


def test_operations_have_the_same_controls(bench201, source, target):
    """Skips and poolings have no weights: they are ranked by what they change."""
    space = Maskable(bench201)
    fresh = transfer.adopt(space, target.io, 0)
    found = transfer.controls(space, (1, 0, 1, 0) * 6, target, fresh, fresh, 0)
    assert found.keys() == {"random", "magnitude", "SNIP"}
    assert {sum(arch) for arch in found.values()} == {12}


@pytest.mark.parametrize("space", [SPACE, CNN((3, 4))], ids=["units", "channels"])
def test_compare(space, source, target):
    trained = transfer.train_source(space, source, 1)
    dense = constant_arch(space, "keep")
    sparse = masks.random_like(space, (1, 1, *[0] * (space.choices[0].count - 2)) * 2 if space is SPACE else
                                 (1, 0, 0, 1, 1, 0, 0), torch.Generator())  # fmt: skip
    found = transfer.compare(space, [dense, sparse], target, 5, trained, 3, 1)
    assert len(found) == 2 * (1 + 2 * 4)
    assert {outcome.weights for outcome in found} == {"fresh", "inherited"}
    fresh = [outcome for outcome in found if outcome.weights == "fresh"]
    whole = [outcome.test for outcome in fresh if outcome.density == 1]
    assert len(whole) == 5 and all(test == whole[0] for test in whole)  # no mask, no difference
    lines = transfer.curves(fresh, 2)
    assert lines.keys() == {"dense", "learned", "random", "magnitude", "SNIP"}
    assert [point.density for point in lines["learned"]] == [1.0, masks.density(space, sparse)]


def test_curves_by_hand():
    def outcome(name, density, accuracy, seed):
        return transfer.Outcome(name, "fresh", 5, density, 10, seed, {"accuracy": accuracy})

    rows = [outcome("dense", 1.0, 90.0, 0)]
    for seed in (0, 1):
        rows += [outcome("learned", 0.5 + 0.1 * seed, 80.0 + 2 * seed, seed), outcome("learned", 0.1, 50.0, seed)]
    lines = transfer.curves(rows, 2)
    assert lines["learned"][0] == (pytest.approx(0.55), 81.0, pytest.approx(2**0.5), 2)
    assert lines["learned"][1][1:3] == (50.0, 0.0)
    assert lines["dense"][0].mean == 90.0 and lines["dense"][0].networks == 1
