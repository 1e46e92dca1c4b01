"""The reports of the gallery, and how they look: small searches of all five domains, two minutes together.

    python docs/scripts/gallery.py     # writes build/gallery; what is there is not made again

Screenshots need chromium; without it the gallery has links alone.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import torch

import appnas
from appnas.domains.eda import SMALL, shipped
from appnas.domains.rl import Catch, CatchOptions
from appnas.domains.text import SMALL as SMALL_TEXT
from appnas.domains.text.data import corpus, parted
from appnas.spaces import Bench201, Cells, Encoder, GraphNet, GuideDag, Recurrent

GALLERY = Path(__file__).resolve().parents[2] / "build" / "gallery"
Made = Callable[[Path], appnas.Result]


def darts(out: Path) -> appnas.Result:
    """A cell on digits, by DARTS: masses of operations over time, and the cell drawn."""
    space = Cells(channels=2, cells=3, width=4, depth=3)
    result = appnas.search(space, "digits", "darts", order="first", epochs=2, alpha_lr=0.02, out=out)
    result.retrain(epochs=2, beside=["random", "sep_conv_3x3"])
    return result


def evolution(out: Path) -> appnas.Result:
    """Evolution from scratch, with random search at equal budget beside it."""
    few = {"evaluations": 8, "population": 4, "sample": 2, "budget": 1}
    result = appnas.search(Bench201(channels=2, repeats=1), "digits", "evolution", **few, control=True, out=out)
    result.retrain(epochs=2, beside=["nor_conv_3x3"])
    return result


def graphs(out: Path) -> appnas.Result:
    """A graph network, begun with hand-made ones, by AGNN."""
    few = {"evaluations": 12, "budget": 5, "warmup": 9, "top": 1, "repeats": 1}
    result = appnas.search(GraphNet(hidden=(16, 32)), "graphs", "agnn", **few, out=out)
    result.retrain(epochs=8, beside=["gcn", "mlp", "random"])
    return result


def chips(out: Path) -> appnas.Result:
    """Hotspots of placements: what a network sees beside what is true."""
    space = GuideDag(width=4, strides=(1, 2), kernels=(3, 5))
    result = appnas.search(space, shipped(SMALL), "routability", evaluations=3, budget=1, top=1, folds=0, out=out)
    result.retrain(epochs=2, beside=["random"])
    return result


def text(out: Path) -> appnas.Result:
    """A recurrent cell on a little text, characters, by DARTS."""
    some = "\n\n".join(topics[name] for name in sorted(topics)[:8])
    few: dict[str, Any] = {"order": "first", "epochs": 4, "alpha_lr": 0.03}
    domain = corpus(parted(some), "character", SMALL_TEXT)
    result = appnas.search(Recurrent(nodes=4, hidden=32, width=48), domain, "darts", **few, out=out)
    result.retrain(epochs=3, beside=["random"])
    return result


def agents(out: Path) -> appnas.Result:
    """The encoder of an agent that plays pixel Catch, searched while it learns, by RL-DARTS."""
    space = Encoder(nodes=2, channels=(8, 8), cells=1, width=(8, 16), depth=1, hidden=64)
    result = appnas.search(space, Catch(CatchOptions()), "rl_darts", steps=8_000, out=out)
    result.retrain(epochs=8, beside=["random"])
    return result


REPORTS: dict[str, Made] = {made.__name__: made for made in (darts, evolution, graphs, chips, text, agents)}


def screenshot(page: Path, width: int = 1000, height: int = 1250) -> Path | None:
    """A picture of the top of a page beside it; None without chromium."""
    if (browser := shutil.which("chromium")) is None:
        return None
    picture = page.with_suffix(".png")
    flags = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={width},{height}"]
    subprocess.run([browser, *flags, f"--screenshot={picture}", page.as_uri()], check=True, capture_output=True)
    return picture


def main() -> None:
    """Search, and write what is missing."""
    torch.set_num_threads(1)
    GALLERY.mkdir(parents=True, exist_ok=True)
    for name, made in REPORTS.items():
        page = GALLERY / f"{name}.html"
        if not page.exists():
            with tempfile.TemporaryDirectory() as folder:
                shutil.copy(made(Path(folder) / name).report(), page)
        if not page.with_suffix(".png").exists():
            screenshot(page)


if __name__ == "__main__":
    main()
