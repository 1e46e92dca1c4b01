"""appnas.cli.eda.predict: predictions of exported networks on DEF files."""

from pathlib import Path

import numpy as np
from test_eda_features import made

from appnas.cli import main
from appnas.cli.eda.features import features_of
from appnas.domains.eda.flow import TRACKS


def test_predictions_in_tiles(tmp_path, capsys, monkeypatch):
    """A network that says what it reads, of 4 x 4 gcells, on 10 x 10: as on the whole."""
    plain = {"task": "congestion", "channels": ["pin", "load_h"], "scale": "train", "mean": [0, 0], "std": [1, 1],
             "count_mean": 0, "count_std": 1}  # fmt: skip
    content = {"preprocessing": plain, "io": {"inputs": [2, 4, 4]}}
    monkeypatch.setattr("appnas.run.read_json", lambda path: content)
    monkeypatch.setattr("appnas.retrain.load", lambda folder: lambda x: x.sum(1))
    files, out = made(tmp_path), tmp_path / "maps.npz"
    assert main(["eda", "predict", str(tmp_path), *files, "--out", str(out), "--grid", "10"]) == 0
    found = np.load(out)["prediction"]
    _, _, maps = features_of([Path(f) for f in files], "10", "", TRACKS)
    np.testing.assert_allclose(found, maps["pin"] + maps["load_h"], rtol=1e-6)
    assert main(["eda", "predict", str(tmp_path), *files, "--out", str(out)]) == 0
    assert np.load(out)["prediction"].shape == (4, 4)
    assert main(["eda", "predict", str(tmp_path), *files, "--grid", "2"]) == 2
    said = capsys.readouterr()
    assert "no windows of 4 x 4" in " ".join((said.out + said.err).split())
