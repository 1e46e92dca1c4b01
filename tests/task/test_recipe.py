"""Learning rates and optimisers of a training."""

import math

import pytest

from appnas.task import cosine


def test_cosine_by_hand():
    assert cosine(0, 10, 0.4) == 0.4
    assert cosine(5, 10, 0.4) == pytest.approx(0.2)
    assert cosine(10, 10, 0.4, 0.1) == pytest.approx(0.1)
    assert cosine(1, 4, 1.0, 0.5) == pytest.approx(0.5 + 0.25 * (1 + math.sqrt(0.5)))
    assert cosine(0, 0, 0.4) == 0.4
