"""The first search: how a network reads eight sensors, beside random search at equal budget and hand-made networks.

    python examples/quickstart.py            # about a minute on one core, no download
    python examples/quickstart.py --quick    # seconds; it only tries the plumbing, and says nothing of the search

A machine is in one of four states, and each of eight sensors tells of it in a way of its own: by its level, its
drift, its spike, the strength of its swing or of its jitter, or by how one of these grows. The data are made here, a
machine for each seed: 300 labelled records, half of which validate during the search, and 3,000 that are looked at
once, at the end. The network decides for every sensor which number is read off it: 8 decisions, 8^8 networks. Random
ones are poor, as every sensor that is read wrongly only adds noise; and to read everything off every sensor is too
much for 300 records.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from torch import Tensor, nn
from torch.nn.functional import one_hot

import appnas
from appnas.api import Result
from appnas.domains import Labelled
from appnas.domains.labelled import Options
from appnas.retrain import Retrained, referee
from appnas.run import reserve
from appnas.task import Recipe

SENSORS, TIMES, STATES, WAYS = 8, 48, 4, 7
EVERYTHING = "everything"


def away(x: Tensor) -> Tensor:
    """Distance from the mean."""
    return (x - x.mean(-1, keepdim=True)).abs()


def grown(x: Tensor) -> Tensor:
    """By how much the second half is higher."""
    return x[:, x.shape[1] // 2 :].mean(-1) - x[:, : x.shape[1] // 2].mean(-1)


READINGS = {
    "level": lambda x: x.mean(-1),
    "drift": grown,
    "highest": lambda x: x.amax(-1),
    "lowest": lambda x: x.amin(-1),
    "swing": lambda x: away(x).mean(-1),
    "swing grows": lambda x: grown(away(x)),
    "jitter": lambda x: x.diff().abs().mean(-1),
    "jitter grows": lambda x: grown(x.diff().abs()),
}


class Net(nn.Module):
    """A reading of every sensor, then two layers."""

    def __init__(self, io: appnas.IO, width: int = 32) -> None:
        """Pick the readings."""
        super().__init__()
        picked = [appnas.pick("reading", [*READINGS, EVERYTHING], each=True) for _ in range(io.inputs[0])]
        self.read = [(k, f) for k, name in enumerate(picked) for f in ([*READINGS] if name == EVERYTHING else [name])]
        size = len(self.read)
        self.head = nn.Sequential(nn.BatchNorm1d(size), nn.Linear(size, width), nn.ReLU(), nn.Linear(width, STATES))

    def forward(self, x: Tensor) -> Tensor:
        """Logits [B, 4] of records [B, 8, 48]."""
        return self.head(torch.stack([READINGS[name](x[:, sensor]) for sensor, name in self.read], 1))


def records(seed: int, count: int, shift: float = 1.2) -> tuple[Tensor, Tensor]:
    """Sensors [count, 8, 48] and states [count] of the machine of this seed."""
    rng = torch.Generator().manual_seed(seed)
    way = one_hot(torch.randperm(SENSORS, generator=rng) % WAYS, WAYS)  # which of its quantities a sensor tells by
    side = torch.rand(STATES, SENSORS, generator=rng).argsort(0) // 2 * 2 - 1  # two of the states against two
    y = torch.randint(STATES, (count,), generator=rng)
    drawn = torch.randn(count, SENSORS, WAYS, generator=rng) + shift * side[y][..., None] * way
    level, drift, spike, swing, swings, jitter, jitters = drawn[..., None].unbind(-2)
    time, phase = torch.linspace(-1, 1, TIMES), 2 * math.pi * torch.rand(count, SENSORS, 1, generator=rng)
    noise = 0.3 * torch.randn(count, SENSORS, TIMES, generator=rng) * (0.5 * jitter + 0.7 * jitters * time).exp()
    waves = torch.sin(phase + 9.4 * time) * (0.5 * swing + 0.7 * swings * time).exp()
    when = torch.randint(TIMES, (count, SENSORS, 1), generator=rng)
    return (level + drift * time + waves + noise).scatter_add(2, when, 3 + spike), y


def machine(seed: int, labelled: int = 300, held_out: int = 3000) -> Labelled:
    """The task of one machine."""
    x, y = records(seed, labelled + held_out)
    recipe = Recipe("adam", lr=0.02, weight_decay=0.0)
    options = Options(valid=0.5, batch=50, final_batch=50, recipe=recipe)
    return Labelled(x[:labelled], y[:labelled], x[labelled:], y[labelled:], options=options)


def alone(values: dict[str, Any]) -> bool:
    """The rule that leaves everything at once to the control: on all sensors, or on none."""
    return values["reading"].count(EVERYTHING) in (0, SENSORS)


@dataclass
class Args:
    """Sizes of the demonstration."""

    evaluations: int = 200
    """Networks that the search trains, and as many for random search."""
    epochs: int = 8
    """Of every training."""
    trainings: int = 5
    """From scratch, of what was found and of every control, with other seeds."""
    seed: int = 0
    """Of everything."""
    threads: int = 1
    """Torch threads."""
    out: Path | None = Path("runs/quickstart")
    """Directory of the run; the next free number is added."""
    quick: bool = False
    """A tiny version of everything, to try the plumbing."""


def compare(args: Args, progress: bool = False) -> tuple[Result, Retrained]:
    """Search beside random search, then train and test what both found and the hand-made networks."""
    domain, out = machine(args.seed), reserve(args.out) if args.out else None
    space = appnas.space_of(Net, domain.io, rule=alone)
    few = {"evaluations": args.evaluations, "budget": args.epochs, "control": True}
    result = appnas.search(space, domain, "local_search", seed=args.seed, out=out, progress=progress, **few)
    beside = [*READINGS, EVERYTHING]
    return result, result.retrain(args.epochs, beside=beside, seeds=args.trainings, progress=progress)


def main(args: Args) -> None:
    """Search, retrain, report."""
    torch.set_num_threads(args.threads)
    if args.quick:
        args.evaluations, args.epochs, args.trainings = 12, 1, 2
    console = Console()
    console.print(f"{args.evaluations} networks by local search, as many by random search: about a minute")
    result, trained = compare(args, progress=True)
    console.print(f"\n{result}\n", highlight=False)
    console.print(trained)
    for said in referee(trained.rows):
        console.print(said, highlight=False)
    if args.quick:
        console.print("--quick only tried the plumbing: these networks were hardly trained, and say nothing.")
    console.print(f"Ten other machines: benchmarks/first_search.py. The report: {result.report()}")


if __name__ == "__main__":
    main(tyro.cli(Args))
