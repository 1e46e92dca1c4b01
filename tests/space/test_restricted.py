"""appnas.space.restricted: masks that add up, what they may not exclude, and a restriction as a space."""

import copy
import pickle

import pytest
import torch

from appnas.space import IO, Choice, both, check, full_mask, restrict, size
from appnas.space.restricted import Restricted
from appnas.spaces import Bench201, Cells
from appnas.testing import SupernetSuite


class TestOfARestriction(SupernetSuite):
    """A restricted space is a space: here, one without convolutions of 5x5."""

    @pytest.fixture
    def space(self, cells: Cells) -> Restricted:
        mask = full_mask(cells.choices)
        for matrix in mask:
            matrix[:, [5, 7]] = False
        return restrict(cells, mask)

    @pytest.fixture
    def io(self) -> IO:
        return IO((1, 8, 8), (10,))

    def coincides(self, space, arch):
        """As in the whole space: derived networks have no batch norm after pooling."""
        return not {1, 2} & set(arch)


class TestRestrict:
    def mask(self, **kept: list[int]):
        mask = full_mask(Bench201().choices)
        for edge, options in kept.items():
            mask[0][int(edge[1:])] = torch.tensor([k in options for k in range(5)])
        return mask

    def test_masks_add_up(self):
        once = restrict(Bench201(), self.mask(e0=[1, 2, 3]))
        both = restrict(once, self.mask(e0=[0, 3], e5=[4]))
        assert size(once) == 3 * 5**5 and size(both) == 5**4
        assert not both.valid((2, 0, 0, 0, 0, 4)) and both.valid((3, 0, 0, 0, 0, 4))
        assert both.channels == 16 and "Restricted(" in repr(both)
        with pytest.raises(AttributeError):
            both.no_such_attribute  # noqa: B018

    def test_empty_masks_are_refused(self):
        with pytest.raises(ValueError, match="no option to decision 2 of choice 'cell'"):
            restrict(Bench201(), self.mask(e2=[]))
        with pytest.raises(ValueError, match="no option to decision 0"):
            restrict(restrict(Bench201(), self.mask(e0=[1])), self.mask(e0=[2]))
        with pytest.raises(ValueError, match=r"shapes \[\(6, 5\)\], got \[\(6, 4\)\]"):
            restrict(Bench201(), (torch.ones(6, 4, dtype=torch.bool),))

    def test_a_mask_against_the_rules_is_refused(self, cells: Cells):
        """Three edges into a DARTS node that may not be `none`: no cell is left."""
        mask = full_mask(cells.choices)
        mask[0][2:5, 0] = False
        with pytest.raises(ValueError, match="rules"):
            restrict(cells, mask)

    def test_a_further_mask_narrows_the_supernet(self):
        inner = restrict(Bench201(channels=2, repeats=1), self.mask(e0=[1, 3]))
        supernet = inner.supernet(IO((1, 8, 8), (2,)), self.mask(e0=[3], e1=[2, 3]))
        cell = supernet.stages[0][0]
        assert [list(mixed) for mixed in cell.edges][:2] == [["nor_conv_3x3"], ["nor_conv_1x1", "nor_conv_3x3"]]

    def test_checked_and_copied_like_any_space(self):
        inner = restrict(Bench201(), self.mask(e0=[1]))
        for other in (copy.deepcopy(inner), pickle.loads(pickle.dumps(inner))):
            assert check(other, (1, 0, 0, 0, 0, 0)) == (1, 0, 0, 0, 0, 0)
            assert not other.valid((0,) * 6)


def test_both_masks_and_the_decisions_that_they_drop():
    """`none` survives an own mask that lacks it only where nothing else does, and only if it was allowed."""
    choices = (Choice("edge", ("none", "a", "b"), 3),)
    own = (torch.tensor([[False, True, True]] * 3),)
    given = (torch.tensor([[True, True, False], [True, False, False], [False, True, True]]),)
    expected = [[False, True, False], [True, False, False], [False, True, True]]
    assert both(choices, given, own)[0].tolist() == expected
    assert both(choices, given, None) is given
    unknown = (torch.tensor([[False, True, False]] * 3),)
    assert not both(choices, unknown, (~unknown[0],))[0].any()
