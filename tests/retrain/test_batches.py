"""appnas.retrain.batches: a batch of one example, told before anything is trained on it."""

import numpy as np
import pytest
import torch
from torch import nn

import appnas
from appnas.domains.images import Images, Options
from appnas.retrain.batches import check_batches, smallest
from appnas.spaces import Cells


def images(count, side=8, **options) -> Images:
    x, y = np.random.default_rng(0).random((count, 1, side, side)), np.arange(count) % 2
    return Images(x, y, x[:4], y[:4], Options(crop=0, flip=False, **options))


@pytest.mark.parametrize(
    ("count", "batch", "final", "train", "every"),
    [(24, 4, 8, 4, 8), (24, 1, 1, 1, 1), (26, 4, 25, 1 + 3, 26 - 1), (9, 2, 3, 1, 3), (3, 2, 2, 1, 1)],
)  # fmt: skip
def test_the_smallest_batch_is_known_without_reading(count, batch, final, train, every):
    """A last batch of less than half the size is left out: of 13 in fours one of 4, of 5 in twos one of 1."""
    domain = images(count, batch=batch, final_batch=final)
    assert smallest(domain, "train") == train and smallest(domain, "all") == every
    rng = torch.Generator().manual_seed(5)
    assert min(len(y) for _, y in domain.batches("train", rng)) == train


def test_of_other_domains_the_batch_says_it(regression):
    assert smallest(regression, "train") is None and smallest(object(), "all") is None
    regression.options = Options(batch=1, final_batch=3)
    assert (smallest(regression, "train"), smallest(regression, "all")) == (1, 3)
    del regression.options


def test_a_batch_norm_on_one_value_is_told():
    one, two = images(24, batch=1), images(24, batch=2)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.BatchNorm1d(4))
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=r"^mine has a batch norm .*\[1, 4\].* split 'train' .*Options\(batch="):
        check_batches(lambda: flat, one, "train", "mine")
    check_batches(lambda: flat, two, "train", "mine")
    check_batches(lambda: nn.Sequential(nn.BatchNorm2d(1), nn.Dropout()), one, "train", "mine")  # 64 values a channel
    assert torch.equal(state, torch.get_rng_state())
    with pytest.raises(ValueError, match="of its own"):
        check_batches(lambda: _raising, one, "train", "mine")


def _raising(x):
    raise ValueError("an error of its own")


def test_searches_and_trainings_say_so_before_they_start(tmp_path):
    """The auxiliary head of cells has a single value a channel; the search itself may be fine."""
    space = Cells(channels=2, cells=3, width=2, depth=3)
    few = {"method": "random", "evaluations": 1, "budget": 1}
    with pytest.raises(ValueError, match=r"a network of Cells has a batch norm .* Options\(batch="):
        appnas.search(space, images(24, batch=1), out=tmp_path / "run", **few)
    domain = images(12, batch=4, final_batch=1)
    with pytest.raises(ValueError, match=r"a network of Cells has a batch norm .* Options\(final_batch="):
        appnas.search(space, domain, retrain_epochs=1, out=tmp_path / "run", **few)
    assert not list(tmp_path.iterdir())
    found = appnas.search(space, domain, **few)
    with pytest.raises(ValueError, match=r"the network \(.*\) has a batch norm .* Options\(final_batch="):
        found.retrain(1, out=tmp_path / "trained")
