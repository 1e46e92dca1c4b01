"""appnas.domains.eda.circuitnet: a tree of the real layout and names, both generations, and the real samples of ISPD
2015."""

import numpy as np
import pytest

from appnas.domains.eda import Options, Routability, circuitnet
from appnas.domains.eda.circuitnet import CHANNELS, FOLDERS, decompressed, parse, resized, scaled, training_set

N28 = [
    "1-RISCY-a-1-c2-u0.7-m1-p1-f0.npy", "2-RISCY-b-3-c20-u0.85-mNone-p8-f1.npy",
    "3-RISCY-FPU-a-2-c5-u0.75-m2-p3-f0.npy",
    "4-zero-riscy-a-1-c2-u0.9-m3-p2-f1.npy",
]  # fmt: skip
N14 = "Vortex-small_freq_500_mp_1_fpu_60_fpa_1.0_p_1_fi_ap.npy"


@pytest.fixture
def tree(tmp_path):
    """Six features and all labels for every sample, of odd and of different sizes."""
    rng = np.random.default_rng(0)
    for k, name in enumerate([*N28, N14]):
        size = (31 + k, 28 + 2 * k)
        folders = [*FOLDERS.values(), "DRC/DRC_all", "IR_drop", "power_t"]
        for folder in folders:
            maps = rng.random((20, *size) if folder == "power_t" else size) * (300 if "DRC" in folder else 2)
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            np.save(tmp_path / folder / name, maps)
    return tmp_path


def test_names():
    assert parse(N28[1]) == ("RISCY", {
        "id": "2", "variant": "b", "macros": "3", "clock": "20", "utilisation": "0.85", "placement": "None",
        "power": "8", "filler": "1",
    })  # fmt: skip
    assert [parse(name).design for name in N28] == ["RISCY", "RISCY", "RISCY-FPU", "zero-riscy"]
    assert parse(N14).design == "Vortex-small"
    with pytest.raises(ValueError, match="no sample of CircuitNet"):
        parse("RISCY.npy")


def test_the_maps_of_features(tree):
    data = decompressed(tree, "DRC", side=16)
    assert data.channels == CHANNELS["DRC"] and data.x.shape == (5, 9, 16, 16)
    assert data.designs == ("RISCY", "RISCY", "RISCY-FPU", "zero-riscy", "Vortex-small")
    assert data.x.min() == 0 and data.x.max() == 1
    assert 0 < data.label("drc").mean() < 1
    raw = np.load(tree / "DRC" / "DRC_all" / N28[0])
    assert data.counts[0] == round(raw.sum())
    np.testing.assert_allclose(data.label("drc")[0].mean(), (raw.clip(0, 200) / 200).mean(), atol=0.05)
    congestion = decompressed(tree, side=16, limit=2)
    assert congestion.channels == ("macro_region", "RUDY", "RUDY_pin") and len(congestion.names) == 2
    assert congestion.label("congestion").max() == 1 and congestion.label("congestion").min() == 0
    power = decompressed(tree, "IR_drop", side=16)
    assert power.x.shape == (5, 24, 16, 16) and power.label("IR_drop").max() <= 1


def test_a_task_on_it(tree):
    data = decompressed(tree, "DRC", side=16)
    options = Options(
        task="hotspots", channels=CHANNELS["DRC"], threshold=0.1, scale="sample", test=circuitnet.TEST, valid=("RISCY",)
    )
    domain = Routability(data, options)
    assert domain.split["test"] == ("zero-riscy",) and domain.io.inputs == (9, 16, 16)


def test_the_training_set(tmp_path):
    for kind, shape in (("feature", (20, 24, 3)), ("label", (20, 24, 1))):
        (tmp_path / "congestion" / kind).mkdir(parents=True)
        for k, name in enumerate(N28):
            np.save(tmp_path / "congestion" / kind / name, np.full(shape, k / 4))
    data = training_set(tmp_path, "congestion", side=8)
    assert data.x.shape == (4, 3, 8, 8) and data.label("congestion")[2].mean() == 0.5
    (tmp_path / "test.csv").write_text(f"feature/{N28[3]},label/{N28[3]}\n")
    assert training_set(tmp_path, "congestion", 8, tmp_path / "test.csv").designs == ("zero-riscy",)
    np.save(tmp_path / "congestion" / "feature" / N28[0], np.zeros((20, 24, 4)))
    with pytest.raises(ValueError, match="has the 3 channels"):
        training_set(tmp_path, "congestion", 8)


def test_damage_is_told(tree):
    (tree / "RUDY" / "RUDY" / N28[2]).unlink()
    with pytest.raises(FileNotFoundError, match="RUDY"):
        decompressed(tree, side=16)
    np.save(tree / "RUDY" / "RUDY" / N28[2], np.full((33, 32), np.nan))
    with pytest.raises(ValueError, match="NaN"):
        decompressed(tree, side=16)
    np.save(tree / "RUDY" / "RUDY" / N28[2], np.zeros((9, 9)))
    with pytest.raises(ValueError, match="one size"):
        decompressed(tree, side=16)
    with pytest.raises(FileNotFoundError, match="decompressed features"):
        decompressed(tree / "nowhere")


def test_resizing_and_scaling():
    x = np.arange(16.0).reshape(4, 4)
    np.testing.assert_allclose(resized(x, 2), [[2.5, 4.5], [10.5, 12.5]])
    assert scaled(x).max() == 1 and (scaled(np.full((2, 2), 3.0)) == 3).all()


def test_the_samples_of_ispd_2015(data):
    path = data / "circuitnet_ispd2015" / "congestion_128.npz"
    if not path.exists():
        pytest.skip("no circuitnet_ispd2015 in APPNAS_DATA")
    found = circuitnet.ispd2015(path, 32)
    assert found.x.shape == (120, 3, 32, 32)
    assert {d: found.designs.count(d) for d in set(found.designs)} == dict.fromkeys(
        ("mgc_superblue11_a", "mgc_superblue12", "mgc_superblue16_a", "mgc_superblue19"), 30
    )
    with pytest.raises(FileNotFoundError, match="congestion_128"):
        circuitnet.ispd2015(data / "none.npz")
