import math

import pytest

from appnas.prune import Outcome
from appnas.report import density, plots


def outcomes(seeds):
    found = []
    for weights in ("fresh", "inherited"):
        for seed in range(seeds):
            found.append(Outcome("dense", weights, 5, 1.0, 100, seed, {"accuracy": 90.0 + seed}))
            for share in (0.5, 0.05):
                for name in ("learned", "random"):
                    found.append(Outcome(name, weights, 5, share, 10, seed, {"accuracy": 80 * share + seed}))
    return found


@pytest.mark.parametrize("seeds", [1, 3])
def test_one_page_with_a_picture_for_every_kind(tmp_path, seeds):
    page = density.write(outcomes(seeds), 2, tmp_path / "report").read_text()
    assert page.count("<img ") == 2 == page.count("5 shots</h2>")
    assert "Inherited weights" in page
    assert "<td>learned</td><td class=n>5.0</td>" in page
    assert ("42.00\N{NO-BREAK SPACE}± 1.0" in page or "41.0\N{NO-BREAK SPACE}± 1.0" in page) == (seeds == 3)
    assert {p.name for p in (tmp_path / "report").glob("*.png")} == {
        "report-density-fresh-5.png", "report-density-inherited-5.png",
    }  # fmt: skip


def test_nothing_to_report_is_refused(tmp_path):
    with pytest.raises(ValueError, match="needs outcomes"):
        density.write([], 1, tmp_path)


def test_the_lines_of_the_figure():
    lines = {"dense": [(1.0, 90.0, math.nan, 1)], "learned": [(0.5, 80.0, 1.0, 3), (0.05, 60.0, 2.0, 3)]}
    (axes,) = plots.density.__wrapped__(lines, "test accuracy").axes
    assert axes.get_xscale() == "log" and axes.get_ylabel() == "test accuracy"
    (container,) = axes.containers
    x, y = container.lines[0].get_data()
    assert list(x) == [50.0, 5.0] and list(y) == [80.0, 60.0]
    figure = axes.figure
    figure.draw_without_rendering()
    low, high = axes.get_xlim()
    ticks = zip(axes.get_xticks(minor=True), axes.get_xticklabels(minor=True), strict=True)
    assert [label.get_text() for x, label in ticks if low <= x <= high] == ["5", "20", "50"]
