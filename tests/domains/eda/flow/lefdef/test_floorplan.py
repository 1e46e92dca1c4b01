"""appnas.domains.eda.flow.lefdef.floorplan: tracks, gcells and blockages as statements."""

import pytest

from appnas.domains.eda.flow.lefdef.floorplan import blockages, gcells, tracks

HEAD = [s.split() for s in ("TRACKS X 50 DO 8 STEP 10 LAYER M1 M2", "GCELLGRID Y 0 DO 5 STEP 20", "ROW a")]


def test_tracks_and_gcells():
    assert tracks(HEAD, 0.1) == {"M1": [("X", 5, 1, 8)], "M2": [("X", 5, 1, 8)]} and gcells(HEAD, 0.1) == {
        "Y": [(0, 2, 5)]
    }


@pytest.mark.parametrize(("said", "share"), [("SOFT", 0), ("PARTIAL 80", 0.2), ("PARTIAL 0.3", 0.7)])
def test_blockages_that_bar_a_part(said, share):
    entries = [
        f"PLACEMENT + {said} RECT ( 0 0 ) ( 1 1 ) RECT ( 2 2 ) ( 3 3 )".split(),
        "LAYER M1 RECT ( 0 0 ) ( 1 1 )".split(),
    ]
    hard, partial = blockages(entries, 1.0, {})
    assert hard == [("M1", (0, 0, 1, 1))] and [box for _, box in partial] == [(0, 0, 1, 1), (2, 2, 3, 3)]
    assert [s for s, _ in partial] == pytest.approx([share, share])
