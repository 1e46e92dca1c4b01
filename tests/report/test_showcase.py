"""appnas.report.showcase: a row an example, a column a map; and the way from a domain to the page."""

import io

import numpy as np
import pytest
from matplotlib.image import imread
from test_eda_domain import made

import appnas
from appnas.report import picture
from appnas.run import load_showcase
from appnas.run.artifacts import SHOWCASE
from appnas.spaces import GuideDag
from appnas.support import RunError

SPACE = GuideDag(width=2, strides=(2,), branches=1, vertices=("conv",), kernels=(3,), dense=2)


def test_a_grid_of_maps():
    dark, light = np.zeros((6, 8)), np.eye(6, 8)
    one = picture({"a": {"x": dark, "y": light}})
    two = picture({"a": {"x": dark, "y": light}, "b": {"x": light, "y": dark}})
    assert one.width == two.width and two.height > 1.7 * one.height
    pixels = imread(io.BytesIO(one.png))
    assert pixels.shape[:2] == pytest.approx((2 * one.height, 2 * one.width), abs=1)  # whole pixels of inches
    height, width = pixels.shape[:2]
    middle = pixels[height // 3 : 2 * height // 3, :, 0]
    assert np.ptp(middle[:, width // 4 : width // 3]) < 0.01 < 0.5 < np.ptp(middle[:, 2 * width // 3 : 3 * width // 4])


def test_from_the_domain_to_the_page(tmp_path):
    domain = made("hotspots")
    result = appnas.search(SPACE, domain, "random", evaluations=1, budget=1, out=tmp_path)
    trained = result.retrain(1)
    kept, shown = load_showcase(tmp_path), domain.showcase(trained.model)
    assert list(kept) == list(shown) and all(list(kept[name]) == list(shown[name]) for name in shown)
    assert all(np.array_equal(kept[e][m], shown[e][m]) for e in shown for m in shown[e])
    assert "What it predicts" in result.report().read_text()
    assert (tmp_path / "report-showcase.png").exists()
    whole = (tmp_path / SHOWCASE).read_bytes()
    for damaged in (b"", whole[:200], whole[:-40]):
        (tmp_path / SHOWCASE).write_bytes(damaged)
        with pytest.raises(RunError, match=f"{SHOWCASE} is damaged"):
            result.report()


def test_a_domain_that_shows_nothing(tmp_path):
    result = appnas.search(SPACE, made("violated_nets", head="mean"), "random", evaluations=1, budget=1, out=tmp_path)
    result.retrain(1)
    assert load_showcase(tmp_path) == {} and "What it predicts" not in result.report().read_text()
