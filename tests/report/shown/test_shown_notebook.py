"""What a notebook shows: fragments of HTML, and a real kernel that makes them."""

import sys

import pytest
from test_story import small_table

import appnas
from appnas.methods.baselines import EvolutionConfig
from appnas.spaces import Bench201


def test_a_result_shows_its_drawing_its_value_and_what_comes_next(tmp_path):
    result = appnas.search(
        Bench201(), small_table(), "evolution", config=EvolutionConfig(8, 4, 2), out=tmp_path / "run"
    )
    html = result._repr_html_()
    assert html.count('src="data:image/png;base64,') == 1 and "The cell cell." in html
    assert f"value {result.value:.6g}" in html and str(tmp_path / "run") in html and "result.retrain(" in html
    assert "<script" not in html


CELLS = (
    "import sys; sys.path[:0] = PATHS\n"
    "import appnas\nfrom appnas.spaces import Bench201\nfrom test_story import small_table\n"
    "result = appnas.search(Bench201(), small_table(), 'random', evaluations=40)\nresult",
    "from appnas.domains.images import digits\nspace = Bench201(channels=2, repeats=1)\n"
    "found = appnas.search(space, digits(), 'random', evaluations=1, budget=1)\nfound.retrain(1)",
)


@pytest.mark.slow
def test_a_real_kernel_shows_a_running_search_its_result_and_its_retraining():
    nbformat = pytest.importorskip("nbformat", reason="the extra `dev` brings nbclient")
    nbclient = pytest.importorskip("nbclient", reason="the extra `dev` brings nbclient")
    pytest.importorskip("ipykernel", reason="the extra `dev` brings ipykernel")
    cells = [nbformat.v4.new_code_cell(text.replace("PATHS", repr(sys.path))) for text in CELLS]
    book = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(book, timeout=250, kernel_name="python3").execute()
    searched, retrained = (
        [out["data"]["text/html"] for out in cell.outputs if "text/html" in out.get("data", {})] for cell in book.cells
    )
    bar, result = searched
    assert "40/40" in bar and "<progress" in bar and "<svg" in bar and "random, seed 0" in bar
    assert "What was found" in result and "data:image/png;base64," in result
    assert "found, seed 1 of 1" in retrained[-2] and "1/1" in retrained[-2]
    assert "test accuracy, %" in retrained[-1] and "<table" in retrained[-1]
