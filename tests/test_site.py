"""What the site has besides its pages: a page a method, the reference, links to files as links to pages.

The whole is built, strictly, by `make docs`.
"""

import re
import runpy
from dataclasses import dataclass
from pathlib import Path

import pytest

from appnas.methods import METHODS

ROOT = Path(__file__).parent.parent
SITE = runpy.run_path(str(ROOT / "docs/scripts/site.py"))
GALLERY = runpy.run_path(str(ROOT / "docs/scripts/gallery.py"))
RESULTS = (ROOT / "benchmarks/RESULTS.md").read_text()


@pytest.mark.parametrize("name", METHODS)
def test_a_methods_page_says_what_there_is_to_say(name):
    page = SITE["method_page"](name)
    for heading in ("## What it does", "## What was measured", "## Settings"):
        assert page.count(f"\n{heading}\n") == 1
    for field in METHODS[name].config.__dataclass_fields__:
        assert len(re.findall(rf"^\| `{field}` \| `[^|]", page, re.MULTILINE)) == 1
    assert "**When to use it:** " in page and "arXiv" in page


def test_rows_of_results_are_there():
    named = {row for row in SITE["RESULTS"].values() if row}
    assert set(SITE["RESULTS"]) == set(METHODS)
    assert [row for row in named if f"\n| {row} | " not in RESULTS] == []
    said = SITE["measured"]("agnn", RESULTS)
    assert [line for line in said if line.startswith("**")] == ["**AGNN**", "**AGNN on citation graphs**"]
    assert SITE["measured"]("darts", RESULTS)[2].startswith("- claim: S4: leaves the noise")
    assert "is its own" in SITE["measured"]("optuna", RESULTS)[0]


def test_settings_of_bases_come_first():
    @dataclass
    class Own:
        """Its source is here."""

        size: "int | None" = 3
        """How many,
        in all."""

    (row,) = SITE["settings"](Own)
    assert row == ("size", "'int | None'", "3", "How many, in all.")
    names = [name for name, *_ in SITE["settings"](METHODS["darts"].config)]
    assert names.index("lr") < names.index("epochs") or "epochs" in names


def test_every_room_has_a_page_in_the_reference():
    pages = {name for names in SITE["reference"]().values() for name in names.values()}
    rooms = {f"appnas.{path.parent.name}" for path in (ROOT / "appnas").glob("*/__init__.py")}
    without = {"appnas.api", "appnas.methods", "appnas.cli"}  # in `appnas`, in the pages of methods, in `--help`
    assert pages == rooms - without | {"appnas", "appnas.spaces", "appnas.domains"}


def test_links_to_files_are_links_to_pages():
    text = "[a](../../examples/own_unet.py) [b](../../benchmarks/RESULTS.md#chips) [c](../own/data.md) [d](x.md) `f(1)`"
    said = SITE["linked"](text, "docs/fields/text.md", "fields/text.md")
    assert said == "[a](../examples/own_unet.md) [b](../results.md#chips) [c](../own/data.md) [d](x.md) `f(1)`"
    assert SITE["linked"]("[e](SPEED.md)", "benchmarks/RESULTS.md", "results.md") == "[e](speed.md)"


def test_what_is_generated_is_no_page_in_docs():
    made = SITE["generated"]()
    assert [name for name in made if (ROOT / "docs" / name).exists()] == []
    assert [path for path in made.values() if isinstance(path, Path) and not path.is_file()] == []


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.stem)
def test_every_page_is_in_the_navigation(path):
    assert f" {path.relative_to(ROOT / 'docs')}\n" in (ROOT / "mkdocs.yml").read_text()


def test_what_a_page_fetches_is_seen():
    """`on_post_page` refuses it; links that a reader may follow are none."""
    page = (
        '<script src="https://a.org/b"></script><a href="https://c.org">c</a><img src="d.png"><link href="//e.org/f">'
    )
    assert SITE["fetched"](page) == ["https://a.org/b", "//e.org/f"]
    assert "font: false" in (ROOT / "mkdocs.yml").read_text()


def test_the_gallery_shows_what_was_made(tmp_path):
    (tmp_path / "darts.html").write_text("<p>report</p>")
    assert set(GALLERY["REPORTS"]) >= {"darts", "graphs", "chips"}
    said = SITE["shown"](tmp_path)
    assert "(gallery/darts.html)" in said and "graphs" not in said


@pytest.mark.skipif("not __import__('shutil').which('chromium')", reason="no chromium here")
def test_a_page_is_photographed(tmp_path):
    (tmp_path / "a.html").write_text("<p>hello</p>")
    assert GALLERY["screenshot"](tmp_path / "a.html", 200, 100).read_bytes()[:4] == b"\x89PNG"
