"""Search, train and export a network that ships with the package: `appnas eda predict appnas:NAME LEF DEF` loads it.

    python benchmarks/chip_net.py NAME --task hotspots

It reads channels alone whose units know no technology: shares of a gcell, tracks, shares of the tracks. In the folder
there are weights, `arch.json` with the levels of these channels in training, and a card.
"""

import argparse
import shlex
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from chips import STRIDES, machine

import appnas
from appnas.domains.eda import SHIPPED, SMALL, Routability, load, nets
from appnas.domains.eda.baselines import baselines
from appnas.domains.eda.flow import OVERFLOW, TRACKS
from appnas.retrain import export
from appnas.spaces import GuideDag

FREE = ("macro", "cell", "flip_flop", "buffer", *TRACKS, *OVERFLOW)
"""Shares of a gcell's area, its tracks, the share that nets take, and what a pattern router cannot place."""


def card(args, domain, trained, physics):
    """What it is, how it was made, how it did on designs it never saw, and what it is not for."""
    found, split = trained.rows[0], {name: domain.split[name] for name in ("train", "valid", "test")}
    metrics = list(found.tests[0])
    rows = {"this network": {name: found.mean(name) for name in metrics}, **physics}
    return "\n".join(
        [
            f"# appnas:{args.name}",
            "",
            f"Predicts {args.task} of a placement: `appnas eda predict appnas:{args.name} tech.lef cells.lef a.def`.",
            f"A guide-DAG of {found.parameters:,} weights, found by `{args.method}`, trained for {args.final} epochs.",
            "",
            f"Made by `python benchmarks/chip_net.py {shlex.join(sys.argv[1:])}` on {machine()}, from",
            f"{args.path.name}: {len(domain.data.names)} placements, digest {domain.fingerprint[:12]}.",
            "",
            f"Reads {', '.join(domain.options.channels)}.",
            "",
            "On the test's designs, which neither search nor training saw; the lower rows need no network:",
            "",
            "| | " + " | ".join(metrics) + " |",
            "| --- " * (len(metrics) + 1) + "|",
            *(
                f"| {name} | " + " | ".join(f"{of[m]:.3f}" if m in of else "" for m in metrics) + " |"
                for name, of in rows.items()
            ),
            "",
            *(f"{name}: {', '.join(designs)}." for name, designs in split.items()),
            "",
            "Labels come from open tools on small designs without macros, see `PLACEMENTS.md` in the folder above. On",
            "designs unlike those of the training, `predict` says so; it is no sign-off.",
            "",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", help="of the folder in domains/eda/files, unless --out says another")
    parser.add_argument("--task", choices=("hotspots", "violated_nets"), default="hotspots")
    parser.add_argument("--path", type=Path, default=SHIPPED, help="dataset.npz of `appnas eda generate`")
    parser.add_argument("--channels", nargs="+", default=FREE)
    parser.add_argument("--method", default="routability")
    parser.add_argument("--evaluations", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=10, help="of every training in the search")
    parser.add_argument("--final", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder of exports, by default the package's")
    args = parser.parse_args()
    torch.set_num_threads(1)
    options = replace(SMALL, task=args.task, channels=tuple(args.channels))
    domain = Routability(load(args.path), options)
    space = GuideDag(width=16, strides=STRIDES[args.task], kernels=(3, 5, 7, 9))
    folder = (args.out or nets.FILES) / args.name
    with tempfile.TemporaryDirectory() as run:
        budget = {"evaluations": args.evaluations, "budget": args.epochs}
        result = appnas.search(space, domain, args.method, seed=args.seed, out=run, **budget)
        trained = result.retrain(args.final)
        export(Path(run), folder, to=(), domain=domain)
    (folder / "README.md").write_text(card(args, domain, trained, baselines(domain, args.seed)))
    print(f"{folder}: " + ", ".join(f"{name} {value:.3f}" for name, value in trained.rows[0].tests[0].items()))


if __name__ == "__main__":
    main()
