"""The page as a whole: what it says of real runs, and what a browser makes of it."""

import base64
import dataclasses
import json
import re
import shutil
import subprocess
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import tool
from matplotlib.image import imread
from test_story import small_table

import appnas
from appnas.methods.baselines import EvolutionConfig
from appnas.report import write
from appnas.report.plots import human
from appnas.report.told.tables import runs
from appnas.retrain import load_rows
from appnas.run import catalogue
from appnas.spaces import Bench201, Cells
from appnas.support import RunError


class Page(HTMLParser):
    """Images, tables (lists of rows of cells) and the text of a page."""

    def __init__(self, file: Path):
        super().__init__()
        self.images, self.tables, self.words, self.tags = [], [], [], set()
        self.cell = None
        self.source = file.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.cell = []

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.tables[-1][-1].append("".join(self.cell).replace("\N{NO-BREAK SPACE}", " "))
            self.cell = None

    def handle_data(self, data):
        self.words.append(data.replace("\N{NO-BREAK SPACE}", " "))
        if self.cell is not None:
            self.cell.append(data)

    def table(self, first: str) -> list[list[str]]:
        """The rows under the heading that starts so."""
        (rows,) = [rows for rows in self.tables if rows[0][0] == first]
        return rows[1:]


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> Path:
    """A finished run of DARTS with two seeds and a random control, retrained beside two controls."""
    options = dataclasses.replace(catalogue.source("digits").options, limit=64, batch=16)
    path = tmp_path_factory.mktemp("report") / "run"
    result = appnas.search(
        Cells(nodes=2, channels=2, cells=3, width=2, depth=3), catalogue.domain("digits", options), "darts",
        epochs=2, order="first", alpha_lr=0.05, seeds=2, control=True, rank_epochs=1, out=path,
    )  # fmt: skip
    result.retrain(1, beside=["random", "sep_conv_3x3"])
    assert result.report() == path / "report.html"
    return path


@pytest.fixture(scope="module")
def page(searched) -> Page:
    return Page(searched / "report.html")


@pytest.fixture(scope="module")
def evolved(tmp_path_factory) -> Path:
    """A finished run of evolution on a table, with its report elsewhere."""
    folder = tmp_path_factory.mktemp("evolved")
    appnas.search(Bench201(), small_table(), "evolution", config=EvolutionConfig(30, 5, 2), out=folder / "run")
    write(folder / "run", folder / "new" / "report")
    return folder


def test_the_page_stands_alone(page):
    assert not page.tags & {"script", "link", "iframe", "object", "video", "svg"}
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.images)
    assert set(re.findall(r"https?://[^/\"]+", page.source)) == {"https://arxiv.org"}  # a link to the paper
    assert "url(" not in page.source


def test_every_picture_lies_beside_the_page_and_has_a_text(page, searched):
    files = {file.read_bytes() for file in searched.glob("report-*.png")}
    assert files == {base64.b64decode(image["src"].split(",")[1]) for image in page.images}
    names = {file.stem.removeprefix("report-") for file in searched.glob("report-*.png")}
    assert names == {
        "controls", "cell-normal", "cell-reduce", "progress-steps", "progress-seconds", "alphas-normal",
        "alphas-reduce", "collapse", "masses",
    }  # fmt: skip
    assert all(len(image["alt"]) > 20 for image in page.images)


def test_the_head_says_what_was_done(page):
    assert "<h1>darts on digits</h1>" in page.source
    assert "arXiv 1806.09055" in page.text
    assert "Space cells of 51,883,209 architectures; 2 seeds from 0." in page.text
    assert "Trained from scratch for 1 epoch, the found architecture reaches a test accuracy of" in page.text


def test_the_table_of_controls(page, searched):
    rows = load_rows(searched)
    table = page.table("architecture")
    assert [line[0] for line in table] == ["found", "random search", "random", "all sep_conv_3x3"]
    assert [line.pop(3).endswith("no interval") for line in table] == [False, True, True, True]
    for line, row in zip(table, rows, strict=True):
        accuracy, loss, time = row.mean("accuracy"), row.mean("loss"), f"{row.latency:.3g} ms"
        assert line[1:] == [f"{accuracy:.4g} %", f"{loss:.4g}", human(row.parameters), human(row.macs), time, "1"]


def test_the_table_of_seeds(page, searched):
    result = json.loads((searched / "result.json").read_text())
    first, second, mean = page.table("seed")
    assert [first[1], second[1]] == [f"{run['value']:.4g}" for run in result["runs"]]
    assert first[3].endswith("%")
    assert [first[4], second[4]] == ["finished", "finished"]
    assert mean[0] == "mean ± sd"
    assert float(mean[1].split(" ")[0]) == pytest.approx(result["mean"], rel=0.05)


def test_what_was_found_is_named(page, searched):
    result = json.loads((searched / "result.json").read_text())
    assert str(result["best"]) in page.text
    (rows,) = [rows for rows in page.tables if rows[0][0] == "normal"]
    taken = [option for option in result["named"]["normal"] if option != "none"]
    assert rows[0][1] == runs(taken)


def test_the_checklist_is_filled_in(page, searched):
    control = json.loads((searched / "result.json").read_text())["control"]
    assert control["evaluations"] > 2  # the two searches' own steps count too
    beside = f"Random search over {control['evaluations']} architectures beside it"
    for text in ("2 searches, one a seed", "Trained from scratch with 1 seed",
                 "One training each gives no interval.", "4 times: once for each trained network.", beside,
                 "skip connections"):  # fmt: skip
        assert text in page.text


def test_all_settings_and_versions_are_there(page, searched):
    config = json.loads((searched / "config.json").read_text())
    shown = {row[0]: row[1] for rows in page.tables for row in rows if len(row) == 2}
    assert shown["alpha_lr"] == "0.05"
    assert shown["rank_epochs"] == "1"
    assert shown["fields.channels"] == "2"
    assert shown["options.recipe.momentum"] == "0.9"
    assert shown["torch"] == config["versions"]["torch"]
    assert set(config["config"]) <= set(shown)


def test_a_run_on_a_table(evolved):
    assert not list((evolved / "run").glob("report*"))
    page = Page(evolved / "new" / "report" / "report.html")
    assert "<h1>evolution on Table</h1>" in page.source
    assert "Scores come from a table." in page.text
    assert "an architecture with a value (quality) of" in page.text
    assert (evolved / "new" / "report" / "report-trade.png").exists()
    assert not [image for image in page.images if "Heat map" in image["alt"]]


def test_what_is_missing_is_said_with_the_command(searched, tmp_path):
    bare = shutil.copytree(searched, tmp_path / "bare", ignore=shutil.ignore_patterns("retrain.json", "report*"))
    page = Page(write(bare))
    assert "Nothing was retrained." in page.text
    assert f"appnas retrain {bare} --epochs 20 --seeds 3 --beside random" in page.text
    (bare / "result.json").unlink()
    (bare / "seed-1" / "result.json").unlink()
    page = Page(write(bare))
    assert "The search is unfinished." in page.text
    assert f"appnas resume {bare}" in page.text
    assert "so far it points to an architecture" in page.text
    assert "Finished searches: 1 of 2" in page.text
    states = [row[-1] for row in page.table("seed")]
    assert states[:2] == ["finished", "at score 4"]


def test_a_run_that_was_only_created(searched, tmp_path):
    shutil.copy(searched / "config.json", tmp_path / "config.json")
    page = Page(write(tmp_path))
    assert "The search has not scored anything yet." in page.text
    assert page.images == []


def test_a_space_and_a_domain_of_ones_own(chain, regression, tmp_path):
    class Mine(type(chain)):
        """Made in a function, so that nothing can import it."""

    result = appnas.search(Mine(), regression, "darts", epochs=1, order="first", out=tmp_path / "run")
    result.retrain(1, seeds=2, beside=["random"])
    page = Page(result.report(tmp_path / "out"))
    assert "The run used a space of its own" in page.text
    assert "test mse of" in page.text
    assert any("option 0, option 1, option 2, option 3, option 4 in layer" in image["alt"] for image in page.images)
    options = result.space.choices[0].options
    (row,) = [rows[0] for rows in page.tables if rows[0][0] == "layer"]
    assert all(options[i] in row[1] or options[i] == "none" for i in result.best)


def test_what_users_write_cannot_break_the_page(evolved, tmp_path):
    run = shutil.copytree(evolved / "run", tmp_path / "<b>&run")
    config = json.loads((run / "config.json").read_text())
    config["domain"] = {"name": None, "repr": "<script>alert(1)</script>"}
    (run / "config.json").write_text(json.dumps(config))
    page = Page(write(run))
    assert "script" not in page.tags
    assert "evolution on <script>alert(1)</script>" in page.text


def test_bad_places(searched, tmp_path):
    with pytest.raises(RunError, match="no such directory"):
        write(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"no config\.json"):
        write(tmp_path)
    (tmp_path / "file").write_text("text")
    with pytest.raises(RunError, match="is a file: the report needs a directory"):
        write(searched, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "text"


PROBE = """<script>addEventListener("load", () => {
parent.document.documentElement.dataset.seen = JSON.stringify({
  loaded: [...document.images].filter(i => i.complete && i.naturalWidth > 0).length,
  sharp: [...document.images].every(i => i.naturalWidth >= 2 * i.clientWidth - 2),
  wide: document.documentElement.scrollWidth, view: innerWidth,
  small: [...document.images].filter(i => i.clientWidth < 100).length})})</script>"""


def chromium(page: Path, *flags: str) -> str:
    """What headless Chromium prints."""
    command = [
        tool("chromium", "chromium-browser", "google-chrome"), "--headless", "--no-sandbox", "--disable-gpu",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
        "--hide-scrollbars", f"--user-data-dir={page.parent / 'profile'}", *flags, page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("width", [1200, 390])
def test_a_browser_shows_it(page, tmp_path, width):
    probed = page.source.replace("style-src", "script-src 'unsafe-inline'; style-src").replace(
        "</head>", PROBE + "</head>"
    )
    assert probed.count("<script>") == 1
    file = tmp_path / "frame.html"  # in a frame, because a window has a least width
    frame = f'<iframe style="border:0;width:{width}px;height:2000px" srcdoc="{escape(probed)}"></iframe>'
    file.write_text(f'<!DOCTYPE html><body style="margin:0">{frame}', encoding="utf-8")
    dom = chromium(file, "--window-size=1200,2000", "--dump-dom", f"--screenshot={tmp_path / 'shot.png'}")
    seen = json.loads(re.search(r'data-seen="([^"]*)"', dom).group(1).replace("&quot;", '"'))
    assert seen == {"loaded": len(page.images), "sharp": True, "small": 0, "wide": seen["view"], "view": width}
    shot = imread(tmp_path / "shot.png")[:, :width, :3]
    assert shot.shape[:2] == (2000, width)
    assert shot.std() > 0.05
    assert (shot < 0.5).mean() > 0.005  # ink


def test_budgets_are_told_apart(chain, regression, tmp_path):
    """How many were trained how far, what that took, and the best there; elsewhere the largest budget counts."""
    result = appnas.search(chain, regression, "hyperband", evaluations=6, budget=9, out=tmp_path)
    page = Page(write(tmp_path))
    rows = page.table("budget")
    assert [row[0] for row in rows] == ["1", "3", "9"]
    assert [int(row[1]) for row in rows] == [sum(r.budget == b for r in result.history) for b in (1, 3, 9)]
    assert sum(int(row[2]) for row in rows) == sum(record.metrics["budget"] for record in result.history) <= 54
    assert float(rows[-1][3].replace("\N{MINUS SIGN}", "-")) == pytest.approx(result.value, rel=1e-2)
    assert "had a smaller budget" in page.text


def test_a_run_without_budgets_has_no_table_of_them(chain, regression, tmp_path):
    appnas.search(chain, regression, "random", evaluations=3, budget=2, out=tmp_path)
    assert "smaller budget" not in Page(write(tmp_path)).text
