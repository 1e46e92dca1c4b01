"""appnas.domains.eda.flow.grids: grids as people ask for them; what is drawn a few at a time; tiles."""

import tracemalloc

import numpy as np
import pytest
from test_grammar import de, lef

from appnas.domains.eda.flow import grid_of, grids, read_def, read_lef
from appnas.domains.eda.flow.grids import Asked, Grid, asked, sized

GCELLS = "GCELLGRID X 0 DO 2 STEP 4000 ;\nGCELLGRID X 4000 DO 10 STEP 10000 ;\nGCELLGRID Y 0 DO 5 STEP 25000 ;\n"


def design(folder, head=GCELLS, die="( 0 0 ) ( 100000 100000 )"):
    (folder / "a.lef").write_text(lef())
    (folder / "a.def").write_text(de(head, die=die))
    return read_def(folder / "a.def", read_lef([folder / "a.lef"]))


def test_what_is_asked():
    assert asked("32") == ("gcells", 32, 32) and asked("24x32") == Asked("gcells", 24, 32) == asked("24 X 32")
    assert asked("4.2um") == ("um", 4.2, 4.2) and asked("15x20tracks") == ("tracks", 15, 20)
    assert asked("GCELLGRID").unit == "gcellgrid"
    for said, match in (
        ("0", "grid must be at least 1, got 0"), ("3.5", "without a unit"), ("big", "N or HxW gcells"),
        ("0um", "above 0"), ("9999x9999", "at most"), ("1.2.3um", "N or HxW gcells"), ("-4", "N or HxW gcells"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            asked(said)


def test_grids_of_a_design(tmp_path):
    """100 x 100 um with tracks of 0.2 um."""
    d = design(tmp_path)
    assert grid_of(d, "20x40").shape == (20, 40) and grid_of(d, "20x40").size == (2.5, 5)
    for said, shape, size in (
        ("30x20um", (4, 5), (20, 30)),
        ("100tracks", (5, 5), (20, 20)),
        ("gcellgrid", (4, 10), (10, 25)),
    ):
        grid = grid_of(d, said)
        assert grid.shape == shape and grid.size == pytest.approx(size) and grid.die[1] == 0
    assert grid_of(d, "gcellgrid").die[0] == 4 - 10 * round(0.4)  # lines stay where they are: the first gcell is longer
    with pytest.raises(ValueError, match="no GCELLGRID along X and Y"):
        grid_of(design(tmp_path, ""), "gcellgrid")
    with pytest.raises(ValueError, match="too many"):
        sized((0, 0, 1, 1), 1e-5, 1e-5)


def test_maps_do_not_depend_on_how_many_are_held(monkeypatch):
    rng = np.random.default_rng(0)
    grid, low = Grid((0, 0, 8, 6), 6, 8), rng.random((50, 2)) * 6
    boxes, weights = np.concatenate([low, low + rng.random((50, 2)) * 3], 1), rng.random(50)

    def all_maps():
        lines = grid.lines(boxes[:, :2], boxes[:, 2:], weights)
        return [grid.area(boxes, weights), grid.outline(boxes), grid.touching(boxes), lines]

    once = all_maps()
    monkeypatch.setattr(grids, "AT_ONCE", 30)
    for a, b in zip(once, all_maps(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    assert once[0].sum() == pytest.approx(((boxes[:, 2:].clip(max=[8, 6]) - low).prod(1) * weights).sum())
    assert grid.lines(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0)).sum() == 0


def test_memory_of_many_lines():
    """A million lines, 300 MB if drawn at once."""
    start = np.zeros((200_000, 2))
    tracemalloc.start()
    Grid((0, 0, 9, 9), 9, 9).lines(start, start + 3, np.ones(len(start)))
    assert tracemalloc.get_traced_memory()[1] < 80e6
    tracemalloc.stop()


@pytest.mark.parametrize("shape", [(32, 32), (33, 70), (100, 32), (257, 41)])
def test_tiles_cover_a_grid_once(shape):
    grid, seen = Grid((0, 0, 1, 1), *shape), np.zeros(shape, int)
    for rows, columns, own_rows, own_columns in grid.tiles(32, 32, 4):
        seen[own_rows, own_columns] += 1
        for window, own, whole in ((rows, own_rows, shape[0]), (columns, own_columns, shape[1])):
            assert window.stop - window.start == 32
            assert own.start == 0 or own.start - window.start >= 4
            assert own.stop == whole or window.stop - own.stop >= 4
    assert (seen == 1).all()
    with pytest.raises(ValueError, match="no windows of 300 x 32"):
        [*grid.tiles(300, 32, 4)]
