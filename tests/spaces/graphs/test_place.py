"""spaces.graphs.place: heads are joined where they divide the outputs, and averaged in a last layer."""

from appnas.spaces.graphs.place import Place


def test_heads():
    assert Place(8, 64).concat and Place(8, 64).split == 8
    assert not Place(8, 60).concat and Place(8, 60).split == 60
    assert not Place(8, 64, last=True).concat and Place(8, 64, last=True).split == 64
    assert Place(8, 6, heads=2).split == 3
