"""appnas.domains.images.domain on arrays: splits, batches, loss and metrics; the same on data that are read."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from appnas.domains.images import Images, Options
from appnas.task import DifferentiableDomain, DivergedError, Recipe
from appnas.testing import DomainSuite


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


class TestSuite(DomainSuite):
    @pytest.fixture
    def domain(self, digits):
        return digits

    def identify(self, domain, split):
        return [image.numpy().tobytes() for image in domain._split(split)[0]]


def test_a_split_without_an_image_is_refused():
    x, y = np.zeros((10, 8, 8)), np.arange(10) % 2
    with pytest.raises(ValueError, match=r"split 'valid' is empty: 10 images with valid=0\.01 leave it none"):
        Images(x, y, options=Options(valid=0.01))
    with pytest.raises(ValueError, match=r"split 'train' is empty: 1 images with valid=0\.9 leave it none"):
        Images(x, y, options=Options(valid=0.9, limit=1))


def plain(n=10, **options):
    """Images whose only pixels are their own number; no augmentation."""
    x = torch.arange(float(n))[:, None, None, None].expand(n, 1, 2, 2)
    return Images(x, torch.arange(n), options=Options(**{"crop": 0, "flip": False, "batch": 3, **options}))


def test_splits_share_out_the_images():
    domain = plain(10, valid=0.3)
    train, valid, every = (set(domain._split(name)[1].tolist()) for name in ("train", "valid", "all"))
    assert len(train) == 7 and len(valid) == 3 and train | valid == every == set(range(10))
    assert plain(10, valid=0.3, seed=1)._split("valid")[1].tolist() != domain._split("valid")[1].tolist()
    assert plain(10, valid=0.3)._split("valid")[1].tolist() == domain._split("valid")[1].tolist()
    with pytest.raises(ValueError, match=r"the splits are \['all', 'train', 'valid'\], got 'test'"):
        next(domain.batches("test", rng()))


def test_a_limit_takes_the_first_images_and_keeps_all_classes():
    domain = plain(10, limit=4)
    assert set(domain._split("all")[1].tolist()) == {0, 1, 2, 3}
    assert domain.io.outputs == (10,)  # a class that the limit leaves out is still a class
    assert plain(10, limit=99)._split("all")[1].shape == (10,)


@pytest.mark.parametrize(
    ("n", "batch", "sizes"), [(10, 5, [5]), (10, 4, [4]), (10, 3, [3, 2]), (10, 2, [2, 2, 1]), (10, 64, [5])]
)
def test_a_last_batch_under_half_the_size_is_left_out(n, batch, sizes):
    """Half of ten images is five: in batches of four, one is left over."""
    domain = plain(n, batch=batch)
    seen = [len(y) for _, y in domain.batches("train", rng())]
    assert seen == sizes and domain.epoch("train") == len(sizes)


def test_an_epoch_visits_every_image_once_in_a_new_order():
    domain = plain(12, batch=2, final_batch=2, final_cutout=0)
    generator = rng()
    epochs = [torch.cat([y for _, y in domain.batches("all", generator)]).tolist() for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(12)) and epochs[0] != epochs[1]
    for x, y in domain.batches("all", rng()):
        assert torch.allclose(x[:, 0, 0, 0], domain.normalised(y[:, None, None, None])[:, 0, 0, 0])


def test_the_final_training_has_its_own_batch_and_cutout():
    x = torch.arange(1.0, 61.0)[:, None, None, None].expand(60, 1, 8, 8)
    domain = Images(x, torch.arange(60) % 2, options=Options(crop=0, flip=False, batch=10, final_batch=15, epochs=7))
    assert (domain.epoch("train"), domain.epoch("all"), domain.budget) == (3, 4, 7)
    for split, size, side in (("train", 10, 0), ("valid", 10, 0), ("all", 15, 4)):  # half of the 8 pixels
        images, _ = next(domain.batches(split, rng()))
        holes = [int((image == 0).sum()) for image in images]
        assert len(images) == size and max(holes) == side**2
    for share in (1.0, 16):
        with pytest.raises(ValueError, match=r"cutout is a share of the image's side, below 1, got 0\.0 and"):
            Options(final_cutout=share)


def test_one_class_is_nothing_to_learn():
    with pytest.raises(ValueError, match="all images are of class 0; two classes are the least"):
        Images(torch.zeros(4, 1, 4, 4), torch.zeros(4, dtype=torch.int64))


def test_normalised_by_the_training_half():
    domain = Images(
        np.random.default_rng(0).normal(5, 3, (40, 3, 6, 6)), np.arange(40) % 2, options=Options(valid=0.25)
    )
    x = domain.normalised(domain._split("train")[0])
    assert x.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert x.std((0, 2, 3)).tolist() == pytest.approx([1, 1, 1], abs=1e-4)
    constant = Images(np.full((4, 6, 6), 7, np.uint8), np.arange(4) % 2)
    assert torch.isfinite(constant.example(2)[0]).all()


class Fixed(nn.Module):
    """Fixed scores, and auxiliary ones in training."""

    def __init__(self, logits, extra=None):
        super().__init__()
        self.logits, self.extra = torch.tensor(logits), extra

    def forward(self, x):
        out = self.logits.expand(len(x), -1)
        return (out, torch.tensor(self.extra).expand(len(x), -1)) if self.extra and self.training else out


def two(**options):
    x = np.zeros((4, 2, 2))
    return Images(x, [0, 1, 1, 1], x, [0, 1, 1, 1], Options(batch=4, crop=0, flip=False, valid=0.5, **options))


def test_the_loss_of_every_image_by_hand():
    """Scores (0, ln 3): probabilities 1/4 and 3/4; auxiliary scores (0, 0): 1/2 each, weighed 0.4."""
    batch = torch.zeros(2, 1, 2, 2), torch.tensor([0, 1])
    domain, ln = two(), math.log
    assert domain.loss(Fixed([0.0, ln(3)]), batch).tolist() == pytest.approx([ln(4), ln(4 / 3)])
    both = domain.loss(Fixed([0.0, ln(3)], [0.0, 0.0]), batch)
    assert both.tolist() == pytest.approx([ln(4) + 0.4 * ln(2), ln(4 / 3) + 0.4 * ln(2)])
    assert domain.loss(Fixed([0.0, ln(3)], [0.0, 0.0]).eval(), batch).tolist() == pytest.approx([ln(4), ln(4 / 3)])
    smooth = two(smoothing=0.2).loss(Fixed([0.0, ln(3)]), batch)  # 0.9 on the label, 0.1 on the other
    assert smooth.tolist() == pytest.approx([0.9 * ln(4) + 0.1 * ln(4 / 3), 0.1 * ln(4) + 0.9 * ln(4 / 3)])


def test_metrics_by_hand():
    domain = two()
    right = float((domain._split("valid")[1] == 1).float().mean()) * 100
    model = Fixed([0.0, math.log(3)], [0.0, 0.0])
    score = domain.score(model)
    assert score["value"] == score["accuracy"] == right
    assert not model.training
    tested = domain.test(Fixed([0.0, math.log(3)]))
    assert tested == {"accuracy": 75.0, "loss": pytest.approx((math.log(4) + 3 * math.log(4 / 3)) / 4)}


def test_training_reads_the_training_half_or_all():
    domain = plain(12, batch=2, recipe=Recipe(lr=0.0))
    for final, count in ((False, 6), (True, 12)):
        seen = []

        class Spy(nn.Linear):
            def forward(self, x, seen=seen):
                seen.append(len(x))
                return super().forward(x.flatten(1))

        domain.fit(Spy(4, 12), 1, final=final)
        assert sum(seen) == count


def test_training_learns_and_reports_epochs(digits):
    torch.manual_seed(0)
    model, seen = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), []
    before = digits.score(model)["loss"]
    digits.fit(model, 3, on_epoch=lambda epoch, loss: seen.append(epoch))
    assert seen == [1, 2, 3] and digits.score(model)["loss"] < 0.8 * before
    with torch.no_grad():
        model[1].weight[0, 0] = float("nan")
    with pytest.raises(DivergedError, match="the loss is nan at epoch 0, step 0"):
        digits.fit(model, 1)


def test_examples_are_the_first_training_images(digits):
    (x,) = digits.example(3)
    assert torch.equal(x, digits.normalised(digits._split("train")[0][:3])) and x.shape == (3, 1, 8, 8)
    assert isinstance(digits, DifferentiableDomain)
