"""appnas.domains.eda.flow.lefdef.routes: wiring word by word; arrays of vias; extensions of either end."""

from appnas.domains.eda.flow.lefdef.routes import points, regular, special, via_layers

VIAS = {"V": ("M1", "M2")}


def test_a_wire_after_an_array_of_vias():
    tokens = "n + ROUTED M1 ( 0 0 ) ( 10 * ) V DO 2 BY 1 STEP 5 0 ( * 20 )".split()
    wires, patches = regular(tokens, 7, VIAS, 0.1, {})
    assert [(w.layers, w.x0, w.y0, w.x1, w.y1) for w in wires] == [
        (("M1",), 0, 0, 1, 0), (("M1", "M2"), 1, 0, 1, 0), (("M1", "M2"), 1.5, 0, 1.5, 0), (("M2",), 1, 0, 1, 2),
    ]  # fmt: skip
    assert not patches and {w.net for w in wires} == {7}


def test_pins_called_like_keywords():
    wires, _ = regular(
        "n ( ROUTED NEW ) ( PIN FIXED + SYNTHESIZED ) + ROUTED M1 ( 0 0 ) ( 1 0 )".split(), 0, VIAS, 1, {}
    )
    assert len(wires) == 1


def test_ends_of_straps():
    """The first end is 2 longer, the second 3, drawn either way."""
    for ends, box in (("( 0 0 2 ) ( 9 0 3 )", (-2, -1, 12, 1)), ("( 9 0 2 ) ( 0 0 3 )", (-3, -1, 11, 1))):
        assert special(f"n + ROUTED M1 2 {ends}".split(), VIAS, 1.0, {}) == [("M1", box)]


def test_points_and_layers():
    assert points("( 1 2 ) ( * 3 ) ( 4 * ) x".split(), 0) == ([(1, 2), (1, 3), (4, 3)], 12)
    assert via_layers("v + RECT M1 ( 0 0 ) ( 1 1 ) + POLYGON M2 ( 0 0 ) ( 1 1 )".split()) == ("M1", "M2")
