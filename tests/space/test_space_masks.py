"""appnas.space.masks: what may be used, and masks that leave nothing."""

from __future__ import annotations

import pytest
import torch

from appnas.space import ZERO, Choice, allowed, check_mask, full_mask, only, restrict

TWO = (Choice("a", ("x", "y"), 2), Choice("b", ("p", "q", "r")))


def test_masks(bench201):
    full = full_mask(TWO)
    assert [tuple(m.shape) for m in full] == [(2, 2), (1, 3)] and all(m.all() for m in full)
    one = only(TWO, (0, 1, 2))
    assert [m.tolist() for m in one] == [[[True, False], [False, True]], [[False, False, True]]]
    assert allowed(None, (9, 9, 9)) and allowed(one, (0, 1, 2)) and not allowed(one, (0, 1, 1))
    assert check_mask(TWO, one) is one


def test_an_impossible_mask_is_refused(cells, bench201):
    with pytest.raises(ValueError, match=r"has the shapes \[\(2, 2\), \(1, 3\)\], got \[\(2, 2\)\]"):
        check_mask(TWO, full_mask(TWO)[:1])
    with pytest.raises(ValueError, match=r"a mask is boolean, that of choice 'a' is torch\.float32"):
        check_mask(TWO, tuple(m.float() for m in full_mask(TWO)))
    mask = full_mask(bench201.choices)
    mask[0][4] = False
    with pytest.raises(ValueError, match="leaves no option to decision 4 of choice 'cell'"):
        restrict(bench201, mask)
    mask = full_mask(cells.choices)
    mask[0][0, torch.tensor([op not in ZERO for op in cells.ops])] = False  # node 2 has only two edges, and needs both
    with pytest.raises(ValueError, match="Cells has no architecture that obeys its rules"):
        restrict(cells, mask)
    a, b = full_mask(bench201.choices), full_mask(bench201.choices)
    a[0][0, 2:] = False
    b[0][0, :2] = False
    with pytest.raises(ValueError, match="leaves no option to decision 0"):
        restrict(restrict(bench201, a), b)
