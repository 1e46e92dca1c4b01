"""What a search step costs."""

import pytest

from appnas.cli.bench import convolution_peak, measure
from appnas.space import IO
from appnas.spaces import Cells

SIZES = {"channels": 2, "cells": 3, "repeats": 1}


def test_measures_the_supernet_of_the_given_size():
    step = measure("cells", SIZES, "digits", 8, 1)
    supernet = Cells(channels=2, cells=3).supernet(IO((1, 8, 8), (10,)))
    assert step.parameters == sum(weight.numel() for weight in supernet.parameters())
    assert 0 < step.low <= step.seconds <= step.high and step.plain_seconds > 0
    assert 0 < step.peak < step.plain_peak
    assert step.gflops > 0


def test_the_peak_is_above_what_a_step_reaches():
    assert convolution_peak(2) > measure("bench201", SIZES, "digits", 8, 1).rate


def test_saved_activations_grow_with_the_batch():
    small, large = (measure("bench201", SIZES, "digits", batch, 1).saved for batch in (8, 16))
    assert small > 16 * 2 * 64 * 4 and 1.8 < large / small < 2.2


def test_nothing_to_measure():
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        measure("cells", SIZES, "digits", 8, 0)
    with pytest.raises(ValueError, match="no domain 'digit'"):
        measure("cells", SIZES, "digit", 8, 1)
