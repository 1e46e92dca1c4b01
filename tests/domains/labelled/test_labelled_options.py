"""appnas.domains.labelled.options."""

import pytest

from appnas.domains.labelled import Options


def test_sizes_are_checked():
    assert Options().recipe.optimiser == "adam"
    for wrong in ({"batch": 0}, {"final_batch": 0}, {"epochs": 0}, {"limit": -1}, {"smoothing": -0.1}):
        with pytest.raises(ValueError, match=f"Options.{next(iter(wrong))} must be at least"):
            Options(**wrong)
    with pytest.raises(ValueError, match="valid is the share of the training examples held out, between 0 and 1"):
        Options(valid=1.0)
