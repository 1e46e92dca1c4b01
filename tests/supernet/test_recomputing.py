import pytest

from appnas.spaces import Cells
from appnas.supernet import FIXED, Recomputing, fitted, planned, recomputing, said


@pytest.mark.parametrize(
    ("room", "plan"), [(100, (0, 0)), (99, (1 / 60, 0)), (40, (1, 0)), (30, (1, 1 / 3)), (10, (1, 1)), (9, None)]
)
def test_as_little_as_fits(room, plan):
    """Of 100 bytes, 40 if convolutions and 10 if cells are computed again."""
    found = fitted(100, 40, 10, room)
    assert found == (plan and pytest.approx(plan))


def test_where_convolutions_save_nothing():
    assert fitted(100, 100, 10, 55) == (0.0, 0.5)


def test_shares_are_whole_cells():
    assert Recomputing(0.5, 0.01).first(3) == (2, 1) and Recomputing(1 / 3).first(3) == (1, 0)


def test_a_space_that_says_what_it_wants_is_no_matter_of_plans(digits):
    with recomputing(Recomputing(1.0, 0.5)):
        assert planned("auto") == (1.0, 0.5) and planned("nothing") == (0, 0) and planned("cells") == (0, 1)
        assert said().endswith("all of 50% of the cells, convolutions of 100% of the cells (at the same result)")
        net = Cells(channels=2, cells=3, nodes=1).supernet(digits.io)
    assert said() == "" and planned("auto") == FIXED["nothing"]
    frugal = [any(getattr(part, "frugal", False) for part in cell.modules()) for cell in net.cells]
    assert (net.whole, frugal) == (2, [False, False, True])
