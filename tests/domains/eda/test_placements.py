"""appnas.domains.eda.placements: the checks of what comes in, and what ships with the package."""

import numpy as np
import pytest

from appnas.domains.eda import SHIPPED, SMALL, Placements, Routings, load
from appnas.domains.eda.flow import DEFAULT
from appnas.domains.eda.placements import save, stack
from appnas.domains.eda.routings import tables


def some(n=4, **more):
    rng = np.random.default_rng(0)
    given = {
        "x": rng.random((n, 2, 6, 8)).astype(np.float32), "channels": ("pin", "RUDY"),
        "designs": tuple("ab"[i % 2] for i in range(n)), "names": tuple(f"s{i}" for i in range(n)),
        "labels": {"drc": rng.random((n, 6, 8))}, "counts": np.arange(n),
    }  # fmt: skip
    return Placements(**{**given, **more})


def test_channels_by_name():
    data = some()
    np.testing.assert_array_equal(data.of(["RUDY"])[:, 0], data.x[:, 1])
    with pytest.raises(ValueError, match=r"lack the channels \['cell'\]; they have"):
        data.of(["pin", "cell"])
    with pytest.raises(ValueError, match="lack the label 'util_h'"):
        data.label("util_h")


def test_wrong_data_is_refused():
    bad = np.ones((4, 2, 6, 8), np.float32)
    bad[2, 1, 0, 0] = np.nan
    for wrong, match in (
        ({"x": bad}, "'RUDY' of 's2'.*NaN"),
        ({"x": bad[:, :1]}, "4 placements with 2 channels need maps"),
        ({"channels": ("pin", "pins")}, r"unknown channels \['pins'\]"),
        ({"names": ("a", "b", "c", "a")}, "these come twice: \\['a'\\]"),
        ({"labels": {"drc": np.zeros((4, 6, 9))}}, "label 'drc' needs the shape"),
        ({"labels": {"hot": np.zeros((4, 6, 8))}}, "unknown labels"),
        ({"counts": np.arange(3)}, "need 4 counts"),
        ({"counts": np.array([1, 2, np.nan, 3])}, "'counts' of 's2'.*NaN"),
        ({"counts": np.arange(4) - 1}, "at least 0, got -1"),
        ({"routings": Routings(np.ones((4, 2)), np.zeros((4, 3, 6, 8), bool))}, "routings of 4 placements need"),
    ):
        with pytest.raises(ValueError, match=match):
            some(**wrong)


def test_a_users_own_channels_and_labels():
    data = some(channels=("pin", "own_pin_access"), labels={"own_opens": np.zeros((4, 6, 8))})
    assert data.of(["own_pin_access"]).shape == (4, 1, 6, 8) and not data.label("own_opens").any()


def test_maps_without_labels_are_named(tmp_path):
    np.savez(tmp_path / "maps.npz", x=np.zeros((2, 4, 4)), channels=["pin", "cell"], die=np.zeros(4))
    with pytest.raises(ValueError, match="maps of one design and no labels, as `appnas eda features` makes"):
        load(tmp_path / "maps.npz")


def test_maps_of_one_size():
    assert stack([np.zeros((2, 3))] * 2, ["a", "b"]).shape == (2, 2, 3)
    with pytest.raises(ValueError, match=r"one size.*a: \(2, 3\), b: \(3, 2\)"):
        stack([np.zeros((2, 3)), np.zeros((3, 2))], ["a", "b"])


def test_what_ships(tmp_path):
    data = load(SHIPPED)
    assert SHIPPED.stat().st_size < 8e6
    assert len(set(data.designs)) >= 60 and data.x.shape[2:] == (32, 32) and set(DEFAULT) < set(data.channels)
    each = {data.designs.count(name) for name in set(data.designs)}
    assert max(each) - min(each) <= 1, "designs have as many placements as each other"
    hot = data.label("hotspot")
    assert 0.02 < hot.mean() < 0.2 and (data.x >= 0).all() and data.counts.max() > 100
    assert data.routings.counts.shape == (len(data.names), 4)
    np.testing.assert_allclose(data.routings.counts.mean(1), data.counts)
    assert ((data.label("drc") > 0) == (hot > 0)).all() and set(np.unique(data.of(["layers"]).round())) == {3, 4}
    density = data.of(["cell"])[:, 0].mean((1, 2))
    assert (0.4 < density).all() and (density < 1.05).all()
    damaged = tmp_path / "half.npz"
    damaged.write_bytes(SHIPPED.read_bytes()[:5000])
    with pytest.raises(ValueError, match="damaged"):
        load(damaged)
    with pytest.raises(FileNotFoundError, match="appnas eda generate"):
        load(tmp_path / "none.npz")


def test_the_data_card_says_what_is_there():
    data, card = load(SHIPPED), SHIPPED.with_name("PLACEMENTS.md").read_text()
    assert tables(data.names, data.designs, data.routings) in card
    for part in (SMALL.test, SMALL.valid):
        assert ", ".join(part) in " ".join(card.split())


def test_other_names():
    data = some(channels=("pin", "own_rudy"), labels={"own_opens": np.ones((4, 6, 8))})
    again = data.renamed({"own_rudy": "RUDY", "own_opens": "drc"})
    assert again.channels == ("pin", "RUDY") and again.label("drc").all() and again.designs == data.designs
    np.testing.assert_array_equal(again.of(["RUDY"]), data.of(["own_rudy"]))
    for names, match in (
        ({"rudy": "RUDY"}, r"nothing is called \['rudy'\]: channels are \['pin', 'own_rudy'\], labels \['own_opens'\]"),
        ({"own_rudy": "pin"}, "two would have one name"), ({"pin": "pins"}, "unknown channels"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            data.renamed(names)


def test_joined():
    first, rng = some(), np.random.default_rng(1)
    second = some(
        2, names=("t0", "t1"), channels=("RUDY", "pin"), labels={"drc": rng.random((2, 6, 8))}, counts=np.array([8, 9])
    )
    data = Placements.concat([first, second])
    assert data.names == ("s0", "s1", "s2", "s3", "t0", "t1") and data.counts.tolist() == [0, 1, 2, 3, 8, 9]
    np.testing.assert_array_equal(data.of(["pin"])[4:], second.of(["pin"]))  # whatever their order
    assert Placements.concat([first]).names == first.names and Placements.concat([some(counts=None)]).counts is None
    for more, match in (
        ({"x": np.zeros((4, 2, 6, 9)), "labels": {"drc": np.zeros((4, 6, 9))}}, r"gcells differ: mine has \(6, 8\)"),
        ({"channels": ("pin", "cell")}, r"channels differ: mine has \['RUDY'\], b has \['cell'\]; make all"),
        ({"labels": {}}, r"labels differ: mine has \['drc'\], b has no others; give each the same kinds of report"),
        ({"counts": None}, "counts differ"), ({}, r"called \['s0', 's1', 's2'\]: give each a name"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            Placements.concat([first, some(**more)], ["mine", "b"])
    with pytest.raises(ValueError, match="nothing to join"):
        Placements.concat([])
    assert len(Placements.concat(part for part in (first, second)).names) == 6
    with pytest.raises(ValueError, match=r"these come twice: \['pin'\]"):
        some(channels=("pin", "pin"))
    with pytest.raises(ValueError, match="'hotspot' is a probability, 0 to 1, got from 0 to 5; 'drc' counts"):
        some(labels={"hotspot": np.arange(4.0)[:, None, None] * np.ones((4, 6, 8)) / 3 * 5})


def test_single_routings_are_saved(tmp_path):
    shipped = load(SHIPPED)
    save(shipped, tmp_path / "again.npz")
    again = load(tmp_path / "again.npz").routings
    np.testing.assert_array_equal(again.counts, shipped.routings.counts)
    np.testing.assert_array_equal(again.hot, shipped.routings.hot)


def test_saved_as_they_are(tmp_path):
    data = some(channels=("pin", "own_rudy"), labels={"own_opens": np.full((4, 6, 8), 1 / 3)}, counts=None)
    save(data, tmp_path / "mine.npz", note="by hand")
    again = load(tmp_path / "mine.npz")
    assert (again.channels, again.designs, again.names, again.counts) == (data.channels, data.designs, data.names, None)
    np.testing.assert_array_equal(again.x, data.x)
    np.testing.assert_allclose(again.label("own_opens"), 1 / 3, rtol=1e-6)
    assert str(np.load(tmp_path / "mine.npz")["note"]) == "by hand"
