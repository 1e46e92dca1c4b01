"""DARTS's recurrent cell on Tiny Shakespeare beside an LSTM, a GRU, a chain of tanh, DARTS_V2 and random cells.

All networks have the same number of weights (to 2 %), the same steps, data and seeds. Every finished search or training
is a line of FILE; a second run does what is missing. Test perplexities are of the epoch that validation chose.

    APPNAS_DATA=... python benchmarks/recurrent_cells.py FILE          # about 30 CPU minutes
    python benchmarks/recurrent_cells.py FILE --table                  # prints what is there
"""

import json
import random
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

import appnas
from appnas.cost import counts
from appnas.domains.text import SMALL, shakespeare
from appnas.methods import darts
from appnas.space import describe, random_arch
from appnas.spaces import Recurrent
from appnas.spaces.text import DARTS_V2
from appnas.task import Recipe

SEEDS, WIDTH, EPOCHS, SCALE = range(5), 48, 4, 0.5
RATES = {"GRU": 0.01}
"""Adam's rate where it is not 0.02: the best of 0.005, 0.01, 0.02 and 0.04 by validation, seed 0, for each kind."""
DRY = {f"drop_{name}": 0.0 for name in ("word", "embedding", "input", "state", "output")}
SPACE = Recurrent(hidden=32, width=WIDTH, scale=SCALE, **DRY)
OPTIONS = replace(
    SMALL, bptt=20, batch=256, train_batch=128, score_batch=128, test_batch=128,
    recipe=Recipe("adam", lr=0.02, weight_decay=0.0, clip=1.0),
)  # fmt: skip
SEARCH = replace(darts.RECURRENT, order="first", epochs=1, alpha_lr=0.05)


class Gated(nn.Module):
    """Torch's LSTM or GRU as a language model with a tied embedding, by the domain's protocol."""

    def __init__(self, kind: type, tokens: int, width: int):
        super().__init__()
        self.cell = kind(width, width)
        self.embedding = nn.Parameter(torch.empty(tokens, width).uniform_(-SCALE, SCALE))
        self.bias = nn.Parameter(torch.zeros(tokens))

    def forward(self, tokens, hidden=None):
        x, start = nn.functional.embedding(tokens.t(), self.embedding), None
        if hidden is not None and hidden.shape[1]:
            parts = [part.contiguous() for part in hidden[None].chunk(1 + isinstance(self.cell, nn.LSTM), -1)]
            start = tuple(parts) if len(parts) > 1 else parts[0]
        outputs, last = self.cell(x, start)
        scores = nn.functional.linear(outputs, self.embedding, self.bias).transpose(0, 1)
        after = torch.cat(last, -1)[0] if isinstance(last, tuple) else last[0]
        return scores if hidden is None else (scores, after, outputs.transpose(0, 1))


def gated(kind: type, domain):
    """The width at which an LSTM or GRU has as many weights as a cell of the space."""
    goal = counts.parameters(SPACE.build(SPACE.from_cell(DARTS_V2), domain.io))
    tokens = domain.io.outputs[1]
    width = min(range(8, 400), key=lambda n: abs(counts.parameters(Gated(kind, tokens, n)) - goal))
    return lambda: Gated(kind, tokens, width)


def main(file: Path) -> None:
    torch.set_num_threads(1)
    domain, lines = shakespeare(OPTIONS), read(file)
    done = {(line["name"], line["seed"]): line for line in lines}
    chain = SPACE.from_cell(tuple(("tanh", i) for i in range(8)))
    rates = {name: replace(OPTIONS.recipe, lr=rate) for name, rate in RATES.items()}
    others = {name: shakespeare(replace(OPTIONS, recipe=recipe)) for name, recipe in rates.items()}
    makers = {"LSTM": gated(nn.LSTM, domain), "GRU": gated(nn.GRU, domain)}
    archs = {"tanh chain": chain, "DARTS_V2": SPACE.from_cell(DARTS_V2)}

    def keep(**line):
        file.open("a").write(json.dumps(line) + "\n")
        done[line["name"], line["seed"]] = line
        print(line, flush=True)

    def train(name, seed, make, arch=None):
        if (name, seed) in done:
            return
        start = time.process_time()
        torch.manual_seed(seed)
        model = make()
        others.get(name, domain).fit(model, EPOCHS, seed=seed)
        keep(
            name=name, seed=seed, arch=arch, weights=counts.parameters(model), valid=domain.score(model)["perplexity"],
            test=domain.test(model)["perplexity"], seconds=time.process_time() - start,
        )  # fmt: skip

    for seed in SEEDS:
        if ("search", seed) not in done:
            start = time.process_time()
            result = appnas.search(SPACE, domain, "darts", config=SEARCH, seed=seed)
            keep(name="search", seed=seed, arch=result.best, seconds=time.process_time() - start)
        for name, arch in {
            "derived": tuple(done["search", seed]["arch"]), "random": random_arch(SPACE, random.Random(seed)), **archs
        }.items():  # fmt: skip
            train(name, seed, lambda arch=arch: SPACE.build(arch, domain.io), arch)
        for name, make in makers.items():
            train(name, seed, make)


def read(file: Path) -> list[dict]:
    """The finished lines."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def table(lines: list[dict]) -> None:
    """Means and deviations over the seeds, the best by validation of the cells that differ, what was found."""
    trained = [line for line in lines if line["name"] != "search"]
    rows = {name: [x for x in trained if x["name"] == name] for name in dict.fromkeys(x["name"] for x in trained)}
    for name in ("derived", "random"):
        if name in rows:
            best = min(rows[name], key=lambda line: line["valid"])
            rows[f"{name}, the best of {len(rows[name])} by validation"] = [best]
    print("| cell | weights | seeds | valid perplexity | test perplexity | CPU s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, found in sorted(rows.items(), key=lambda row: statistics.fmean(x["valid"] for x in row[1])):
        cells = []
        for values in ([row[key] for row in found] for key in ("valid", "test")):
            spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            cells.append(f"{statistics.fmean(values):.2f}{spread}")
        seconds = statistics.fmean(row["seconds"] for row in found)
        print(f"| {name} | {found[0]['weights']:,} | {len(found)} | {' | '.join(cells)} | {seconds:.0f} |")
    for line in lines:
        if line["name"] == "search":
            options = describe(SPACE.choices, tuple(line["arch"]))["recurrent"]
            cell = [f"{op} {SPACE.edges[e][0]}" for e, op in enumerate(options) if op != "none"]
            print("found with seed", line["seed"], ":", ", ".join(cell), f"({line['seconds']:.0f} CPU s)")


if __name__ == "__main__":
    path = Path(sys.argv[1])
    if "--table" not in sys.argv:
        main(path)
    table(read(path))
