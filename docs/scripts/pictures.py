"""The pictures of the README: what a search found, how it was found, and hotspots that a network predicts.

    python docs/scripts/pictures.py     # half a minute; writes docs/pictures/

Local search and random search of 100 looks on NAS-Bench-Graph's table of ogbn-arxiv, ten seeds each. The prediction is
of `appnas:hotspots` for ispd18_test1, of the ISPD 2018 contest, whose files are where `APPNAS_DATA` says (eda_designs);
it is left as it is where there are none.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from appnas import cli
from appnas.estimate import Table
from appnas.methods import baselines, local_search
from appnas.report import diagram
from appnas.report.curves import best_so_far
from appnas.report.plots import BLUE, FAINT, INK, Image, drawn
from appnas.spaces.graphs.nasbenchgraph import NASBenchGraph, load

PICTURES = Path(__file__).resolve().parents[1] / "pictures"
LOOKS, SEEDS = 100, 10


@drawn
def against(random: np.ndarray, found: np.ndarray, top: float):
    """Best validation accuracy so far, mean and deviation. Shapes: random, found [seeds, looks]; units: %."""
    from matplotlib.figure import Figure

    figure = Figure((5.2, 3.0), layout="constrained")
    axes = figure.subplots()
    looks = np.arange(1, found.shape[1] + 1)
    for name, curves, colour in (("local search", found, BLUE), ("random search", random, FAINT)):
        mean, spread = curves.mean(0), curves.std(0)
        axes.fill_between(looks, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
        axes.plot(looks, mean, color=colour, linewidth=2)
        axes.annotate(name, (looks[-1], mean[-1]), (4, 0), textcoords="offset points", color=colour, va="center")
    axes.axhline(top, color=INK, linewidth=0.8, linestyle=":")
    axes.annotate(
        "best of all 26,206 networks", (looks[-1], top), (0, 3), textcoords="offset points", ha="right", fontsize=8
    )
    axes.set(
        xlabel="networks looked at", ylabel="best validation accuracy so far, %", xlim=(1, 128), ylim=(71.4, 73.85)
    )
    axes.set_xticks([1, 25, 50, 75, 100])
    return figure


def save(image: Image, name: str) -> None:
    """Write it."""
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / name).write_bytes(image.png)


def predicted() -> None:
    """Draw the maps of `appnas eda predict`, if the design is there."""
    raw = Path(os.environ.get("APPNAS_DATA", "")) / "eda_designs" / "raw"
    files = [raw / f"src__gpl__test__testcases__ispd-test__ispd18_test1.input.{kind}.gz" for kind in ("lef", "def")]
    if not all(file.exists() for file in files):
        print("no ispd18_test1 in APPNAS_DATA: the prediction is not drawn again")
        return
    with TemporaryDirectory() as folder:
        out = Path(folder) / "prediction.npz"
        flags = ["--grid", "8tracks", "--routing-layers", "4", "--out", str(out)]
        if cli.main(["eda", "predict", "appnas:hotspots", *map(str, files), *flags]):
            raise SystemExit("appnas eda predict failed")
        (PICTURES / "prediction.png").write_bytes(out.with_suffix(".png").read_bytes())


def main() -> None:
    """Search and draw."""
    torch.set_num_threads(1)
    archs, columns = load("arxiv")
    space, table = NASBenchGraph(), Table(archs, columns, "valid", withheld=("test",))
    courses, best = {}, None
    for name, method, config in (
        ("random", baselines.random, baselines.RandomConfig(LOOKS)),
        ("local search", local_search.search, local_search.Config(LOOKS)),
    ):
        results = [method(space, table, config, seed=seed) for seed in range(SEEDS)]
        courses[name] = np.stack([best_so_far([r.value for r in result.history][:LOOKS]) for result in results])
        best = max(results, key=lambda result: max(record.value for record in result.history))
        print(f"{name}: {courses[name][:, -1].mean():.2f} ± {courses[name][:, -1].std(ddof=1):.2f} after {LOOKS} looks")
    save(against(courses["random"], courses["local search"], max(columns["valid"])), "against-random.png")
    ((_, graph),) = space.graph(best.best).items()
    ops = list(dict.fromkeys(name for choice in space.choices for name in choice.options))
    save(diagram.cell(graph, ops), "found.png")
    predicted()


if __name__ == "__main__":
    main()
