"""appnas.domains.images.options."""

import pytest

from appnas.domains.images import Options
from appnas.domains.images.data import IMAGENET
from appnas.spaces import Cells


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (dict(batch=0), "batch must be at least 1, got 0"),
        (dict(crop=-1), "crop must be at least 0, got -1"),
        (dict(limit=-5), "limit must be at least 0, got -5"),
        (dict(shrink=0), "shrink must be at least 1, got 0"),
        (dict(valid=0.0), "between 0 and 1, got 0.0"),
        (dict(valid=1.5), "between 0 and 1, got 1.5"),
    ],
)
def test_impossible_options_are_refused(wrong, match):
    with pytest.raises(ValueError, match=match):
        Options(**wrong)


def test_paper_settings_are_the_defaults():
    """arXiv 1806.09055, section A.2: batch 96, cutout 16 of 32, drop-path 0.2, auxiliary head of weight 0.4."""
    options, space = Options(), Cells()
    assert (options.final_batch, options.final_cutout * 32, options.auxiliary, options.epochs) == (96, 16, 0.4, 600)
    assert (space.drop_path, space.auxiliary, space.width, space.depth) == (0.2, True, 36, 20)
    rates = [IMAGENET.recipe.rate(epoch, 250) for epoch in (0, 1, 249)]
    assert rates == pytest.approx([0.1, 0.097, 0.1 * 0.97**249])
